// The launcher: serves the quick commands itself, hands everything else to Node with the command
// line of yargs. It holds no policy: what the flags are is generated from the yargs definitions.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "commands.h"
#include "installation.h"
#include "options.h"
#include "preserved.h"
#include "report.h"
#include "shim.h"
#include "trace.h"

static int (*const commands[COMMAND_COUNT])(const struct options *) = {
    [COMMAND_DO] = command_do,         [COMMAND_HOLD] = command_hold,
    [COMMAND_CREATE] = command_create, [COMMAND_RUN] = command_run,
    [COMMAND_START] = command_start,   [COMMAND_STATE] = command_state,
    [COMMAND_KILL] = command_kill,     [COMMAND_DELETE] = command_delete,
    [COMMAND_EXEC] = command_exec,     [COMMAND_PS] = command_ps,
    [COMMAND_PAUSE] = command_pause,   [COMMAND_RESUME] = command_resume,
    [COMMAND_UPDATE] = command_update, [COMMAND_LIST] = command_list,
    [COMMAND_WAIT] = command_wait,     [COMMAND_METRIC_SERVER] = command_metric_server,
    [COMMAND_TRACE] = command_trace,   [COMMAND_DEBUG] = command_debug,
};

// Nothing of the caller's but its standard streams, and what it says is to be preserved, may leak into a sandbox; and
// those three numbers must not be taken by what is opened next. `kept`: further ones that stay, in ascending order. Returns
// which of 0-2 were closed, bit n for descriptor n.
static unsigned close_foreign_descriptors(int preserved, const int *kept, int count) {
  unsigned closed = 0;
  while (true) {
    int fd = open("/dev/null", O_RDWR);
    if (fd < 0) fail_errno(EXIT_RINGFENCE, "opening /dev/null");
    if (fd > 2) {
      close(fd);
      break;
    }
    closed |= 1u << fd;
  }
  unsigned first = (unsigned)(PRESERVED_FIRST + preserved);
  for (int i = 0; i <= count; i++) {
    const unsigned last = i < count ? (unsigned)kept[i] : ~0u;
    if (first < last && syscall(SYS_close_range, first, i < count ? last - 1 : last, 0) < 0)
      fail_errno(EXIT_RINGFENCE, "closing descriptors");
    if (first <= last) first = last + 1;
  }
  return closed;
}

// Engines look for the reason of a failure in the log.
static void open_log(const struct options *options) {
  const char *path = options->values[OPTION_LOG];
  if (!path) return;
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) fail_errno(EXIT_RINGFENCE, "opening %s", path);
  report_log(fd, option_is(options, OPTION_LOG_FORMAT, "json"), option_on(options, OPTION_LOG_ALONE));
}

// What a caller that was killed had begun is not to go on behind its back: somebody else cleans up after it.
static void bind_to_parent(const char *parent) {
  if (!parent) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (kill(atoi(parent), 0) < 0 && errno == ESRCH) fail(EXIT_RINGFENCE, "the caller, %s, has ended", parent);
}

static _Noreturn void run_node(char **argv) {
  char **command = installation_node_command("cli", argv + (argv[0] != NULL));
  execv(command[0], command);
  fail_errno(EXIT_RINGFENCE, "starting %s", command[0]);
}

int main(int argc, char **argv) {
  if (shim_is_called(argv[0])) return shim_main(argc, argv);
  struct options options;
  if (!options_read(&options, argc, argv)) run_node(argv);
  options.words = argv + 1;
  report_failures_as(options_failure_code(&options));
  if (options.command == COMMAND_CREATE || options.command == COMMAND_RUN)
    options.listening = preserved_activation();
  options.preserved = preserved_read(options.values[OPTION_PRESERVE_FDS]) + options.listening;
  if (options.preserved > PRESERVED_MAX)
    fail(EXIT_RINGFENCE, "LISTEN_FDS and --preserve-fds are more than %d descriptors", PRESERVED_MAX);
  int kept[TRACES_MAX * TRACE_SINKS_MAX];
  const int count = traces_keep(&options, kept);
  options.closed_streams = close_foreign_descriptors(options.preserved, kept, count);
  preserved_check(options.preserved);
  open_log(&options);
  bind_to_parent(options.values[OPTION_PARENT]);
  return commands[options.command](&options);
}
