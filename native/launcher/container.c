// Containers: see container.h.
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "console.h"
#include "handover.h"
#include "hooks.h"
#include "init.h"
#include "json.h"
#include "mounts.h"
#include "privileges.h"
#include "report.h"
#include "shown_root.h"
#include "small_file.h"
#include "systemd.h"
#include "user_namespace.h"
#include "waiter.h"

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
  mounts_return();
  if (unfinished->in_pod) pod_end(&unfinished->state);
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
  if (!container->in_pod) (void)!write(container->sandbox.lifeline, (char[]){LIFELINE_DETACH}, 1);
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
  cgroups->in_pod = container->in_pod;
  if (record->user_unit && !cgroups_unified(cgroups))
    fail(EXIT_RINGFENCE, "cannot use rootless systemd cgroups manager on cgroup v1");
  keep_groups(record, cgroups);
  record_write(&container->state, record);
}

// systemd makes a unit with processes in it.
static void start_unit(struct container *container, const struct unit *unit, struct unit_host *host) {
  pid_t pids[2];
  int count = 0;
  if (container->sandbox.init) pids[count++] = container->sandbox.init;
  if (container->record.waiter) pids[count++] = container->record.waiter;
  if (count == 0) fail(EXIT_RINGFENCE, "in a pod's sandbox --systemd-cgroup goes with --detach alone");
  container->has_unit = true;
  unit_start(unit, &container->spec.json, pids, count, host);
}

// Makes the groups that were planned, with their limits; in a unit of systemd, after that was started.
static void make_cgroups(struct container *container, const struct options *options, struct cgroups *groups,
                         const struct unit *unit) {
  const struct json *json = &container->spec.json;
  struct record *record = &container->record;
  struct unit_host host = {.unified = cgroups_unified(groups)};
  if (record->unit) start_unit(container, unit, &host);
  cgroups_make(groups, container_is_lenient(options));
  keep_groups(record, groups);
  unsigned system = json_member(json, 0, "linux");
  unsigned resources = system ? json_member(json, system, "resources") : 0;
  if (record->unit && resources) unit_limit(record->unit, record->user_unit, json, resources, true, &host);
  if (resources) cgroups_limit(groups, json, resources);
  // The program that is to hold a pod's namespaces is given hardly any CPU; here the kernel of all its containers is there.
  if (container->spec.pod.role == POD_SANDBOX) cgroups_set_cpu_shares(groups, container->spec.pod.shares);
  // A sandbox starts with all the CPU there is, or a small quota would make create take minutes: no code of the container's
  // runs before it is created.
  cgroups_cpu_quota(groups, &container->quota, &container->period);
  if (container->quota > 0) cgroups_set_cpu_quota(groups, -1, container->period);
}

// Those who were not made in them.
static void enter_cgroups(const struct container *container, const struct cgroups *groups) {
  const struct sandbox *sandbox = &container->sandbox;
  const struct record *record = &container->record;
  if (sandbox->init && !sandbox->in_groups) cgroups_enter(groups, sandbox->init);
  if (record->waiter && record->unit) cgroups_enter(groups, record->waiter);
}

static void set_oom_score_of(const struct container *container, pid_t pid) {
  char path[64], text[16];
  snprintf(path, sizeof path, "/proc/%d/oom_score_adj", pid);
  snprintf(text, sizeof text, "%d", container->spec.oom_score);
  if (!small_file_write(path, text)) fail_errno(EXIT_RINGFENCE, "setting process.oomScoreAdj to %s", text);
}

static void set_oom_score(const struct container *container) {
  if (!container->spec.sets_oom_score) return;
  if (container->sandbox.init) set_oom_score_of(container, container->sandbox.init);
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
  record->is_pod = pod_takes_others(&container->spec.pod);
  record->sandbox = container->in_pod ? container->spec.pod.sandbox : NULL;
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

// A sandbox of the container's own, with init in it, which waits; or that of its pod.
static void find_sandbox(struct container *container, const struct sandbox_plan *plan) {
  struct record *record = &container->record;
  if (container->in_pod) {
    container->sandbox = (struct sandbox){.lifeline = -1, .control = -1, .log = -1};
    record->init = container->pod.record.init;
    record->user_namespace = container->pod.record.user_namespace;
    return;
  }
  sandbox_prepare(&container->sandbox, plan);
  container->control.fd = container->sandbox.control;
  record->init = container->sandbox.init;
  record->user_namespace = container->sandbox.user_namespace;
}

static void create_in_pod(struct container *container, const struct sandbox_plan *plan, bool lenient) {
  struct cgroups groups = record_groups(&container->record);
  groups.lenient = lenient;
  // Had its init died meanwhile, the waiter might be in the namespaces of somebody who has its number now.
  if (!record_init_alive(&container->pod.record))
    fail(EXIT_RINGFENCE, "the sandbox of the container's pod is not running");
  pod_create(&container->pod, plan, &groups, container->record.waiter);
  container->control.fd = state_connect(&container->state);
  if (container->control.fd < 0) fail(EXIT_RINGFENCE, "the container's sandbox does not listen");
}

void container_create(struct container *container, const struct options *options,
                      const struct identity *identity, bool attached) {
  *container = (struct container){0};
  struct spec *spec = &container->spec;
  struct record *record = &container->record;
  const char *console_socket = options->values[OPTION_CONSOLE_SOCKET];
  spec_read(spec, options->values[OPTION_BUNDLE]);
  hooks_check(&spec->json);
  container->in_pod = pod_find(&container->pod, options, spec);
  if (!container->in_pod) spec_stands_alone(spec);
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
  if (!record->unit) {
    make_cgroups(container, options, &cgroups, &unit);
    plan.groups = &cgroups;
  }
  find_sandbox(container, &plan);
  if (!attached)
    record->waiter = waiter_start(record->init, record->user_namespace, shows_root, channel[1], console.slave,
                                  plan.groups);
  if (record->unit) make_cgroups(container, options, &cgroups, &unit);
  enter_cgroups(container, &cgroups);
  set_oom_score(container);
  unfinished_hooks = true;
  container_create_hooks(container);
  if (container->in_pod)
    create_in_pod(container, &plan, container_is_lenient(options));
  else
    sandbox_go(&container->sandbox);
  const int given[] = {channel[0], channel[1], console.slave, spec->memfd};
  for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
    if (given[i] >= 0) close(given[i]);
  if (!console_socket) sandbox_release_stdio();
  if (!container->in_pod) wait_until_created(container);
  if (record->waiter && shows_root)
    shown_root_make(record->init, record->waiter, record->user_namespace, spec,
                    container->in_pod || mounts_by_launcher(spec));
  mounts_return();
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

void container_end(struct container *container) {
  if (container->in_pod)
    pod_end(&container->state);
  else
    sandbox_end(&container->sandbox);
}

void container_remove(const struct state_directory *state, struct record *record) {
  if (record->unit) unit_stop(record->unit, record->user_unit);
  const struct cgroups groups = record_groups(record);
  cgroups_remove(&groups);
  poststop_hooks(state, record);
  state_remove(state);
}
