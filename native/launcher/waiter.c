// The waiter: see waiter.h.
#include "waiter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup_fork.h"
#include "namespaces.h"
#include "privileges.h"
#include "report.h"

// The user namespace first: it gives the right to enter the others, but for a network namespace that the
// sandbox has joined, which is its caller's.
static const char *const namespaces[] = {"user", "pid", "mnt", "net", "ipc", "uts", "cgroup"};
#define NAMESPACES (sizeof namespaces / sizeof namespaces[0])
enum { USER_NAMESPACE = 0, NETWORK_NAMESPACE = 3 };

// Ends as the guest's process did, as far as a waiting parent can tell.
static _Noreturn void end_like(int status) {
  if (!WIFSIGNALED(status)) _exit(WEXITSTATUS(status));
  int signo = WTERMSIG(status);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0});
  signal(signo, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signo);
  kill(getpid(), signo);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  _exit(128 + signo); // a signal whose default action ends nobody
}

static _Noreturn void run(int channel) {
  sigset_t set;
  sigfillset(&set);
  sigprocmask(SIG_SETMASK, &set, NULL);
  sigdelset(&set, SIGCHLD); // it has no children
  int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) _exit(EXIT_SANDBOX_DIED);
  privileges_watcher();
  struct pollfd polled[] = {{.fd = channel, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
  for (;;) {
    if (poll(polled, 2, -1) < 0) continue;
    if (polled[1].revents) {
      struct signalfd_siginfo info;
      if (read(signals, &info, sizeof info) == sizeof info) {
        int signo = (int)info.ssi_signo | (info.ssi_code == SI_KERNEL ? WAITER_FROM_TERMINAL : 0);
        send(channel, &signo, sizeof signo, MSG_NOSIGNAL | MSG_DONTWAIT);
      }
    }
    if (!polled[0].revents) continue;
    int status;
    ssize_t n = recv(channel, &status, sizeof status, MSG_DONTWAIT);
    if (n == sizeof status) end_like(status);
    if (n >= 0 || (errno != EAGAIN && errno != EINTR)) _exit(EXIT_SANDBOX_DIED);
  }
}

// What a child in the sandbox's PID namespace may hold: by these numbers.
enum { CHANNEL, ANSWER, MESSAGES, TERMINAL, KEPT };

// From its first instruction on the waiter is in reach of the sandbox, which may be compromised and may trace
// what its user namespace holds. So before it is there, everything goes that it would be worth tracing for:
// the launcher's descriptors (its state directory is a way to the host's files) and all privileges.
static void lose_everything(const int kept[KEPT]) {
  int high[KEPT];
  for (int i = 0; i < KEPT; i++)
    high[i] = kept[i] < 0 ? -1 : fcntl(kept[i], F_DUPFD_CLOEXEC, 64);
  for (int i = 0; i < KEPT; i++)
    if (high[i] < 0)
      close(i);
    else if (dup3(high[i], i, O_CLOEXEC) < 0)
      fail_errno(EXIT_RINGFENCE, "arranging descriptors");
  if (syscall(SYS_close_range, KEPT, ~0u, 0) < 0) fail_errno(EXIT_RINGFENCE, "closing descriptors");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    fail_errno(EXIT_RINGFENCE, "protecting the waiter");
  privileges_none();
}

// In a child of the launcher: enters the namespaces and makes the waiter as a sibling of itself. A
// process cannot change its own PID namespace, only that of the children it will have.
static _Noreturn void make_waiter(pid_t init, bool user_namespace, bool own_mounts, int channel, int terminal,
                                  int answer) {
  int fds[NAMESPACES];
  for (size_t i = 0; i < NAMESPACES; i++)
    fds[i] = namespace_of(init, namespaces[i]);
  bool has_network = setns(fds[NETWORK_NAMESPACE], CLONE_NEWNET) == 0;
  for (size_t i = user_namespace ? USER_NAMESPACE : 1; i < NAMESPACES; i++)
    if (!(i == NETWORK_NAMESPACE && has_network) && setns(fds[i], 0) < 0)
      fail_errno(EXIT_RINGFENCE, "entering the sandbox's %s namespace", namespaces[i]);
  privileges_become_root(); // as init is
  if (own_mounts && unshare(CLONE_NEWNS) < 0) fail_errno(EXIT_RINGFENCE, "making a mount namespace");
  lose_everything((const int[KEPT]){channel, answer, 2, terminal});
  // This process itself is still in the launcher's PID namespace, so clone tells the pid as that knows it.
  pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid < 0) fail_errno(EXIT_RINGFENCE, "making the waiter");
  if (pid == 0) {
    prctl(PR_SET_NAME, "ringfence-wait");
    setsid();
    // Its keys reach the guest through the waiter's signals. No descriptor of it is kept.
    if (terminal >= 0 && ioctl(TERMINAL, TIOCSCTTY, 0) < 0) _exit(EXIT_SANDBOX_DIED);
    syscall(SYS_close_range, CHANNEL + 1, ~0u, 0);
    run(CHANNEL);
  }
  (void)!write(ANSWER, &pid, sizeof pid);
  _exit(0);
}

pid_t waiter_start(pid_t init, bool user_namespace, bool own_mounts, int channel, int terminal,
                   const struct cgroups *groups) {
  int answer[2];
  if (pipe2(answer, O_CLOEXEC) < 0) fail_errno(EXIT_RINGFENCE, "making a pipe");
  bool in_groups; // the maker, and so the waiter
  pid_t maker = cgroups_fork(groups, 0, &in_groups);
  if (maker < 0) fail_errno(EXIT_RINGFENCE, "making the waiter");
  if (maker == 0) make_waiter(init, user_namespace, own_mounts, channel, terminal, answer[1]);
  close(answer[1]);
  pid_t pid;
  namespace_child_answer(maker, answer[0], &pid, sizeof pid);
  if (groups && !in_groups) cgroups_enter(groups, pid);
  return pid;
}
