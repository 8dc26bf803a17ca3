// Signals that come while a call waits with a time-out: EINTR, what is left, restarts without a handler,
// temporary masks.
//@ needs: pipes poll tasks
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/wait.h>

static int handled;
static void handler(int signo) {
  (void)signo;
  handled++;
}

static void pause_ms(int ms) {
  struct timespec t = {0, ms * 1000000l};
  while (nanosleep(&t, &t) < 0)
    continue;
}

// Sends the signal to this process after 20 ms.
static void later(int signo) {
  pid_t self = getpid();
  if (fork() == 0) {
    signal(SIGUSR1, SIG_DFL);
    pause_ms(20);
    kill(self, signo);
    if (signo == SIGSTOP) pause_ms(20), kill(self, SIGCONT);
    _exit(0);
  }
}

static void reap(const char *what, long result) {
  value(what, result);
  say("  handled %d", handled);
  handled = 0;
  // SIGCHLD is blocked but while it is waited for.
  while (waitpid(-1, 0, 0) < 0 && errno == EINTR)
    continue;
}

static long ms_since(struct timespec *t) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - t->tv_sec) * 1000 + (now.tv_nsec - t->tv_nsec) / 1000000;
}

int main(void) {
  int p[2];
  pipe(p);
  struct pollfd f = {p[0], POLLIN, 0};
  struct timespec began, t, left;
  struct sigaction a = {.sa_handler = handler};

  for (int restart = 0; restart < 2; restart++) {
    say("SA_RESTART %d", restart);
    a.sa_flags = restart ? SA_RESTART : 0;
    sigaction(SIGUSR1, &a, 0);
    later(SIGUSR1);
    t = (struct timespec){5, 0}, left = (struct timespec){9, 9};
    reap("nanosleep", SYS_2(SYS_nanosleep, &t, &left));
    yes_no("  most is left", left.tv_sec == 4 && left.tv_nsec > 500000000);
    later(SIGUSR1);
    reap("nanosleep, no place for the rest", SYS_2(SYS_nanosleep, &t, 0));
    later(SIGUSR1);
    reap("nanosleep, bad place for the rest", SYS_2(SYS_nanosleep, &t, 8));
    later(SIGUSR1);
    left = (struct timespec){9, 9};
    reap("clock_nanosleep", SYS_4(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &t, &left));
    yes_no("  most is left", left.tv_sec == 4);
    later(SIGUSR1);
    left = (struct timespec){9, 9};
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += 5;
    reap("clock_nanosleep, absolute", SYS_4(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, &left));
    yes_no("  the rest is not written", left.tv_sec == 9);
    later(SIGUSR1);
    reap("poll", SYS_3(SYS_poll, &f, 1, 5000));
    later(SIGUSR1);
    t = (struct timespec){5, 0};
    reap("ppoll", SYS_5(SYS_ppoll, &f, 1, &t, 0, 0));
    yes_no("  most is left", t.tv_sec == 4);
    later(SIGUSR1);
    struct timeval tv = {5, 0};
    fd_set r;
    FD_ZERO(&r);
    FD_SET(p[0], &r);
    reap("select", SYS_5(SYS_select, 10, &r, 0, 0, &tv));
    yes_no("  most is left", tv.tv_sec == 4);
    yes_no("  the set is as it was", FD_ISSET(p[0], &r));
  }

  // Without a handler: a stop and a continuation do not end the wait. In a child, since a stop of the
  // first process stops the command that started it.
  fflush(0);
  pid_t child = fork();
  if (child > 0) {
    int status;
    waitpid(child, &status, 0);
    say("child: %d", status);
    goto masks;
  }
  clock_gettime(CLOCK_MONOTONIC, &began);
  later(SIGSTOP);
  t = (struct timespec){0, 80000000};
  reap("nanosleep, stopped", SYS_2(SYS_nanosleep, &t, 0));
  yes_no("  long enough", ms_since(&began) >= 80);
  clock_gettime(CLOCK_MONOTONIC, &began);
  later(SIGSTOP);
  reap("poll, stopped", SYS_3(SYS_poll, &f, 1, 80));
  yes_no("  long enough", ms_since(&began) >= 80);
  yes_no("  not too long", ms_since(&began) < 1000);
  clock_gettime(CLOCK_MONOTONIC, &began);
  later(SIGSTOP);
  t = (struct timespec){0, 80000000};
  reap("ppoll, stopped", SYS_5(SYS_ppoll, &f, 1, &t, 0, 0));
  yes_no("  long enough", ms_since(&began) >= 80);
  _exit(0);

masks:
  // A signal that is ignored does nothing at all.
  signal(SIGUSR1, SIG_IGN);
  later(SIGUSR1);
  reap("poll, ignored", SYS_3(SYS_poll, &f, 1, 60));

  // A mask for the time of the wait.
  sigaction(SIGUSR1, &a, 0);
  sigset_t usr1, now;
  unsigned long none = 0;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, 0);
  kill(getpid(), SIGUSR1);
  reap("blocked", SYS_3(SYS_poll, &f, 1, 5));
  t = (struct timespec){5, 0};
  reap("ppoll lets it through", SYS_5(SYS_ppoll, &f, 1, &t, &none, 8));
  sigprocmask(SIG_BLOCK, 0, &now);
  yes_no("  blocked again", sigismember(&now, SIGUSR1));
  kill(getpid(), SIGUSR1);
  t = (struct timespec){0, 0};
  reap("ppoll without time lets it through", SYS_5(SYS_ppoll, &f, 1, &t, &none, 8));
  kill(getpid(), SIGUSR1);
  write(p[1], "x", 1);
  t = (struct timespec){5, 0};
  reap("ppoll that is ready does not", SYS_5(SYS_ppoll, &f, 1, &t, &none, 8));
  yes_no("  still pending", sigpending(&now) == 0 && sigismember(&now, SIGUSR1));
  read(p[0], &none, 1);
  none = 0;
  struct {
    void *set;
    size_t size;
  } m = {&none, 8};
  fd_set r;
  FD_ZERO(&r);
  FD_SET(p[0], &r);
  reap("pselect lets it through", SYS_6(SYS_pselect6, 10, &r, 0, 0, &t, &m));
  later(SIGUSR1);
  reap("pselect, waiting", SYS_6(SYS_pselect6, 10, &r, 0, 0, &t, &m));
  value("restart_syscall without a reason", SYS_0(SYS_restart_syscall));
  return 0;
}
