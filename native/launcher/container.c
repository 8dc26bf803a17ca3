// Containers: see container.h.
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "console.h"
#include "handover.h"
#include "hooks.h"
#include "init.h"
#include "json.h"
#include "privileges.h"
#include "report.h"
#include "shown_root.h"
#include "small_file.h"
#include "systemd.h"
#include "user_namespace.h"
#include "waiter.h"

#define OCI_VERSION "1.2.0"

// What is taken back when the launcher ends early; of this process alone, not of its children.
static struct container *unfinished;
static bool unfinished_hooks; // hooks have run, so those of the end are due as well
static pid_t owner;

static void poststop_hooks(const struct state_directory *state, const struct record *record) {
  char message[2048];
  if (record->bundle && !container_hooks(state, record, "poststop", "stopped", message, sizeof message))
    warn("%s", message);
}

static void undo(void) {
  if (!unfinished || getpid() != owner) return;
  struct record *record = &unfinished->record;
  sandbox_reap(record->waiter);
  sandbox_reap(unfinished->sandbox.init);
  if (unfinished->has_unit) unit_stop(record->unit, record->user_unit);
  const struct cgroups groups = record_groups(record);
  cgroups_remove(&groups);
  if (unfinished_hooks) poststop_hooks(&unfinished->state, record);
  state_remove(&unfinished->state);
}

static void undo_at_exit(struct container *container) {
  unfinished = container;
  owner = getpid();
  atexit(undo);
}

void container_keep(void) {
  unfinished = NULL;
}

void container_leave(struct container *container) {
  container_keep();
  (void)!write(container->sandbox.lifeline, (char[]){LIFELINE_DETACH}, 1);
}

// ---- State ----

static void annotations(const struct state_directory *state, struct buffer *into) {
  size_t length;
  char *text = state_read(state, "config.json", &length);
  if (!text) return;
  struct json json;
  if (json_read(&json, text, length)) {
    unsigned found = json_member(&json, 0, "annotations");
    if (found && json_is(&json, found, JSON_OBJECT)) {
      buffer_printf(into, ",\"annotations\":");
      const struct json_token *token = &json.tokens[found];
      buffer_append(into, text + token->start, token->end - token->start);
    }
  }
  json_free(&json);
  free(text);
}

void container_state(const struct state_directory *state, const struct record *record, const char *status,
                     const char *owner, struct buffer *into) {
  bool stopped = strcmp(status, "stopped") == 0;
  buffer_printf(into, "{\"ociVersion\":\"" OCI_VERSION "\",\"id\":");
  buffer_json_text(into, state->id);
  buffer_printf(into, ",\"status\":\"%s\"", status);
  pid_t pid = stopped ? 0 : record->waiter ? record->waiter : record->init;
  if (pid || owner) buffer_printf(into, ",\"pid\":%d", pid);
  buffer_printf(into, ",\"bundle\":");
  buffer_json_text(into, record->bundle);
  if (owner) {
    buffer_printf(into, ",\"rootfs\":");
    buffer_json_text(into, record->rootfs);
    buffer_printf(into, ",\"created\":\"%s\",\"owner\":", record->created);
    buffer_json_text(into, owner);
  }
  annotations(state, into);
  buffer_append(into, "}", 1);
}

// ---- Hooks ----

// The hook's process waits for that which is in the sandbox's PID namespace, and ends as it does.
static void stand_for(pid_t hook) {
  int status;
  while (waitpid(hook, &status, 0) < 0 && errno == EINTR)
    continue;
  if (WIFSIGNALED(status)) kill(getpid(), WTERMSIG(status));
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_RINGFENCE);
}

static bool is_ours(pid_t init, const char *name) {
  char own[64], theirs[64];
  struct stat file, other;
  snprintf(own, sizeof own, "/proc/self/ns/%s", name);
  snprintf(theirs, sizeof theirs, "/proc/%d/ns/%s", init, name);
  return stat(own, &file) == 0 && stat(theirs, &other) == 0 && file.st_ino == other.st_ino;
}

// createContainer hooks see the container's namespaces and, before anything is mounted there, the host's files. What they mount
// in the root file system the container has: init opens it later.
static void enter_namespaces(void *argument) {
  const struct container *container = argument;
  pid_t init = container->record.init;
  int process = (int)syscall(SYS_pidfd_open, init, 0);
  int types = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID;
  if (!is_ours(init, "net")) types |= CLONE_NEWNET;
  if (geteuid() != 0 && container->record.user_namespace) types |= CLONE_NEWUSER;
  if (process < 0 || setns(process, types) < 0) _exit(EXIT_RINGFENCE);
  close(process);
  pid_t hook = fork();
  if (hook != 0) stand_for(hook);
  (void)!chdir(container->spec.root);
}

static bool run_hooks(const struct state_directory *state, const struct json *spec,
                      const struct record *record, const char *name, const char *status,
                      const struct hook_place *place, char *message, size_t capacity) {
  message[0] = '\0';
  if (!hooks_present(spec, name)) return true;
  struct buffer text = {0};
  container_state(state, record, status, NULL, &text);
  bool done = hooks_run(spec, name, text.data, text.length, place, message, capacity);
  buffer_free(&text);
  return done;
}

bool container_has_hooks(const struct state_directory *state, const char *name) {
  size_t length;
  char *text = state_read(state, "config.json", &length);
  if (!text) return false;
  struct json json;
  bool found = json_read(&json, text, length) && hooks_present(&json, name);
  json_free(&json);
  free(text);
  return found;
}

bool container_hooks(const struct state_directory *state, const struct record *record, const char *name,
                     const char *status, char *message, size_t capacity) {
  message[0] = '\0';
  size_t length;
  char *text = state_read(state, "config.json", &length);
  if (!text) return true;
  struct json json;
  const struct hook_place place = {.directory = record->bundle};
  bool done = !json_read(&json, text, length) ||
              run_hooks(state, &json, record, name, status, &place, message, capacity);
  json_free(&json);
  free(text);
  return done;
}

static void create_hooks(struct container *container) {
  static const char *const names[] = {"prestart", "createRuntime", "createContainer"};
  char message[2048];
  const struct json *json = &container->spec.json;
  unfinished_hooks = true;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    bool inside = strcmp(names[i], "createContainer") == 0;
    const struct hook_place place = {.directory = container->spec.bundle,
                                     .enter = inside ? enter_namespaces : NULL,
                                     .argument = container};
    struct record seen = container->record;
    if (inside) seen.waiter = 1; // its number in the container's PID namespace
    if (!run_hooks(&container->state, json, &seen, names[i], "creating", &place, message, sizeof message))
      fail(EXIT_RINGFENCE, "%s", message);
  }
}

// ---- Create ----

static void keep_groups(struct record *record, const struct cgroups *cgroups) {
  record->cgroup_count = 0;
  for (int i = 0; i < cgroups->count && i < CGROUPS_MAX; i++) {
    record->cgroup_tops[record->cgroup_count] = cgroups->tops[i];
    record->cgroups[record->cgroup_count++] = cgroups->paths[i];
  }
}

bool container_is_lenient(const struct options *options) {
  if (!option_is(options, OPTION_ROOTLESS, "auto")) return option_on(options, OPTION_ROOTLESS);
  return geteuid() != 0 || !user_is_initial();
}

// Recorded before they are made: a launcher that is killed leaves no group that nobody knows.
static void plan_cgroups(struct container *container, const struct options *options, struct cgroups *cgroups,
                         struct unit *unit) {
  struct record *record = &container->record;
  const char *path = container->spec.cgroups_path;
  char below[PATH_MAX / 2];
  if (option_on(options, OPTION_SYSTEMD_CGROUP)) {
    unit_plan(unit, path, options->id, container_is_lenient(options), below, sizeof below);
    record->unit = strdup(unit->name);
    record->user_unit = unit->user;
    path = below;
  }
  cgroups_plan(cgroups, path, options->id);
  if (record->user_unit && !cgroups_unified(cgroups))
    fail(EXIT_RINGFENCE, "cannot use rootless systemd cgroups manager on cgroup v1");
  keep_groups(record, cgroups);
  record_write(&container->state, record);
}

static void make_cgroups(struct container *container, const struct options *options,
                         const struct cgroups *planned, const struct unit *unit) {
  const struct json *json = &container->spec.json;
  struct record *record = &container->record;
  struct cgroups cgroups = *planned;
  struct unit_host host = {.unified = cgroups_unified(planned)};
  const pid_t pids[] = {container->sandbox.init, record->waiter};
  if (record->unit) {
    container->has_unit = true;
    unit_start(unit, json, pids, record->waiter ? 2 : 1, &host);
  }
  cgroups_make(&cgroups, container_is_lenient(options));
  keep_groups(record, &cgroups);
  unsigned system = json_member(json, 0, "linux");
  unsigned resources = system ? json_member(json, system, "resources") : 0;
  if (record->unit && resources) unit_limit(record->unit, record->user_unit, json, resources, true, &host);
  if (resources) cgroups_limit(&cgroups, json, resources);
  // A sandbox starts with all the CPU there is, or a small quota would make create take minutes: no code of the container's
  // runs before it is created.
  cgroups_cpu_quota(&cgroups, &container->quota, &container->period);
  if (container->quota > 0) cgroups_set_cpu_quota(&cgroups, -1, container->period);
  cgroups_enter(&cgroups, container->sandbox.init);
  if (record->waiter) cgroups_enter(&cgroups, record->waiter);
}

static void set_oom_score_of(const struct container *container, pid_t pid) {
  char path[64], text[16];
  snprintf(path, sizeof path, "/proc/%d/oom_score_adj", pid);
  snprintf(text, sizeof text, "%d", container->spec.oom_score);
  if (!small_file_write(path, text)) fail_errno(EXIT_RINGFENCE, "setting process.oomScoreAdj to %s", text);
}

static void set_oom_score(const struct container *container) {
  if (!container->spec.sets_oom_score) return;
  set_oom_score_of(container, container->sandbox.init);
  // By its callers' lights it is the container's process.
  if (container->record.waiter) set_oom_score_of(container, container->record.waiter);
}

static void wait_until_created(struct container *container) {
  char *line;
  size_t length;
  while (lines_next(&container->control, &line, &length)) {
    struct json_token tokens[64];
    struct json event;
    char message[4096];
    if (!json_parse(&event, line, length, tokens, sizeof tokens / sizeof tokens[0])) continue;
    unsigned name = json_member(&event, 0, "event");
    if (json_equals(&event, name, "created")) return;
    if (json_equals(&event, name, "error")) {
      if (!json_text(&event, json_member(&event, 0, "message"), message, sizeof message)) message[0] = '\0';
      fail(EXIT_RINGFENCE, "%s", message);
    }
    if (json_equals(&event, name, "died")) break;
  }
  fail(EXIT_RINGFENCE, "the sandbox died while the container was created");
}

static void fill_record(struct container *container) {
  struct record *record = &container->record;
  record->bundle = container->spec.bundle;
  record->rootfs = container->spec.root;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  size_t n = strftime(record->created, sizeof record->created, "%Y-%m-%dT%H:%M:%S", gmtime(&now.tv_sec));
  snprintf(record->created + n, sizeof record->created - n, ".%03ldZ", now.tv_nsec / 1000000);
}

void container_write_pid(const char *path, pid_t pid) {
  if (!path) return;
  char temporary[PATH_MAX], text[16];
  if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
    fail(EXIT_RINGFENCE, "--pid-file is too long");
  int length = snprintf(text, sizeof text, "%d", pid);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || write_all(fd, text, (size_t)length) < 0 || rename(temporary, path) < 0)
    fail_errno(EXIT_RINGFENCE, "writing %s", path);
  close(fd);
}

void container_create(struct container *container, const struct options *options,
                      const struct identity *identity, bool attached) {
  *container = (struct container){0};
  struct spec *spec = &container->spec;
  struct record *record = &container->record;
  const char *console_socket = options->values[OPTION_CONSOLE_SOCKET];
  spec_read(spec, options->values[OPTION_BUNDLE]);
  hooks_check(&spec->json);
  console_check(spec->terminal.wanted, !attached, console_socket);
  state_create(&container->state, options->values[OPTION_ROOT], options->id);
  undo_at_exit(container);
  state_write(&container->state, "config.json", spec->text, spec->length);
  fill_record(container);

  struct sandbox_plan plan = {
      .options = options,
      .identity = identity,
      .state = &container->state,
      .spec = spec,
      .stdio = {0, 1, 2},
      .terminal = attached && spec->terminal.wanted && identity->terminal ? 0 : -1,
      .waiter = -1,
  };
  struct console console = {-1, -1};
  if (console_socket) {
    console_open(&console, spec->terminal.columns, spec->terminal.rows);
    for (int i = 0; i < 3; i++)
      plan.stdio[i] = console.slave;
  }
  int channel[2] = {-1, -1};
  if (!attached && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
    fail_errno(EXIT_RINGFENCE, "making the waiter's channel");
  plan.waiter = channel[0];

  // The waiter is protected, so that who may trace his own processes alone does not reach its namespaces.
  const bool shows_root = privileges_has(CAP_SYS_PTRACE);
  struct cgroups cgroups;
  struct unit unit;
  plan_cgroups(container, options, &cgroups, &unit);
  sandbox_prepare(&container->sandbox, &plan);
  container->control.fd = container->sandbox.control;
  record->init = container->sandbox.init;
  record->user_namespace = container->sandbox.user_namespace;
  if (!attached)
    record->waiter =
        waiter_start(record->init, record->user_namespace, shows_root, channel[1], console.slave);
  make_cgroups(container, options, &cgroups, &unit);
  set_oom_score(container);
  create_hooks(container);
  sandbox_go(&container->sandbox);
  const int given[] = {channel[0], channel[1], console.slave, spec->memfd};
  for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
    if (given[i] >= 0) close(given[i]);
  if (!console_socket) sandbox_release_stdio();
  wait_until_created(container);
  if (record->waiter && shows_root)
    shown_root_make(record->init, record->waiter, record->user_namespace, spec);
  const struct cgroups made = record_groups(record);
  if (container->quota > 0 && !cgroups_set_cpu_quota(&made, container->quota, container->period))
    fail_errno(EXIT_RINGFENCE, "setting the quota of the CPU");
  if (console_socket) console_send(&console, console_socket);
  record_write(&container->state, record);
  pid_t pid = record->waiter ? record->waiter : record->init;
  handover_pidfd(options->values[OPTION_PIDFD_SOCKET], "standard", pid);
  container_write_pid(options->values[OPTION_PID_FILE], pid);
}

// ---- Remove ----

void container_remove(const struct state_directory *state, struct record *record) {
  if (record->unit) unit_stop(record->unit, record->user_unit);
  const struct cgroups groups = record_groups(record);
  cgroups_remove(&groups);
  poststop_hooks(state, record);
  state_remove(state);
}
