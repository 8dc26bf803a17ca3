// epoll: sets in sets, loops, waiting, signals, several waiters, timers and signals as files.
//@ needs: events pipes tasks
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

static void handler(int signo) {
  (void)signo;
}

static long add(int ep, int fd, unsigned events, int data) {
  struct epoll_event e = {.events = events, .data.u32 = data};
  return SYS_4(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd, &e);
}

static void show(const char *what, int ep, int ms) {
  struct epoll_event e[8];
  long n = SYS_4(SYS_epoll_wait, ep, e, 8, ms);
  if (failed(n)) {
    say("%s: %s", what, error_name(n));
    return;
  }
  char text[300] = "";
  for (long i = 0; i < n; i++)
    sprintf(text + strlen(text), " %x:%d", e[i].events, e[i].data.u32);
  say("%s: %ld%s", what, n, text);
}

static void pause_ms(int ms) {
  struct timespec t = {0, ms * 1000000l};
  nanosleep(&t, 0);
}

int main(void) {
  int p[2];
  char c[10] = "";
  pipe(p);
  int outer = epoll_create1(0), inner = epoll_create1(0);
  value("inner in outer", add(outer, inner, EPOLLIN, 1));
  value("pipe in inner", add(inner, p[0], EPOLLIN, 2));
  show("nothing", outer, 0);
  write(p[1], c, 1);
  show("outer", outer, 0);
  show("inner", inner, 0);
  struct pollfd f = {outer, POLLIN, 0};
  say("poll %d %x", poll(&f, 1, 0), f.revents);
  read(p[0], c, 10);
  say("poll %d %x", poll(&f, 1, 0), f.revents);
  show("outer", outer, 0);
  value("outer in inner", add(inner, outer, EPOLLIN, 3));
  int chain[7];
  for (int i = 0; i < 7; i++)
    chain[i] = epoll_create1(0);
  for (int i = 0; i < 6; i++)
    value("chain", add(chain[i], chain[i + 1], EPOLLIN, i));
  value("loop of the chain", add(chain[3], chain[0], EPOLLIN, 9));
  if (fork() == 0) {
    pause_ms(20);
    write(p[1], c, 1);
    _exit(0);
  }
  show("waiting, nested", outer, -1);
  wait(0);
  read(p[0], c, 10);

  // Signals.
  struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &a, 0);
  pid_t self = getpid();
  if (fork() == 0) {
    pause_ms(20);
    kill(self, SIGUSR1);
    _exit(0);
  }
  show("interrupted in spite of SA_RESTART", outer, 5000);
  wait(0);
  sigset_t usr1, none;
  sigemptyset(&usr1), sigemptyset(&none);
  sigaddset(&usr1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, 0);
  raise(SIGUSR1);
  show("blocked", outer, 5);
  struct epoll_event e;
  value("pwait lets it through", SYS_6(SYS_epoll_pwait, outer, &e, 1, 5000, &none, 8));
  raise(SIGUSR1);
  write(p[1], c, 1);
  value("pwait that is ready does not", SYS_6(SYS_epoll_pwait, outer, &e, 1, 5000, &none, 8));
  sigset_t pending;
  sigpending(&pending);
  yes_no("still pending", sigismember(&pending, SIGUSR1));
  read(p[0], c, 10);

  // A signalfd and a timerfd in a set.
  int ep = epoll_create1(0), sfd = signalfd(-1, &usr1, 0), tfd = timerfd_create(CLOCK_MONOTONIC, 0);
  value("signalfd", add(ep, sfd, EPOLLIN, 1));
  value("timerfd", add(ep, tfd, EPOLLIN, 2));
  show("a signal that was pending", ep, 0);
  struct signalfd_siginfo info;
  read(sfd, &info, sizeof info);
  show("taken", ep, 0);
  if (fork() == 0) {
    pause_ms(20);
    kill(self, SIGUSR1);
    _exit(0);
  }
  show("waiting for a signal", ep, 5000);
  read(sfd, &info, sizeof info);
  wait(0);
  struct itimerspec t = {{0, 0}, {0, 10000000}};
  timerfd_settime(tfd, 0, &t, 0);
  show("waiting for a timer", ep, 5000);

  // Two processes wait for one event each.
  int ev = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK), done[2];
  ep = epoll_create1(0);
  add(ep, ev, EPOLLIN, 7);
  pipe(done);
  for (int i = 0; i < 2; i++) {
    if (fork() == 0) {
      eventfd_t n;
      do
        epoll_wait(ep, &e, 1, -1);
      while (eventfd_read(ev, &n) < 0);
      write(done[1], c, 1);
      _exit(0);
    }
  }
  pause_ms(20);
  eventfd_write(ev, 1);
  value("one is done", SYS_3(SYS_read, done[0], c, 10));
  f = (struct pollfd){done[0], POLLIN, 0};
  value("the other is not", SYS_3(SYS_poll, &f, 1, 30));
  eventfd_write(ev, 1);
  value("now it is", SYS_3(SYS_read, done[0], c, 10));
  while (wait(0) > 0)
    continue;

  // A set changes while somebody waits for it.
  ep = epoll_create1(0);
  if (fork() == 0) {
    show("waiting for what comes later", ep, 5000);
    _exit(0);
  }
  pause_ms(20);
  write(p[1], c, 1);
  int added = add(ep, p[0], EPOLLIN, 8);
  wait(0);
  value("add", added);
  return 0;
}
