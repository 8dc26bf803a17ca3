// Starting a sandbox: see sandbox.h. What must precede threads happens here and in init; Node has
// seven threads before its first line of JavaScript, and namespaces, capabilities and masks are per
// thread.
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "init.h"
#include "installation.h"
#include "privileges.h"
#include "report.h"

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

static int open_file(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC, 0644);
  if (fd < 0) fail_errno(EXIT_RINGFENCE, "opening %s", path);
  return fd;
}

// Everything Node must know, sealed, so that nobody can change it behind the reader.
static int config_memfd(const struct options *options, const struct identity *identity, char *const *program,
                        char *const *environment) {
  struct buffer text = {0};
  buffer_printf(&text, "{\"version\":1,\"mode\":\"%s\",\"hostname\":", program ? "do" : "hold");
  buffer_json_string(&text, identity->hostname);
  buffer_printf(&text, ",\"options\":{\"platform\":");
  buffer_json_string(&text, options->values[OPTION_PLATFORM]);
  buffer_printf(&text, ",\"overlay2\":");
  buffer_json_string(&text, options->values[OPTION_OVERLAY2]);
  buffer_printf(&text, ",\"debug\":%s,\"strace\":%s}", option_on(options, OPTION_DEBUG) ? "true" : "false",
                option_on(options, OPTION_STRACE) ? "true" : "false");
  if (program) {
    buffer_printf(&text, ",\"process\":");
    identity_write_spec(identity, program, environment, &text);
  }
  buffer_append(&text, "}", 1);
  int fd = memfd_create("ringfence-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0 || write_all(fd, text.data, text.length) < 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
    fail_errno(EXIT_RINGFENCE, "writing the configuration");
  buffer_free(&text);
  return fd;
}

static int write_file(pid_t pid, const char *name, const char *text) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t n = write(fd, text, strlen(text));
  int error = errno;
  close(fd);
  errno = error;
  return n < 0 ? -1 : 0;
}

// Maps every id of the caller's namespace to itself, so that owners on disk stay true.
static int map_identity(pid_t pid, const char *name) {
  char own[32];
  snprintf(own, sizeof own, "/proc/self/%s", name);
  FILE *file = fopen(own, "re");
  if (!file) return -1;
  struct buffer map = {0};
  unsigned long first, outside, count;
  while (fscanf(file, "%lu %lu %lu", &first, &outside, &count) == 3)
    buffer_printf(&map, "%lu %lu %lu\n", first, first, count);
  fclose(file);
  buffer_append(&map, "", 1);
  int result = write_file(pid, name, map.data);
  buffer_free(&map);
  return result;
}

static void map_ids(pid_t pid, const struct identity *identity) {
  if (map_identity(pid, "uid_map") == 0) {
    if (map_identity(pid, "gid_map") < 0) fail_errno(EXIT_RINGFENCE, "mapping group ids");
    return;
  }
  // Without privilege a process may map itself alone; owners that are not mapped show as 65534.
  char text[64];
  snprintf(text, sizeof text, "%u %u 1\n", identity->uid, identity->uid);
  if (write_file(pid, "uid_map", text) < 0) fail_errno(EXIT_RINGFENCE, "mapping user ids");
  snprintf(text, sizeof text, "%u %u 1\n", identity->gid, identity->gid);
  if (write_file(pid, "setgroups", "deny") < 0 || write_file(pid, "gid_map", text) < 0)
    fail_errno(EXIT_RINGFENCE, "mapping group ids");
}

// A record in the sandbox's log, as pino writes them.
static void log_warning(int log, const char *message) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct buffer line = {0};
  buffer_printf(&line, "{\"level\":40,\"time\":%lld,\"name\":\"launcher\",\"msg\":",
                (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
  buffer_json_string(&line, message);
  buffer_append(&line, "}\n", 2);
  write_all(log, line.data, line.length);
  buffer_free(&line);
}

static pid_t clone_init(const struct init_plan *plan, bool *user_namespace) {
  unsigned long flags =
      CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP | SIGCHLD;
  *user_namespace = true;
  pid_t pid = (pid_t)syscall(SYS_clone, flags | CLONE_NEWUSER, NULL, NULL, NULL, NULL);
  if (pid < 0 && geteuid() == 0 && (errno == EPERM || errno == EINVAL || errno == ENOSPC)) {
    *user_namespace = false;
    pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
  }
  if (pid < 0)
    fail_errno(EXIT_RINGFENCE, "making namespaces (are user namespaces switched off on this host?)");
  if (pid == 0) init_run(plan);
  return pid;
}

void sandbox_start(struct sandbox *sandbox, const struct options *options, const struct identity *identity,
                   char *const *program, const struct state_directory *state) {
  // The caller's soft limits are the guest's; a limit on file sizes would hit memfds here.
  signal(SIGXFSZ, SIG_IGN);
  limits_raise();
  char directory[4096], stub[4096];
  installation_path(directory, sizeof directory, "sandbox");
  installation_path(stub, sizeof stub, "sandbox/stub");

  int lifeline[2], control[2], log[2] = {-1, -1};
  if (pipe2(lifeline, O_CLOEXEC) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0)
    fail_errno(EXIT_RINGFENCE, "making the sandbox's channels");
  const char *log_path = options->values[OPTION_LOG], *debug_path = options->values[OPTION_DEBUG_LOG];
  if (log_path)
    log[1] = open_file(log_path, O_WRONLY | O_CREAT | O_APPEND);
  else if (pipe2(log, O_CLOEXEC) < 0)
    fail_errno(EXIT_RINGFENCE, "making the sandbox's channels");

  struct init_plan plan = {
      .sandbox_directory = directory,
      .lifeline = lifeline[0],
      .null = open_file("/dev/null", O_RDWR),
      .stub = open_file(stub, O_RDONLY),
      .config = config_memfd(options, identity, program, environ),
      .control = control[1],
      .listen = state ? state_listen(state) : -1,
      .log = log[1],
      .debug_log = debug_path ? open_file(debug_path, O_WRONLY | O_CREAT | O_APPEND) : -1,
      .stdio = {-1, -1, -1},
      .terminal = program && identity->terminal ? 0 : -1,
      .state_lock = state ? state->lock : -1,
      .root_writable = strcmp(options->values[OPTION_OVERLAY2], "none") == 0,
  };
  for (int i = 0; program && i < 3; i++)
    plan.stdio[i] = i;

  bool user_namespace;
  sandbox->lifeline = lifeline[1];
  sandbox->control = control[0];
  sandbox->log = log[0];
  // init must not hold the launcher's ends: it would keep its own lifeline alive.
  plan.launcher_ends[0] = lifeline[1];
  plan.launcher_ends[1] = control[0];
  plan.launcher_ends[2] = log[0];
  sandbox->init = clone_init(&plan, &user_namespace);
  if (user_namespace)
    map_ids(sandbox->init, identity);
  else
    log_warning(log[1], "this host has no user namespaces: the sandbox runs in the initial one");
  if (write_all(lifeline[1], (char[]){LIFELINE_GO}, 1) < 0)
    fail_errno(EXIT_RINGFENCE, "starting the sandbox");

  const int given[] = {plan.lifeline, plan.null,   plan.stub, plan.config,
                       plan.control,  plan.listen, plan.log,  plan.debug_log};
  for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
    if (given[i] >= 0) close(given[i]);
  if (program) sandbox_release_stdio();
}

void sandbox_release_stdio(void) {
  int null = open_file("/dev/null", O_RDWR);
  for (int fd = 0; fd < 2; fd++)
    if (dup2(null, fd) < 0) fail_errno(EXIT_RINGFENCE, "releasing standard streams");
  if (null > 2) close(null);
}

void sandbox_end(struct sandbox *sandbox) {
  kill(sandbox->init, SIGKILL);
  // Process 1 is only reaped when its whole namespace is gone.
  while (waitpid(sandbox->init, NULL, 0) < 0 && errno == EINTR)
    continue;
}
