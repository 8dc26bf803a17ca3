// init: prepares namespaces, root and privileges, starts zygote and Node, sends Node everything it
// will ever hold, and ends when one of them or the launcher does. When process 1 ends, the kernel
// kills all others of the namespace: no stub outlives its sandbox. It never serves a guest.
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../keeper/keeper.h"
#include "../keeper/maker.h"
#include "buffer.h"
#include "clocks.h"
#include "landlock.h"
#include "mounts.h"
#include "nursery.h"
#include "preserved.h"
#include "privileges.h"
#include "report.h"
#include "ringfence/rights.h"

// How long to wait for the news of Node's death after the zygote has left.
#define NODE_DEATH_MS 200

static void wait_for_go(int lifeline) {
  char byte = 0;
  ssize_t n;
  do
    n = read(lifeline, &byte, 1);
  while (n < 0 && errno == EINTR);
  if (n != 1 || byte != LIFELINE_GO) _exit(0);
}

static void pair(int ends[2]) {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
    fail_errno(EXIT_RINGFENCE, "making a socket pair");
}

// Makes descriptors 0..count-1 the given ones, and closes everything else over exec.
static void arrange_descriptors(const struct init_plan *plan, const int *descriptors, int count) {
  int high[8];
  report_to(fcntl(plan->control, F_DUPFD_CLOEXEC, 64)); // its number may be one of those below
  for (int i = 0; i < count; i++)
    high[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, 64);
  for (int i = 0; i < count; i++)
    if (high[i] < 0 || dup2(high[i], i) < 0) fail_errno(EXIT_RINGFENCE, "arranging descriptors");
  // Not closed at once: the report socket must serve until exec has succeeded.
  if (syscall(SYS_close_range, count, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */) < 0)
    fail_errno(EXIT_RINGFENCE, "closing descriptors");
}

// Dispositions and mask of a fresh process, but that writing beyond a limit on file sizes is an error,
// not a death.
static void reset_signals(void) {
  for (int signo = 1; signo <= SIGRTMAX; signo++)
    if (signo != SIGKILL && signo != SIGSTOP) signal(signo, SIG_DFL);
  signal(SIGXFSZ, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

// What a zygote is executed with.
struct zygote_parts {
  const struct init_plan *plan;
  int proc; // the directory
  int stub;
};

static struct zygote_parts prepare_zygote(const struct init_plan *plan, int proc) {
  // Memory pressure takes stubs, never the Sentry.
  int file = openat(proc, "self/oom_score_adj", O_RDWR | O_CLOEXEC);
  char text[16] = {0};
  int score = 0;
  if (file >= 0 && read(file, text, sizeof text - 1) > 0) sscanf(text, "%d", &score);
  int length = snprintf(text, sizeof text, "%d", score + 500 > 1000 ? 1000 : score + 500);
  if (file < 0 || write(file, text, (size_t)length) != length)
    fail_errno(EXIT_RINGFENCE, "setting oom_score_adj");
  int proc_directory = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc_directory < 0) fail_errno(EXIT_RINGFENCE, "opening the sandbox's proc");
  if (chroot("/empty") < 0 || chdir("/") < 0) fail_errno(EXIT_RINGFENCE, "entering the empty directory");
  privileges_none();
  return (struct zygote_parts){plan, proc_directory, plan->stub};
}

static _Noreturn void execute_zygote(const struct zygote_parts *parts, int socket) {
  const int null = parts->plan->null, stub = fcntl(parts->stub, F_DUPFD_CLOEXEC, 80);
  setsid();
  reset_signals();
  int descriptors[] = {null, null, null, socket, parts->proc};
  arrange_descriptors(parts->plan, descriptors, 5);
  limits_zygote();
  char *const arguments[] = {"zygote", NULL}, *const environment[] = {NULL};
  syscall(SYS_execveat, stub, "", arguments, environment, AT_EMPTY_PATH);
  fail_errno(EXIT_RINGFENCE, "starting the zygote");
}

static _Noreturn void run_zygote(const struct init_plan *plan, int socket, int proc) {
  const struct zygote_parts parts = prepare_zygote(plan, proc);
  execute_zygote(&parts, socket);
}

static void run_next_zygote(void *parts, int socket) {
  execute_zygote(parts, socket);
}

// Where several kernels share the process, what is asked of it is zygotes, as long as Node lives.
static _Noreturn void run_nursery(const struct init_plan *plan, int channel, int proc) {
  struct zygote_parts parts = prepare_zygote(plan, proc);
  setsid();
  reset_signals();
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) fail_errno(EXIT_RINGFENCE, "protecting a process's memory");
  int kept[] = {plan->null, channel, parts.proc, parts.stub};
  enum { KEPT = sizeof kept / sizeof kept[0] };
  for (int i = 0; i < KEPT; i++)
    kept[i] = fcntl(kept[i], F_DUPFD_CLOEXEC, 128);
  for (int i = 0; i < KEPT; i++)
    if (kept[i] < 0 || dup3(kept[i], i, O_CLOEXEC) < 0) fail_errno(EXIT_RINGFENCE, "arranging descriptors");
  syscall(SYS_close_range, KEPT, ~0u, 0);
  report_to(-1); // that one of many kernels does not start ends nothing
  struct init_plan own = {.null = 0, .control = -1};
  parts = (struct zygote_parts){&own, 2, 3};
  privileges_nursery();
  nursery_run(1, run_next_zygote, &parts);
}

// Node shares its root and working directory with init: when it has loaded its files, init makes the empty
// directory the root of both (confine), and no thread of Node ever needs the privilege for that.
static pid_t fork_sharing_root(void) {
  return (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, NULL, NULL, NULL, NULL);
}

static _Noreturn void run_node(const struct init_plan *plan, int boot) {
  reset_signals();
  int descriptors[] = {plan->null, plan->log, plan->log, boot};
  arrange_descriptors(plan, descriptors, 4);
  privileges_node();
  // From a snapshot of its heap a program starts sooner, but can start no threads. The limits of the heap,
  // which are those of a kernel thread of its own as well: beside what guests may use (HEAP_BUDGET_MAX of the
  // kernel), the program's own, and what is not collected yet.
  const bool from_snapshot = plan->solo && plan->node->is_as_built; // Node refuses those of other versions
  char *const arguments[] = {"/node",
                             "--disable-warning=ExperimentalWarning",
                             "--expose-gc", // idle_trim.ts
#ifdef NODE_ARGUMENTS
                             NODE_ARGUMENTS, // what looks into V8: scripts/function_log.mjs
#endif
                             "--max-old-space-size=2048",
                             "--max-semi-space-size=16",
                             from_snapshot ? "--snapshot-blob" : "/sandbox.cjs",
                             from_snapshot ? "/sandbox.blob" : NULL,
                             NULL};
  char *const environment[] = {"MALLOC_ARENA_MAX=1", "MALLOC_MMAP_THRESHOLD_=262144",
                               "MALLOC_TRIM_THRESHOLD_=2097152", "LD_LIBRARY_PATH=/lib", NULL};
  execve("/node", arguments, environment);
  fail_errno(EXIT_RINGFENCE, "starting Node");
}

// What goes to Node, by name, in messages that hold as many descriptors as one may.
#define MESSAGE_DESCRIPTORS 253

struct boot_message {
  int socket, count;
  int descriptors[MESSAGE_DESCRIPTORS];
  struct buffer names;
};

static void boot_flush(struct boot_message *boot, bool more) {
  struct buffer header = {0};
  buffer_printf(&header, "{\"type\":\"boot\",\"more\":%s,\"descriptors\":[", more ? "true" : "false");
  buffer_append(&header, boot->names.data, boot->names.length);
  buffer_append(&header, "]}", 2);
  RIGHTS_CONTROL(control, MESSAGE_DESCRIPTORS);
  struct iovec text = {.iov_base = header.data, .iov_len = header.length};
  struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};
  rights_attach(&message, control, boot->descriptors, (size_t)boot->count);
  if (sendmsg(boot->socket, &message, MSG_NOSIGNAL) < 0)
    fail_errno(EXIT_RINGFENCE, "sending the boot message");
  buffer_free(&header);
  buffer_consume(&boot->names, boot->names.length);
  boot->count = 0;
}

static void boot_add(struct boot_message *boot, const char *name, int fd) {
  if (fd < 0) return;
  if (boot->count == MESSAGE_DESCRIPTORS) boot_flush(boot, true);
  buffer_printf(&boot->names, "%s\"%s\"", boot->count ? "," : "", name);
  boot->descriptors[boot->count++] = fd;
}

static void boot_add_binds(struct boot_message *boot, const struct spec *spec, const int *binds) {
  for (unsigned i = 0; i < spec->bind_count; i++) {
    char name[32];
    snprintf(name, sizeof name, "mount:%u", spec->binds[i].index);
    boot_add(boot, name, binds[i]);
  }
}

static void boot_add_traces(struct boot_message *boot, const struct traces *traces) {
  char name[32];
  for (int i = 0; i < traces->count; i++) {
    const struct trace *trace = &traces->all[i];
    for (int j = 0; j < trace->sink_count; j++) {
      snprintf(name, sizeof name, "trace:%d:%d", i, j);
      boot_add(boot, name, trace->sinks[j]);
    }
    snprintf(name, sizeof name, "connector:%d", i);
    boot_add(boot, name, trace->connector);
  }
}

// What the guest's /proc tells of the host; Node's own proc shows processes alone.
struct host_files {
  int cpuinfo, stat, loadavg;
};

static int open_host_file(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail_errno(EXIT_RINGFENCE, "opening %s", path);
  return fd;
}

// BootDescriptor and BootHeader in process_spec.ts.
static void send_boot(const struct init_plan *plan, int socket, int proc, struct host_files files, int root,
                      int zygote, const int *binds) {
  const struct {
    const char *name;
    int fd;
  } all[] = {
      {"config", plan->config},
      {"proc", proc},
      {"launcher", plan->control},
      {"listen", plan->listen},
      {"root", root},
      {"log", plan->log},
      {"debug-log", plan->debug_log},
      {"stdin", plan->stdio[0]},
      {"stdout", plan->stdio[1]},
      {"stderr", plan->stdio[2]},
      {"waiter", plan->waiter},
      {"cpuinfo", files.cpuinfo},
      {"stat", files.stat},
      {"loadavg", files.loadavg},
      {"keeper", plan->keeper[0]},
      {"maker", plan->maker[0]},
  };
  const char *made = plan->kernels > 1 ? "nursery" : "zygote";
  struct boot_message boot = {.socket = socket};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    boot_add(&boot, all[i].name, all[i].fd);
  boot_add(&boot, made, zygote);
  for (int i = 1; i < plan->kernels; i++) {
    char name[32];
    snprintf(name, sizeof name, "listen:%d", i);
    boot_add(&boot, name, plan->listens[i - 1]);
  }
  boot_add_traces(&boot, plan->traces);
  for (int i = 0; i < plan->preserved; i++) {
    char name[32];
    snprintf(name, sizeof name, "preserved:%d", i);
    boot_add(&boot, name, PRESERVED_FIRST + i);
  }
  if (plan->spec) {
    boot_add(&boot, "spec", plan->spec->memfd);
    boot_add_binds(&boot, plan->spec, binds);
  }
  boot_flush(&boot, false);
  buffer_free(&boot.names);
}

// The host's files that a guest may change, and so Node. The sandbox's own proc is where the zygote sets its
// oom_score_adj.
static void confine_writes(const struct init_plan *plan, int proc, int root, const int *binds) {
  // What later containers of its pod bring along cannot be added to such a ruleset. Of mounts, theirs as well, those that are
  // not to be written to are read-only themselves; FIFOs are what Landlock keeps from it beyond that.
  if (plan->spec && pod_takes_others(&plan->spec->pod)) return;
  unsigned bind_count = plan->spec ? plan->spec->bind_count : 0;
  int *trees = calloc(bind_count + 2, sizeof *trees), count = 0;
  if (!trees) fail_errno(EXIT_RINGFENCE, "confining writes");
  trees[count++] = proc;
  if (plan->root_writable) trees[count++] = root;
  for (unsigned i = 0; i < bind_count; i++)
    if (!plan->spec->binds[i].read_only) trees[count++] = binds[i];
  landlock_writes_only_below(trees, count);
  free(trees);
}

// Keeps what init itself needs, by moving it to the lowest numbers; all else is closed.
static void keep_only(int *const *kept, int count) {
  for (int i = 0; i < count; i++)
    if (*kept[i] >= 0) *kept[i] = fcntl(*kept[i], F_DUPFD_CLOEXEC, 64);
  for (int fd = 0, i = 0; i < count; i++, fd++) {
    if (*kept[i] < 0) {
      close(fd);
      continue;
    }
    dup3(*kept[i], fd, O_CLOEXEC);
    *kept[i] = fd;
  }
  syscall(SYS_close_range, count, ~0u, 0);
}

static void report_death(int socket, const char *process, int status) {
  char line[128];
  // The new line in front ends what the dead process may have left unfinished.
  int length = snprintf(line, sizeof line, "\n{\"event\":\"died\",\"process\":\"%s\",\"status\":%d}\n",
                        process, status);
  send(socket, line, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// What init watches once all is started.
struct watched {
  int lifeline, children, report, terminal, lock;
  int boot; // until Node has said that it is loaded
  struct termios modes;
  pid_t node, zygote;
};

static void read_lifeline(struct watched *watched, bool *foreground) {
  char byte;
  ssize_t n = read(watched->lifeline, &byte, 1);
  if (n < 0) return;
  if (n == 0) {
    if (*foreground && watched->terminal >= 0) tcsetattr(watched->terminal, TCSANOW, &watched->modes);
    _exit(0);
  }
  if (byte == LIFELINE_FOREGROUND || byte == LIFELINE_BACKGROUND) *foreground = byte == LIFELINE_FOREGROUND;
  if (byte == LIFELINE_DETACH) watched->lifeline = -1;
}

// The zygote leaves with code 0 when its socket ends, so when Node has died: Node's own death, which
// may be seen a moment later, is what is to be told.
static void reap(struct watched *watched, bool *zygote_left) {
  struct signalfd_siginfo info;
  (void)!read(watched->children, &info, sizeof info);
  int status, zygote_status = -1;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == watched->node) {
      report_death(watched->report, "node", status);
      _exit(1);
    }
    if (pid == watched->zygote) zygote_status = status;
  }
  if (zygote_status > 0) {
    report_death(watched->report, "zygote", zygote_status);
    _exit(1);
  }
  if (zygote_status == 0) *zygote_left = true;
}

// Node has loaded its files, and no guest has run yet: from here on neither it nor init sees a file by name,
// and init can do nothing but what watching takes.
static void confine(struct watched *watched) {
  char byte;
  ssize_t n = recv(watched->boot, &byte, 1, MSG_DONTWAIT);
  if (n < 0) return;
  if (n == 1) {
    if (chdir("/empty") < 0 || chroot(".") < 0) fail_errno(EXIT_RINGFENCE, "entering the empty directory");
    if (send(watched->boot, &byte, 1, MSG_NOSIGNAL) != 1) fail_errno(EXIT_RINGFENCE, "answering Node");
  }
  close(watched->boot);
  watched->boot = -1;
  privileges_watcher();
}

static _Noreturn void watch(struct watched *watched) {
  bool foreground = false, zygote_left = false;
  for (;;) {
    struct pollfd polled[] = {{.fd = watched->lifeline, .events = POLLIN},
                              {.fd = watched->children, .events = POLLIN},
                              {.fd = watched->boot, .events = POLLIN}};
    int ready = poll(polled, 3, zygote_left ? NODE_DEATH_MS : -1);
    if (ready == 0) {
      report_death(watched->report, "zygote", 0);
      _exit(1);
    }
    if (ready < 0) continue;
    if (polled[0].revents) read_lifeline(watched, &foreground);
    if (polled[1].revents) reap(watched, &zygote_left);
    if (polled[2].revents) confine(watched);
  }
}

// A bound that the host itself keeps, whatever becomes of our own accounts (docs/hardening.md, F24): since
// Linux 6.14 pid_max is the PID namespace's own. Before that it is the host's, and not ours to set. A
// container's control group may allow more tasks than the kernel does by default.
static void limit_processes(bool container) {
  enum {
    LIMIT = 8192,
    CONTAINER_LIMIT = 40960
  }; // the guest's tasks, with room for Node's threads and waiters
  struct utsname host;
  int major, minor;
  if (uname(&host) < 0 || sscanf(host.release, "%d.%d", &major, &minor) != 2) return;
  if (major < 6 || (major == 6 && minor < 14)) return;
  int fd = open("/proc/sys/kernel/pid_max", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return; // a masked or read-only /proc/sys: the kernel's own accounts stand alone
  dprintf(fd, "%d", container ? CONTAINER_LIMIT : LIMIT);
  close(fd);
}

// In a network namespace of the sandbox's own: what the sandbox's engine puts there is taken as it comes.
static void start_keeper(int channel, enum keeper_namespace kind) {
  pid_t pid = fork();
  if (pid < 0) fail_errno(EXIT_RINGFENCE, "starting the keeper");
  if (pid == 0) {
    reset_signals();
    keeper_run(channel, -1, "/empty", kind);
  }
}

// There too.
static void start_maker(int channel) {
  pid_t pid = fork();
  if (pid < 0) fail_errno(EXIT_RINGFENCE, "starting the maker of sockets");
  if (pid > 0) return;
  reset_signals();
  maker_run(channel, "/empty");
}

// Where the sandbox has the host's sockets of a namespace of its own, nobody else does it; before it is looked at.
static void bring_loopback_up(void) {
  int rtnetlink = rtnetlink_open();
  if (rtnetlink < 0) return;
  rtnetlink_loopback_up(rtnetlink);
  close(rtnetlink);
}

void init_run(const struct init_plan *plan) {
  report_to(plan->control);
  for (int i = 0; i < 3; i++)
    if (plan->launcher_ends[i] >= 0) close(plan->launcher_ends[i]);
  wait_for_go(plan->lifeline);
  prctl(PR_SET_NAME, "ringfence-init");
  setsid();
  umask(0077);

  clocks_set(plan->spec);
  mounts_make_private();
  limit_processes(plan->spec != NULL);
  enum keeper_namespace kind = NAMESPACE_SHARED;
  if (plan->keeper[1] >= 0 && plan->maker[1] < 0) kind = keeper_prepare();
  int proc = mounts_detached_proc();
  struct host_files files = {.cpuinfo = open_host_file("/proc/cpuinfo"),
                             .stat = open_host_file("/proc/stat"),
                             .loadavg = open_host_file("/proc/loadavg")};
  struct trees trees = plan->trees  ? *plan->trees
                       : plan->spec ? mounts_trees(plan->spec, plan->root_writable)
                                    : (struct trees){.root = mounts_detached_host(plan->root_writable)};
  const int root = trees.root, *binds = trees.binds;
  mounts_enter(plan->sandbox_directory, plan->node->is_elsewhere ? plan->node->path : NULL);
  mounts_show_proc(proc);
  privileges_become_root();
  if (plan->maker[1] >= 0) bring_loopback_up();
  if (plan->keeper[1] >= 0) start_keeper(plan->keeper[1], kind);
  if (plan->maker[1] >= 0) start_maker(plan->maker[1]);
  privileges_common();
  confine_writes(plan, proc, root, binds);

  int children = ends_of_children();

  int boot[2], zygote[2];
  pair(boot);
  pair(zygote);
  send_boot(plan, boot[0], proc, files, root, zygote[0], binds);
  pid_t zygote_pid = fork();
  if (zygote_pid == 0 && plan->kernels > 1) run_nursery(plan, zygote[1], proc);
  if (zygote_pid == 0) run_zygote(plan, zygote[1], proc);
  pid_t node_pid = zygote_pid < 0 ? -1 : fork_sharing_root();
  if (node_pid == 0) run_node(plan, boot[1]);
  if (node_pid < 0) fail_errno(EXIT_RINGFENCE, "starting the sandbox's processes");

  struct watched watched = {
      .lifeline = plan->lifeline,
      .children = children,
      .report = plan->control,
      .terminal = plan->terminal,
      .lock = plan->state_lock,
      .boot = boot[0],
      .node = node_pid,
      .zygote = zygote_pid,
  };
  if (watched.terminal >= 0 && tcgetattr(watched.terminal, &watched.modes) < 0) watched.terminal = -1;
  int *const kept[] = {&watched.lifeline, &watched.children, &watched.report,
                       &watched.terminal, &watched.lock,     &watched.boot};
  keep_only(kept, 6);
  report_to(watched.report);
  privileges_init(plan->caller_traces);
  watch(&watched);
}
