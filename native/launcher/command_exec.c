// `ringfence exec`: a further command in a running sandbox or container: one request to its control socket,
// with descriptors 0-2 attached. When the connection ends, the sandbox kills the command; with --detach, a
// waiter stands for it instead.
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buffer.h"
#include "cgroup.h"
#include "commands.h"
#include "console.h"
#include "container.h"
#include "handover.h"
#include "identity.h"
#include "json.h"
#include "preserved.h"
#include "record.h"
#include "report.h"
#include "request.h"
#include "sandbox.h"
#include "session.h"
#include "spec.h"
#include "state.h"
#include "waiter.h"

// A request has at most 1 MiB.
#define PROCESS_BYTES_MAX ((1 << 20) - 4096)

static bool number(const char **at, unsigned *value) {
  char *end;
  if (**at < '0' || **at > '9') return false;
  unsigned long parsed = strtoul(*at, &end, 10);
  if (parsed >= UINT_MAX) return false;
  *at = end;
  *value = (unsigned)parsed;
  return true;
}

// UID or UID:GID. With another user, the caller's groups do not go along.
static void take_user(struct identity *identity, const char *user) {
  const char *at = user;
  bool valid = number(&at, &identity->uid);
  identity->gid = 0;
  identity->group_count = 0;
  if (valid && *at == ':') {
    at++;
    valid = number(&at, &identity->gid);
  }
  if (!valid || *at != '\0') fail(EXIT_RINGFENCE, "--user must be UID or UID:GID, in numbers: %s", user);
}

static unsigned read_group(const char *text) {
  unsigned group;
  const char *at = text;
  if (!number(&at, &group) || *at != '\0')
    fail(EXIT_RINGFENCE, "--additional-gids must be a number: %s", text);
  return group;
}

// The caller's environment with NAME=VALUE of --env put over it.
static char **merge_environment(char **added) {
  size_t count = 0, more = 0;
  while (environ[count])
    count++;
  while (added && added[more])
    more++;
  char **merged = calloc(count + more + 1, sizeof *merged);
  if (!merged) fail_errno(EXIT_RINGFENCE, "reading the environment");
  memcpy(merged, environ, count * sizeof *merged);
  for (size_t i = 0; i < more; i++) {
    const char *equals = strchr(added[i], '=');
    if (!equals || equals == added[i]) fail(EXIT_RINGFENCE, "--env must be NAME=VALUE: %s", added[i]);
    size_t name = (size_t)(equals - added[i]) + 1, at = 0;
    while (at < count && strncmp(merged[at], added[i], name) != 0)
      at++;
    merged[at] = added[i];
    if (at == count) count++;
  }
  return merged;
}

// ---- In a container ----

static void write_changes(struct buffer *into, const struct options *options, bool terminal) {
  buffer_printf(into, "\"terminal\":%s,\"args\":", terminal ? "true" : "false");
  buffer_json_texts(into, options->arguments);
  buffer_printf(into, ",\"env\":");
  char *none[] = {NULL};
  buffer_json_texts(into, options->lists[OPTION_ENV] ? options->lists[OPTION_ENV] : none);
  if (options->values[OPTION_CWD]) {
    buffer_printf(into, ",\"cwd\":");
    buffer_json_text(into, options->values[OPTION_CWD]);
  }
  if (options->values[OPTION_USER]) {
    struct identity identity;
    take_user(&identity, options->values[OPTION_USER]);
    buffer_printf(into, ",\"uid\":%u,\"gid\":%u", identity.uid, identity.gid);
  }
  char **groups = options->lists[OPTION_ADDITIONAL_GIDS], **capabilities = options->lists[OPTION_CAP];
  for (char **group = groups; group && *group; group++)
    buffer_printf(into, "%s%u", group == groups ? ",\"groups\":[" : ",", read_group(*group));
  if (groups) buffer_append(into, "]", 1);
  if (capabilities) {
    buffer_printf(into, ",\"capabilities\":");
    buffer_json_texts(into, capabilities);
  }
}

// What --process says of the terminal; the object itself goes to the sandbox as it is, which checks it.
struct process_file {
  char *text;
  size_t length;
  struct terminal_spec terminal;
};

static void read_process(struct process_file *file, const char *path) {
  file->text = read_whole_file(path, PROCESS_BYTES_MAX, &file->length);
  if (!file->text) fail_errno(EXIT_RINGFENCE, "reading %s", path);
  struct json json;
  if (!json_read(&json, file->text, file->length) || !json_is(&json, 0, JSON_OBJECT))
    fail(EXIT_RINGFENCE, "%s is not a JSON object", path);
  terminal_read(&file->terminal, &json, 0);
  json_free(&json);
  request_flatten(file->text, file->length);
}

// What stands for the command on the host is put in the group that --cgroup names; its guest code stays in the container's.
static pid_t start_waiter(struct record *record, const struct cgroups *cgroups, int channel, int terminal) {
  if (!record_init_alive(record)) fail(EXIT_RINGFENCE, "container not running");
  pid_t waiter = waiter_start(record->init, record->user_namespace, false, channel, terminal, cgroups);
  // Had init died meanwhile, its number and so the namespaces might have been somebody else's.
  if (!record_init_alive(record)) {
    kill(waiter, SIGKILL);
    fail(EXIT_RINGFENCE, "container not running");
  }
  return waiter;
}

static int exec_in_container(const struct options *options, const struct state_directory *state,
                             struct record *record) {
  bool detach = option_on(options, OPTION_DETACH);
  const char *console_socket = options->values[OPTION_CONSOLE_SOCKET],
             *path = options->values[OPTION_PROCESS];
  struct process_file file = {.terminal.wanted = option_on(options, OPTION_TTY)};
  if (path) read_process(&file, path);
  console_check(file.terminal.wanted, detach, console_socket);
  struct cgroups cgroups = record_groups(record);
  cgroups.lenient = container_is_lenient(options);
  if (options->lists[OPTION_CGROUP]) cgroups_descend(&cgroups, options->lists[OPTION_CGROUP]);
  session_block_signals();
  struct lines control = {.fd = state_connect(state)};
  if (control.fd < 0) fail(EXIT_RINGFENCE, "container not running");
  struct session session = {
      .control = &control, .lifeline = -1, .log = -1, .watch_input = -1, .forward = true, .terminal = -1};
  if (file.terminal.wanted && !console_socket) session_take_terminal(&session);

  static const enum option labels[] = {OPTION_APPARMOR, OPTION_PROCESS_LABEL};
  for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
    if (options->values[labels[i]])
      note("--apparmor and --process-label have no effect: %s", options->values[labels[i]]);
  struct console console = {-1, -1};
  if (console_socket) console_open(&console, file.terminal.columns, file.terminal.rows);
  int stream = console.slave, channel[2] = {-1, -1};
  int descriptors[4 + PRESERVED_MAX] = {stream < 0 ? 0 : stream, stream < 0 ? 1 : stream,
                                        stream < 0 ? 2 : stream};
  int count = 3;
  pid_t waiter = 0;
  if (detach) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
      fail_errno(EXIT_RINGFENCE, "making the waiter's channel");
    descriptors[count++] = channel[0];
    waiter = start_waiter(record, &cgroups, channel[1], stream);
    close(channel[1]);
  }
  for (int i = 0; i < options->preserved; i++)
    descriptors[count++] = PRESERVED_FIRST + i;
  struct buffer line = {0};
  buffer_printf(&line,
                "{\"id\":1,\"method\":\"container_exec\",\"params\":{\"detach\":%s,\"ignorePaused\":%s,"
                "\"preserved\":%d,\"noNewPrivileges\":%s,",
                detach ? "true" : "false", option_on(options, OPTION_IGNORE_PAUSED) ? "true" : "false",
                options->preserved, option_on(options, OPTION_NO_NEW_PRIVS) ? "true" : "false");
  if (path) {
    buffer_printf(&line, "\"process\":");
    buffer_append(&line, file.text, file.length);
  } else {
    write_changes(&line, options, file.terminal.wanted);
  }
  buffer_append(&line, "}}\n", 3);
  char *answer, message[4096];
  size_t length;
  if (console_socket) console_send(&console, console_socket);
  if (!request_ask(&control, &line, descriptors, count, &answer, &length, message, sizeof message))
    fail(EXIT_RINGFENCE, "%s", message[0] ? message : "container not running");
  buffer_free(&line);
  preserved_release(options->preserved);
  // Who waits for a command that is not detached is this launcher.
  pid_t pid = waiter ? waiter : getpid();
  handover_pidfd(options->values[OPTION_PIDFD_SOCKET], "setns", pid);
  container_write_pid(options->values[OPTION_PID_FILE], pid);
  if (detach) return 0;
  if (stream >= 0)
    close(stream);
  else
    sandbox_release_stdio();
  return session_run(&session);
}

// ---- In a sandbox without a container ----

static int exec_in_sandbox(const struct options *options, const struct state_directory *state) {
  struct identity identity;
  if (options->preserved || options->lists[OPTION_CAP] || options->lists[OPTION_ADDITIONAL_GIDS])
    fail(EXIT_RINGFENCE, "--preserve-fds, --cap and --additional-gids are for containers: %s", options->id);
  // A program there ends with the connection that has started it.
  if (option_on(options, OPTION_DETACH)) fail(EXIT_RINGFENCE, "--detach is for containers: %s", options->id);
  identity_capture(&identity, options->closed_streams);
  session_block_signals();
  if (options->values[OPTION_USER]) take_user(&identity, options->values[OPTION_USER]);
  if (options->values[OPTION_CWD]) identity.cwd = (char *)options->values[OPTION_CWD];
  char **environment = merge_environment(options->lists[OPTION_ENV]);
  struct lines control = {.fd = state_connect(state)};
  if (control.fd < 0) fail(EXIT_RINGFENCE, "sandbox with id \"%s\" is not running", options->id);
  struct session session = {
      .control = &control, .lifeline = -1, .log = -1, .watch_input = -1, .forward = true};
  session_take_terminal(&session);
  struct buffer line = {0};
  buffer_printf(&line, "{\"id\":1,\"method\":\"exec\",\"params\":");
  identity_write_spec(&identity, options->arguments, environment, &line);
  buffer_append(&line, "}\n", 2);
  const int streams[3] = {0, 1, 2};
  if (!request_send(&control, &line, streams, 3)) fail_errno(EXIT_RINGFENCE, "sending the request");
  buffer_free(&line);
  sandbox_release_stdio();
  return session_run(&session);
}

int command_exec(const struct options *options) {
  struct state_directory state;
  struct record record;
  bool has_process = options->values[OPTION_PROCESS] != NULL;
  state_find(&state, options->values[OPTION_ROOT], options->id);
  bool recorded = record_read(&state, &record);
  if (has_process == (options->arguments != NULL))
    fail(EXIT_RINGFENCE, "exec needs either a command or --process");
  if (recorded && record.bundle) return exec_in_container(options, &state, &record);
  if (has_process) fail(EXIT_RINGFENCE, "\"%s\" is not a container", options->id);
  return exec_in_sandbox(options, &state);
}
