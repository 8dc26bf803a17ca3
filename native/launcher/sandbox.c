// Starting a sandbox: see sandbox.h. What must precede threads happens here and in init; Node has
// seven threads before its first line of JavaScript, and namespaces, capabilities and masks are per
// thread.
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../keeper/keeper.h"
#include "../keeper/maker.h"
#include "cgroup_fork.h"
#include "clocks.h"
#include "init.h"
#include "installation.h"
#include "mounts.h"
#include "named_network.h"
#include "namespaces.h"
#include "preserved.h"
#include "privileges.h"
#include "report.h"
#include "sandbox_config.h"
#include "trace.h"
#include "user_namespace.h"

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

static int open_file(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC, 0644);
  if (fd < 0) fail_errno(EXIT_RINGFENCE, "opening %s", path);
  return fd;
}

// A thread that does nothing but keep the control plane from the kernel's costs three starts and 20 MB (performance.md), on
// whatever number of CPUs.
static const char *workers_of(const struct options *options) {
  const char *given = options->values[OPTION_WORKERS];
  return strcmp(given, "auto") == 0 ? "solo" : given;
}

// `groups`: where it is to be, as far as its parent may put it there; NULL: where that is.
static pid_t clone_init(const struct init_plan *plan, const struct user_plan *users, bool own_network,
                        unsigned long more, const struct cgroups *groups, struct sandbox *sandbox) {
  unsigned long flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | more;
  if (own_network) flags |= CLONE_NEWNET;
  sandbox->user_namespace = true;
  pid_t pid = cgroups_fork(groups, flags | CLONE_NEWUSER, &sandbox->in_groups);
  if (pid < 0 && !users->needed && geteuid() == 0 && (errno == EPERM || errno == EINVAL || errno == ENOSPC)) {
    sandbox->user_namespace = false;
    pid = cgroups_fork(groups, flags, &sandbox->in_groups);
  }
  if (pid < 0)
    fail_errno(EXIT_RINGFENCE, "making namespaces (are user namespaces switched off on this host?)");
  if (pid == 0) init_run(plan);
  return pid;
}

// Only who is in the namespace above can map the ids of the one that is made.
static _Noreturn void clone_below(const struct init_plan *plan, const struct user_plan *users,
                                  bool own_network, int answer) {
  struct sandbox made;
  user_enter_joined(users);
  privileges_become_root();
  pid_t pid = clone_init(plan, users, own_network, CLONE_PARENT, NULL, &made);
  id_maps_write(&users->written, pid);
  (void)!write(answer, &pid, sizeof pid);
  _exit(0);
}

// init in namespaces of its own, a child of the launcher's, with its ids mapped.
static pid_t make_init(const struct init_plan *plan, const struct user_plan *users, bool own_network,
                       const struct cgroups *groups, struct sandbox *sandbox) {
  if (users->joined < 0) return clone_init(plan, users, own_network, 0, groups, sandbox);
  int answer[2];
  if (pipe2(answer, O_CLOEXEC) < 0) fail_errno(EXIT_RINGFENCE, "making a pipe");
  pid_t maker = fork(), pid;
  if (maker < 0) fail_errno(EXIT_RINGFENCE, "making namespaces");
  if (maker == 0) clone_below(plan, users, own_network, answer[1]);
  close(answer[1]);
  namespace_child_answer(maker, answer[0], &pid, sizeof pid);
  sandbox->user_namespace = true;
  return pid;
}

// init, born in the network namespace that is named: it belongs to another user namespace than the sandbox's. Whoever enters
// it may have no way back (as root of a user namespace that the caller's own network is not of), so that is a child, whose
// children are the launcher's when it has ended.
static pid_t make_in_network(const struct init_plan *plan, const struct user_plan *users,
                             const struct named_network *network, const struct cgroups *groups,
                             struct sandbox *sandbox) {
  if (!network->path) return make_init(plan, users, true, groups, sandbox);
  struct {
    pid_t init;
    bool user_namespace, in_groups;
  } made = {0};
  int answer[2];
  if (pipe2(answer, O_CLOEXEC) < 0) fail_errno(EXIT_RINGFENCE, "making a pipe");
  pid_t maker = fork();
  if (maker < 0) fail_errno(EXIT_RINGFENCE, "making namespaces");
  if (maker == 0) {
    named_network_join(network);
    made.init = make_init(plan, users, false, groups, sandbox);
    made.user_namespace = sandbox->user_namespace;
    made.in_groups = sandbox->in_groups;
    (void)!write(answer[1], &made, sizeof made);
    _exit(0);
  }
  close(answer[1]);
  namespace_child_answer(maker, answer[0], &made, sizeof made);
  sandbox->user_namespace = made.user_namespace;
  sandbox->in_groups = made.in_groups;
  return made.init;
}

static void log_warning(const struct options *options, int log, const char *text) {
  log_record(log, option_is(options, OPTION_LOG_FORMAT, "json"), "warn", text);
}

// What a sandbox has of the network namespaces: links for its own stack, or sockets of the host's.
struct network_part {
  bool links, sockets;
  int lock; // of the links of a namespace that is named, or -1
};

// The links of a namespace that is named are the sandbox's where nobody else is in it. Where somebody is, whose stack is the
// host's, the sandbox joins him there; a stack of another sandbox's it cannot join.
static void share_network(struct network_part *part, const struct options *options,
                          const struct named_network *network, int log) {
  if (network->is_own) {
    part->links = false;
    log_warning(
        options, log,
        "the network namespace is the caller's own: the container has the loopback device alone (with "
        "--network=host: that namespace's sockets)");
    return;
  }
  part->lock = named_network_lock(network);
  if (part->lock < 0 && errno == EADDRINUSE)
    fail(EXIT_RINGFENCE,
         "the links of the network namespace %s are served by another sandbox's own stack, which cannot be "
         "shared: start that one with the annotation dev.ringfence.shared=true, or with --network=host",
         network->path);
  if (part->lock < 0)
    fail_errno(EXIT_RINGFENCE, "taking the links of the network namespace %s", network->path);
  if (!named_network_in_use(network)) return;
  close(part->lock);
  *part = (struct network_part){.sockets = true, .lock = -1};
  if (option_on(options, OPTION_STRICT))
    fail(EXIT_RINGFENCE,
         "the network namespace %s is used by other processes, with sockets of the host: refused by --strict",
         network->path);
  log_warning(
      options, log,
      "the network namespace is used by other processes: the container has sockets of the host there");
}

static struct network_part network_of(const struct sandbox_plan *plan, const struct named_network *network,
                                      int log) {
  const struct options *options = plan->options;
  struct network_part part = {.links = plan->spec && option_is(options, OPTION_NETWORK, "sandbox"),
                              .sockets = option_is(options, OPTION_NETWORK, "host"),
                              .lock = -1};
  if (part.links && network->path) share_network(&part, options, network, log);
  return part;
}

static _Noreturn void run_keeper(int channel, int lock, const char *empty) {
  keeper_run(channel, lock, empty, NAMESPACE_OF_OTHERS);
}

static _Noreturn void run_viewer(int channel, int lock, const char *empty) {
  keeper_run(channel, lock, empty, NAMESPACE_SHARED);
}

static _Noreturn void run_maker(int channel, int lock, const char *empty) {
  (void)lock;
  maker_run(channel, empty);
}

// What serves a network namespace of the host has its powers there, so it keeps the launcher's user namespace; but it is
// born in the sandbox's PID namespace, and ends with it. A caller without privilege cannot have that: then it ends with its
// channel. `network`: that which is named, or none: the launcher's own.
static void start_in_network(pid_t init, const struct named_network *network, const char *sandbox_directory,
                             const char *name, int channel, int lock, void (*run)(int, int, const char *)) {
  char empty[PATH_MAX];
  snprintf(empty, sizeof empty, "%s/empty", sandbox_directory);
  int processes = namespace_of(init, "pid");
  pid_t parent = fork();
  if (parent < 0) fail_errno(EXIT_RINGFENCE, "starting the %s", name);
  if (parent == 0) {
    if (network->path) named_network_join(network);
    if (setns(processes, CLONE_NEWPID) < 0 && geteuid() == 0)
      fail_errno(EXIT_RINGFENCE, "entering the sandbox's PID namespace");
    pid_t pid = fork();
    if (pid < 0) fail_errno(EXIT_RINGFENCE, "starting the %s", name);
    if (pid == 0) run(channel, lock, empty);
    _exit(0);
  }
  int status;
  while (waitpid(parent, &status, 0) < 0 && errno == EINTR)
    continue;
  if (status != 0)
    fail(EXIT_RINGFENCE, "the %s could not be started in the network namespace %s", name,
         network->path ? network->path : "of its caller");
  close(processes);
}

static void open_log(const struct sandbox_plan *plan, int log[2]) {
  const char *path = plan->options->values[OPTION_LOG];
  log[0] = -1;
  if (path)
    log[1] = open_file(path, O_WRONLY | O_CREAT | O_APPEND);
  else if (pipe2(log, O_CLOEXEC) < 0)
    fail_errno(EXIT_RINGFENCE, "making the sandbox's channels");
}

// Where the output of --strace goes: without a file of its own, to the launcher's standard error.
static int open_debug_log(const struct options *options) {
  const char *path = options->values[OPTION_DEBUG_LOG];
  if (path) return open_file(path, O_WRONLY | O_CREAT | O_APPEND);
  return option_on(options, OPTION_STRACE) ? fcntl(2, F_DUPFD_CLOEXEC, 3) : -1;
}

// NULL where init opens them.
static const struct trees *open_trees(const struct sandbox_plan *plan) {
  static struct trees trees;
  if (!plan->spec || !mounts_by_launcher(plan->spec)) return NULL;
  trees = mounts_trees(plan->spec, strcmp(sandbox_overlay(plan), "none") == 0);
  return &trees;
}

static void open_traces(struct traces *traces, const struct sandbox_plan *plan) {
  traces_open_all(traces, plan->options);
  if (plan->spec) traces_open_annotated(traces, plan->options, &plan->spec->json);
  if (traces->count > 0 && plan->kernels > 1)
    fail(EXIT_RINGFENCE, "--trace is for one sandbox: use `ringfence trace create` with --kernels");
}

void sandbox_prepare(struct sandbox *sandbox, const struct sandbox_plan *plan) {
  // Helpers of the sandbox whose parents have ended are reaped here while the launcher lives: its caller may wait for it
  // before it reaps anybody, as conmon does, and process 1 ends only when its whole namespace is reaped.
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  // The caller's soft limits are the guest's; a limit on file sizes would hit memfds here.
  signal(SIGXFSZ, SIG_IGN);
  limits_raise();
  char directory[4096], stub[4096];
  installation_path(directory, sizeof directory, "sandbox");
  installation_path(stub, sizeof stub, "sandbox/stub");
  struct installed_node node;
  installation_node(&node);

  int own_clocks = clocks_join(plan->spec);
  int lifeline[2], control[2], log[2];
  if (pipe2(lifeline, O_CLOEXEC) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0)
    fail_errno(EXIT_RINGFENCE, "making the sandbox's channels");
  open_log(plan, log);
  const struct options *options = plan->options;
  const char *workers = workers_of(options);
  struct user_plan users;
  user_plan(&users, plan->spec);
  struct traces traces = {0};
  open_traces(&traces, plan);
  struct init_plan init = {
      .sandbox_directory = directory,
      .node = &node,
      .lifeline = lifeline[0],
      .null = open_file("/dev/null", O_RDWR),
      .stub = open_file(stub, O_RDONLY),
      .config = sandbox_config(plan, &users, workers, &traces),
      .control = control[1],
      .listen = plan->state ? state_listen(plan->state) : -1,
      .log = log[1],
      .debug_log = open_debug_log(options),
      .stdio = {plan->stdio[0], plan->stdio[1], plan->stdio[2]},
      .preserved = options->preserved,
      .terminal = plan->terminal,
      .state_lock = plan->state ? plan->state->lock : -1,
      .root_writable = strcmp(sandbox_overlay(plan), "none") == 0,
      .caller_traces = privileges_has(CAP_SYS_PTRACE),
      .solo = strcmp(workers, "solo") == 0,
      .spec = plan->spec,
      .trees = open_trees(plan),
      .waiter = plan->waiter,
      .kernels = plan->kernels,
      .traces = &traces,
      // init must not hold the launcher's ends: it would keep its own lifeline alive.
      .launcher_ends = {lifeline[1], control[0], log[0]},
  };
  for (int i = 1; i < plan->kernels; i++)
    init.listens[i - 1] = state_listen(&plan->others[i - 1]);
  *sandbox = (struct sandbox){.lifeline = lifeline[1], .control = control[0], .log = log[0]};
  const struct named_network network = named_network_open(plan->spec ? plan->spec->network : NULL);
  bool owns = plan->spec && plan->spec->own_network && !network.path;
  const struct network_part part = network_of(plan, &network, log[1]);
  // Of its caller's own network a sandbox is told nothing.
  bool told = part.links || (part.sockets && (owns || (network.path && !network.is_own)));
  int keepers[2] = {-1, -1}, makers[2] = {-1, -1};
  if (part.sockets && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, makers) < 0)
    fail_errno(EXIT_RINGFENCE, "making the channel of the maker of sockets");
  if (told && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, keepers) < 0)
    fail_errno(EXIT_RINGFENCE, "making the keeper's channel");
  init.keeper[0] = keepers[0];
  init.keeper[1] = network.path ? -1 : keepers[1];
  init.maker[0] = makers[0];
  init.maker[1] = owns ? makers[1] : -1;
  sandbox->init = make_in_network(&init, &users, &network, plan->groups, sandbox);
  clocks_leave(own_clocks);
  if (told && network.path)
    start_in_network(sandbox->init, &network, directory, "keeper", keepers[1], part.lock,
                     part.links ? run_keeper : run_viewer);
  if (part.sockets && !owns)
    start_in_network(sandbox->init, &network, directory, "maker of sockets", makers[1], -1, run_maker);
  if (sandbox->user_namespace && users.joined < 0) id_maps_write(&users.written, sandbox->init);
  if (!sandbox->user_namespace)
    log_warning(options, log[1], "this host has no user namespaces: the sandbox runs in the initial one");
  const int given[] = {init.lifeline, init.null, init.stub,      init.config, init.control,
                       init.listen,   init.log,  init.debug_log, keepers[0],  keepers[1],
                       makers[0],     makers[1], part.lock,      network.fd,  users.joined};
  for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
    if (given[i] >= 0) close(given[i]);
  for (int i = 1; i < plan->kernels; i++)
    close(init.listens[i - 1]);
  if (init.trees) {
    close(init.trees->root);
    for (unsigned i = 0; i < plan->spec->bind_count; i++)
      close(init.trees->binds[i]);
  }
  preserved_release(options->preserved);
  traces_close(&traces);
}

void sandbox_go(const struct sandbox *sandbox) {
  if (write_all(sandbox->lifeline, (char[]){LIFELINE_GO}, 1) < 0)
    fail_errno(EXIT_RINGFENCE, "starting the sandbox");
}

void sandbox_release_stdio(void) {
  int null = open_file("/dev/null", O_RDWR);
  for (int fd = 0; fd < 2; fd++)
    if (dup2(null, fd) < 0) fail_errno(EXIT_RINGFENCE, "releasing standard streams");
  if (null > 2) close(null);
}

void sandbox_reap(pid_t pid) {
  if (pid <= 0) return;
  kill(pid, SIGKILL);
  for (pid_t ended; (ended = waitpid(-1, NULL, 0)) != pid;)
    if (ended < 0 && errno != EINTR) return;
}

void sandbox_end(struct sandbox *sandbox) {
  sandbox_reap(sandbox->init);
}
