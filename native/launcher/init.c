// init: prepares namespaces, root and privileges, starts zygote and Node, sends Node everything it
// will ever hold, and ends when one of them or the launcher does. When process 1 ends, the kernel
// kills all others of the namespace: no stub outlives its sandbox. It never serves a guest.
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "buffer.h"
#include "mounts.h"
#include "privileges.h"
#include "report.h"

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

static void set_signals(bool block_sigchld) {
  for (int signo = 1; signo <= SIGRTMAX; signo++)
    if (signo != SIGKILL && signo != SIGSTOP) signal(signo, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  if (block_sigchld) sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_SETMASK, &set, NULL);
}

static _Noreturn void run_zygote(const struct init_plan *plan, int socket, int proc) {
  setsid();
  set_signals(false);
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
  int descriptors[] = {plan->null, plan->null, plan->null, socket, proc_directory};
  int stub = fcntl(plan->stub, F_DUPFD_CLOEXEC, 80);
  arrange_descriptors(plan, descriptors, 5);
  limits_zygote();
  privileges_none();
  char *const arguments[] = {"zygote", NULL}, *const environment[] = {NULL};
  syscall(SYS_execveat, stub, "", arguments, environment, AT_EMPTY_PATH);
  fail_errno(EXIT_RINGFENCE, "starting the zygote");
}

static _Noreturn void run_node(const struct init_plan *plan, int boot) {
  set_signals(true); // SIGCHLD stays blocked in every thread of V8 and libuv
  int descriptors[] = {plan->null, plan->log, plan->log, boot};
  arrange_descriptors(plan, descriptors, 4);
  privileges_node();
  char *const arguments[] = {"/node", "--disable-warning=ExperimentalWarning", "/sandbox.cjs", NULL};
  char *const environment[] = {"MALLOC_ARENA_MAX=1", "LD_LIBRARY_PATH=/lib", NULL};
  execve("/node", arguments, environment);
  fail_errno(EXIT_RINGFENCE, "starting Node");
}

// One message: which descriptor is which, and the descriptors (BootHeader in process_spec.ts).
static void send_boot(const struct init_plan *plan, int boot, int proc, int root, int zygote) {
  const struct {
    const char *name;
    int fd;
  } all[] = {
      {"config", plan->config},   {"proc", proc},
      {"zygote", zygote},         {"launcher", plan->control},
      {"listen", plan->listen},   {"root", root},
      {"log", plan->log},         {"debug-log", plan->debug_log},
      {"stdin", plan->stdio[0]},  {"stdout", plan->stdio[1]},
      {"stderr", plan->stdio[2]},
  };
  int descriptors[sizeof all / sizeof all[0]], count = 0;
  struct buffer header = {0};
  buffer_printf(&header, "{\"type\":\"boot\",\"descriptors\":[");
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (all[i].fd < 0) continue;
    buffer_printf(&header, "%s\"%s\"", count ? "," : "", all[i].name);
    descriptors[count++] = all[i].fd;
  }
  buffer_printf(&header, "]}");
  char control[CMSG_SPACE(sizeof descriptors)] = {0};
  struct iovec text = {.iov_base = header.data, .iov_len = header.length};
  struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = control};
  message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
  struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
  memcpy(CMSG_DATA(rights), descriptors, (size_t)count * sizeof(int));
  if (sendmsg(boot, &message, MSG_NOSIGNAL) < 0) fail_errno(EXIT_RINGFENCE, "sending the boot message");
  buffer_free(&header);
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

static _Noreturn void watch(int lifeline, int children, int report, int terminal, const struct termios *modes,
                            pid_t node, pid_t zygote) {
  bool foreground = false;
  struct pollfd polled[] = {{.fd = lifeline, .events = POLLIN}, {.fd = children, .events = POLLIN}};
  for (;;) {
    if (poll(polled, 2, -1) < 0) continue;
    if (polled[0].revents) {
      char byte;
      ssize_t n = read(lifeline, &byte, 1);
      if (n == 0 && foreground && terminal >= 0) tcsetattr(terminal, TCSANOW, modes);
      if (n == 0) _exit(0);
      if (n < 0) continue;
      if (byte == LIFELINE_FOREGROUND || byte == LIFELINE_BACKGROUND)
        foreground = byte == LIFELINE_FOREGROUND;
      if (byte == LIFELINE_DETACH) polled[0].fd = -1;
    }
    if (!polled[1].revents) continue;
    struct signalfd_siginfo info;
    (void)!read(children, &info, sizeof info);
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid != node && pid != zygote) continue;
      report_death(report, pid == node ? "node" : "zygote", status);
      _exit(1);
    }
  }
}

void init_run(const struct init_plan *plan) {
  report_to(plan->control);
  for (int i = 0; i < 3; i++)
    if (plan->launcher_ends[i] >= 0) close(plan->launcher_ends[i]);
  wait_for_go(plan->lifeline);
  prctl(PR_SET_NAME, "ringfence-init");
  setsid();
  umask(0077);
  limits_raise();

  mounts_make_private();
  int proc = mounts_detached_proc();
  int root = mounts_detached_host();
  mounts_enter(plan->sandbox_directory);
  privileges_common();

  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_SETMASK, &set, NULL);
  int children = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (children < 0) fail_errno(EXIT_RINGFENCE, "making a signal descriptor");

  int boot[2], zygote[2];
  pair(boot);
  pair(zygote);
  send_boot(plan, boot[0], proc, root, zygote[0]);
  pid_t zygote_pid = fork();
  if (zygote_pid == 0) run_zygote(plan, zygote[1], proc);
  pid_t node_pid = zygote_pid < 0 ? -1 : fork();
  if (node_pid == 0) run_node(plan, boot[1]);
  if (node_pid < 0) fail_errno(EXIT_RINGFENCE, "starting the sandbox's processes");

  struct termios modes;
  int lifeline = plan->lifeline, report = plan->control, terminal = plan->terminal, lock = plan->state_lock;
  if (terminal >= 0 && tcgetattr(terminal, &modes) < 0) terminal = -1;
  int *const kept[] = {&lifeline, &children, &report, &terminal, &lock};
  keep_only(kept, 5);
  report_to(report);
  privileges_none();
  watch(lifeline, children, report, terminal, &modes, node_pid, zygote_pid);
}
