// A guest that wants the Sentry to run out of memory by way of signals that nobody takes, and of timers.
//@ args: queued
//@ args: timers
//@ args: expired-timers
//@ ends: 0
//@ deadline: 30
#include "hostile.h"
#include <sys/resource.h>
#include <sys/wait.h>

static int queue(int count) {
  for (int i = 0; i < count; i++)
    if (sigqueue(getpid(), SIGRTMIN, (union sigval){i}) < 0) return -errno;
  return 0;
}

static int timers(int count) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  int timer;
  for (int i = 0; i < count; i++) {
    long result = SYS_3(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer);
    if (failed(result)) return result;
  }
  return 0;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "queued";
  struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_SIGPENDING, &all);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  if (strcmp(mode, "expired-timers") == 0) {
    // A timer that is gone leaves the signal of its last expiration.
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec soon = {{0, 0}, {0, 1}};
    for (int i = 0; i < 20000; i++) {
      int timer;
      if (failed(SYS_3(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer))) bad("timer_create", i);
      SYS_4(SYS_timer_settime, timer, 0, &soon, 0);
      SYS_1(SYS_timer_delete, timer);
    }
  } else {
    int is_queue = strcmp(mode, "queued") == 0;
    // More than one process: what is bounded is all of them together.
    for (int i = 0; i < 2; i++) {
      int pid = fork(), status;
      if (pid == 0) _exit(-(is_queue ? queue(1 << 17) : timers(1 << 17)));
      if (i == 0) usleep(1000);
      waitpid(pid, &status, 0);
      if (status != 0 && WEXITSTATUS(status) != EAGAIN) bad("status", status);
    }
    if ((is_queue ? queue(1 << 18) : timers(1 << 18)) != -EAGAIN) bad("without end", 0);
  }
  say("done");
  return 0;
}
