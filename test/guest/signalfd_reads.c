// signalfd: pending signals by read, readiness, changes of the mask, what a record holds.
//@ needs: events
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

static int fd;
static struct signalfd_siginfo info[4];

static void take(const char *what, size_t size) {
  memset(info, 0x55, sizeof info);
  long n = SYS_3(SYS_read, fd, info, size);
  value(what, n);
  for (long i = 0; i < n / (long)sizeof *info; i++)
    say("  signal %u code %d self %d uid %d int %d status %d overrun %u", info[i].ssi_signo, info[i].ssi_code,
        info[i].ssi_pid == (unsigned)getpid(), info[i].ssi_uid == getuid(), info[i].ssi_int,
        info[i].ssi_status, info[i].ssi_overrun);
}

static int ready(int ms) {
  struct pollfd f = {fd, POLLIN, 0};
  poll(&f, 1, ms);
  return f.revents;
}

int main(void) {
  sigset_t set, usr2, empty;
  sigemptyset(&set), sigemptyset(&usr2), sigemptyset(&empty);
  sigaddset(&set, SIGUSR1), sigaddset(&set, SIGRTMIN), sigaddset(&set, SIGCHLD), sigaddset(&set, SIGKILL);
  sigaddset(&usr2, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, 0), sigprocmask(SIG_BLOCK, &usr2, 0);
  fd = SYS_4(SYS_signalfd4, -1, &set, 8, SFD_NONBLOCK | SFD_CLOEXEC);
  say("flags %o %d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
  take("nothing", sizeof info);
  say("ready %x", ready(0));
  kill(getpid(), SIGUSR1);
  say("ready %x", ready(0));
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGUSR2);
  take("one", sizeof info);
  take("no more", sizeof info);
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 41});
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 42});
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 43});
  raise(SIGUSR1);
  take("two of four", 2 * sizeof *info + 7);
  take("the rest", sizeof info);
  take("too small", sizeof *info - 1);
  value("write", SYS_3(SYS_write, fd, info, 128));
  value("another mask", SYS_4(SYS_signalfd4, fd, &usr2, 8, 0));
  say("ready %x", ready(0));
  take("the other signal", sizeof info);
  value("not a signalfd", SYS_4(SYS_signalfd4, 1, &set, 8, 0));
  value("not a descriptor", SYS_4(SYS_signalfd4, 77, &set, 8, 0));
  value("bad size", SYS_4(SYS_signalfd4, -1, &set, 4, 0));
  value("bad flags", SYS_4(SYS_signalfd4, -1, &set, 8, 1));
  value("bad mask", SYS_4(SYS_signalfd4, -1, 8, 8, 0));
  close(fd);

  fd = SYS_3(SYS_signalfd, -1, &set, 8);
  say("flags %o %d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
  pid_t self = getpid();
  if (fork() == 0) {
    usleep(20000);
    kill(self, SIGUSR1);
    usleep(20000);
    _exit(5);
  }
  take("waiting", sizeof *info);
  say("ready %x", ready(2000));
  take("the child", sizeof *info);
  int status;
  wait(&status);
  // The reader's own signals: a child sees its own, not the parent's.
  raise(SIGUSR1);
  if (fork() == 0) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
    take("child", sizeof *info);
    raise(SIGUSR1);
    take("child, its own", sizeof *info);
    _exit(0);
  }
  wait(&status);
  take("parent", sizeof info);
  return 0;
}
