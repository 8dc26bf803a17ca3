// O_ASYNC, F_SETOWN, F_SETSIG: signals for what happens to pipes, sockets and terminals.
//@ needs: pipes sockets signals ptys
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static sigset_t all;

static void pending(const char *what) {
  struct timespec t = {0, 50000000};
  siginfo_t info;
  int n = 0;
  while (sigtimedwait(&all, &info, &t) > 0) {
    n++;
    say("%s: signal %d%s", what, info.si_signo, info.si_signo == SIGIO ? "" : " (real-time)");
    if (info.si_signo == SIGIO && info.si_code == SI_KERNEL)
      say("  from the kernel");
    else
      say("  code %d band %lx fd %d", info.si_code, info.si_band, info.si_fd);
    t.tv_nsec = 0;
  }
  if (n == 0) say("%s: nothing", what);
}

static void async(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
}

int main(void) {
  sigemptyset(&all);
  sigaddset(&all, SIGIO);
  sigaddset(&all, SIGRTMIN + 3);
  sigprocmask(SIG_BLOCK, &all, NULL);
  int p[2];
  if (pipe(p)) return 1;
  value("owner at first", fcntl(p[0], F_GETOWN));
  async(p[0]);
  yes_no("flag", (fcntl(p[0], F_GETFL) & O_ASYNC) != 0);
  if (write(p[1], "a", 1) != 1) return 1;
  pending("without owner");
  value("set owner", fcntl(p[0], F_SETOWN, getpid()));
  yes_no("owner is me", fcntl(p[0], F_GETOWN) == getpid());
  char c[16];
  if (read(p[0], c, 1) != 1 || write(p[1], "a", 1) != 1) return 1;
  pending("pipe");
  value("set signal", fcntl(p[0], F_SETSIG, SIGRTMIN + 3));
  yes_no("signal", fcntl(p[0], F_GETSIG) == SIGRTMIN + 3);
  if (read(p[0], c, 1) != 1 || write(p[1], "a", 1) != 1) return 1;
  pending("pipe with siginfo");
  fcntl(p[0], F_SETFL, 0);
  if (read(p[0], c, 1) != 1 || write(p[1], "a", 1) != 1) return 1;
  pending("no longer asked for");

  int s[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, s)) return 1;
  fcntl(s[0], F_SETOWN, -getpgrp());
  yes_no("owner is my group", fcntl(s[0], F_GETOWN) == -getpgrp());
  fcntl(s[0], F_SETOWN, getpid());
  fcntl(s[0], F_SETSIG, SIGRTMIN + 3);
  int on = 1;
  value("FIOASYNC", ioctl(s[0], FIOASYNC, &on));
  yes_no("flag", (fcntl(s[0], F_GETFL) & O_ASYNC) != 0);
  if (write(s[1], "hello", 5) != 5) return 1;
  pending("socket");

  int master, slave;
  if (openpty(&master, &slave, NULL, NULL, NULL)) return 1;
  fcntl(master, F_SETOWN, getpid());
  async(master);
  if (write(slave, "x", 1) != 1) return 1;
  pending("terminal");

  struct f_owner_ex o = {F_OWNER_TID, gettid()};
  value("set thread", fcntl(s[0], F_SETOWN_EX, &o));
  o = (struct f_owner_ex){9, 9};
  value("get", fcntl(s[0], F_GETOWN_EX, &o));
  yes_no("it is me", o.type == F_OWNER_TID && o.pid == gettid());
  if (write(s[1], "more", 4) != 4) return 1;
  pending("to a thread");
  o.type = 7;
  outcome("bad type", SYS_3(SYS_fcntl, s[0], F_SETOWN_EX, &o));
  outcome("nobody", SYS_3(SYS_fcntl, s[0], F_SETOWN, 4000000));
  outcome("bad signal", SYS_3(SYS_fcntl, s[0], F_SETSIG, 65));
  outcome("nobody any more", SYS_3(SYS_fcntl, s[0], F_SETOWN, 0));
  if (write(s[1], "more", 4) != 4) return 1;
  pending("nobody");
  return 0;
}
