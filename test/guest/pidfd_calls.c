// Descriptors of processes: opening, signals, waiting, readiness, descriptors of others, clone with CLONE_PIDFD.
//@ needs: files fork signals events pidfd
#include "guest.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static long open_pid(pid_t pid, unsigned flags) {
  return SYS_2(SYS_pidfd_open, pid, flags);
}

static long send_to(int fd, int signal, void *info, unsigned flags) {
  return SYS_4(SYS_pidfd_send_signal, fd, signal, info, flags);
}

static void ready(const char *what, int fd, int timeout) {
  struct pollfd f = {fd, POLLIN | POLLOUT | POLLRDNORM, 0};
  int n = poll(&f, 1, timeout);
  say("%s: %d, %x", what, n, f.revents);
}

static void wait_by(const char *what, int fd, int options) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  long r = SYS_5(SYS_waitid, P_PIDFD, fd, &info, options, NULL);
  if (failed(r))
    say("%s: %s", what, error_name(r));
  else
    say("%s: signal %d, code %d, status %d", what, info.si_signo, info.si_code, info.si_status);
}

static void handle(int signal, siginfo_t *info, void *context) {
  (void)context;
  say("  got %d, code %d, mine %d, value %d", signal, info->si_code, info->si_pid == getpid(),
      info->si_value.sival_int);
}

// Waits until it is told to go on, or for a signal.
static pid_t child_that_waits(int *go) {
  int ends[2];
  if (pipe(ends)) _exit(97);
  pid_t child = fork();
  if (child == 0) {
    char c;
    close(ends[1]);
    _exit(read(ends[0], &c, 1) == 0 ? 3 : 4);
  }
  close(ends[0]);
  *go = ends[1];
  return child;
}

static void opening(void) {
  value("pid 0", open_pid(0, 0));
  value("pid -1", open_pid(-1, 0));
  value("no such process", open_pid(30000000, 0));
  value("unknown flag", open_pid(getpid(), 0x10));
  int fd = open_pid(getpid(), 0);
  say("close on exec %d, flags %o", fcntl(fd, F_GETFD), fcntl(fd, F_GETFL));
  char path[40], text[600] = "";
  sprintf(path, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(path, text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  say("link %s", text);
  sprintf(path, "/proc/self/fdinfo/%d", fd);
  int info = open(path, O_RDONLY);
  n = read(info, text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  close(info);
  char *line = strstr(text, "Pid:");
  yes_no("tells the pid", line != NULL && atoi(line + 4) == getpid());
  value("read", SYS_3(SYS_read, fd, text, 8));
  value("write", SYS_3(SYS_write, fd, text, 8));
  ready("self", fd, 0);
  close(fd);
  fd = open_pid(getpid(), O_NONBLOCK);
  say("flags %o", fcntl(fd, F_GETFL));
  close(fd);
}

static void signals(void) {
  struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGRTMIN, &action, NULL);
  int fd = open_pid(getpid(), 0);
  value("nothing", send_to(fd, 0, NULL, 0));
  value("signal", send_to(fd, SIGUSR1, NULL, 0));
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = SIGRTMIN;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_value.sival_int = 77;
  value("with information", send_to(fd, SIGRTMIN, &info, 0));
  value("of another signal", send_to(fd, SIGUSR1, &info, 0));
  value("from nowhere", send_to(fd, SIGRTMIN, (void *)8, 0));
  info.si_code = SI_USER;
  value("as from a user", send_to(fd, SIGRTMIN, &info, 0));
  value("no such signal", send_to(fd, 100, NULL, 0));
  value("unknown flag", send_to(fd, SIGUSR1, NULL, 0x100));
  value("not a process", send_to(1, SIGUSR1, NULL, 0));
  value("no descriptor", send_to(77, SIGUSR1, NULL, 0));
  close(fd);

  int go;
  pid_t child = child_that_waits(&go);
  fd = open_pid(child, 0);
  value("as from a user, to another", send_to(fd, SIGRTMIN, &info, 0));
  ready("before the end", fd, 0);
  wait_by("not yet", fd, WEXITED | WNOHANG);
  value("kill", send_to(fd, SIGKILL, NULL, 0));
  ready("killed", fd, 5000);
  value("signal to a zombie", send_to(fd, SIGUSR1, NULL, 0));
  wait_by("look", fd, WEXITED | WNOWAIT);
  wait_by("wait", fd, WEXITED);
  wait_by("again", fd, WEXITED);
  ready("waited for", fd, 0);
  value("signal to nobody", send_to(fd, 0, NULL, 0));
  value("open nobody", open_pid(child, 0));
  close(fd), close(go);
}

static void waiting(void) {
  int go;
  pid_t child = child_that_waits(&go);
  int fd = open_pid(child, O_NONBLOCK), other = open_pid(getpid(), 0);
  wait_by("without waiting", fd, WEXITED);
  wait_by("not a child", other, WEXITED);
  wait_by("not a process", 1, WEXITED);
  wait_by("no descriptor", 77, WEXITED);
  wait_by("bad descriptor", -1, WEXITED);
  int set = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = 5};
  value("add", epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
  value("no event", epoll_wait(set, &event, 1, 0));
  close(go);
  int n = epoll_wait(set, &event, 1, 5000);
  say("event: %d, %x, %d", n, event.events, event.data.fd);
  wait_by("ended", fd, WEXITED);
  n = epoll_wait(set, &event, 1, 0);
  say("event: %d, %x", n, event.events);
  close(set), close(fd), close(other);
}

static void descriptors_of_others(void) {
  int ends[2], go;
  if (pipe(ends)) _exit(97);
  pid_t child = child_that_waits(&go);
  int fd = open_pid(child, 0), end = ends[1];
  close(ends[1]);
  int taken = SYS_3(SYS_pidfd_getfd, fd, end, 0);
  outcome("take", taken);
  value("close on exec", fcntl(taken, F_GETFD));
  value("write", SYS_3(SYS_write, taken, "x", 1));
  char c;
  value("read", SYS_3(SYS_read, ends[0], &c, 1));
  value("unknown flag", SYS_3(SYS_pidfd_getfd, fd, end, 1));
  value("no such descriptor", SYS_3(SYS_pidfd_getfd, fd, 77, 0));
  value("not a process", SYS_3(SYS_pidfd_getfd, 1, end, 0));
  if (fork() == 0) {
    if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)) _exit(97);
    value("as somebody else", SYS_3(SYS_pidfd_getfd, fd, end, 0));
    value("signal as somebody else", send_to(fd, SIGTERM, NULL, 0));
    _exit(0);
  }
  wait(NULL);
  close(go);
  ready("ended", fd, 5000);
  value("of a zombie", SYS_3(SYS_pidfd_getfd, fd, end, 0));
  wait(NULL);
  value("of nobody", SYS_3(SYS_pidfd_getfd, fd, end, 0));
  close(fd), close(taken), close(ends[0]);
}

static long clone_with(unsigned long flags, void *pidfd, void *tid) {
  struct clone_args args = {
      .flags = flags, .pidfd = (uint64_t)pidfd, .parent_tid = (uint64_t)tid, .exit_signal = SIGCHLD};
  return SYS_2(SYS_clone3, &args, sizeof args);
}

static int tells_of_it(void *fd) {
  return *(int *)fd >= 0 ? 31 : 32;
}

static void cloning(void) {
  int fd = -5, tid = -6;
  long child = SYS_5(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);
  if (child == 0) _exit(fd == -5 ? 11 : 12);
  yes_no("clone", child > 0 && fd >= 0);
  value("close on exec", fcntl(fd, F_GETFD));
  wait_by("clone", fd, WEXITED);
  close(fd);
  fd = -5;
  child = clone_with(CLONE_PIDFD | CLONE_PARENT_SETTID, &fd, &tid);
  if (child == 0) _exit(fcntl(3, F_GETFD) < 0 ? 21 : 22);
  yes_no("clone3", child > 0 && fd == 3 && tid == child);
  wait_by("clone3", fd, WEXITED);
  close(fd);
  fd = -5;
  child = clone(tells_of_it, pages(4) + 4 * PAGE, CLONE_PIDFD | CLONE_VM | CLONE_VFORK | SIGCHLD, &fd, &fd);
  yes_no("sharing memory", child > 0 && fd >= 0);
  wait_by("sharing memory", fd, WEXITED);
  close(fd);
  value("one place for both", SYS_5(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &fd, 0, 0));
  value("one place for both", clone_with(CLONE_PIDFD | CLONE_PARENT_SETTID, &fd, &fd));
  value("detached", SYS_5(SYS_clone, CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, 0, &fd, 0, 0));
  value("to nowhere", clone_with(CLONE_PIDFD, (void *)8, NULL));
  char *page = pages(1);
  SYS_3(SYS_mprotect, page, PAGE, PROT_READ);
  value("to where nothing is written", clone_with(CLONE_PIDFD, page, NULL));
  struct rlimit limit, none;
  getrlimit(RLIMIT_NOFILE, &limit);
  none = limit;
  none.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &none);
  value("no descriptor left", clone_with(CLONE_PIDFD, &fd, NULL));
  setrlimit(RLIMIT_NOFILE, &limit);
  value("next descriptor", dup(1));
  value("no children", waitpid(-1, NULL, WNOHANG) < 0 ? -errno : 0);
}

int main(void) {
  cloning();
  opening();
  signals();
  waiting();
  descriptors_of_others();
  return 0;
}
