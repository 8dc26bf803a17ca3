// Blocked signals wait: standard ones once, real-time ones in a queue, lowest number first.
//@ needs: signals
#include "guest.h"

static void tell(int signo, siginfo_t *info, void *context) {
  (void)context;
  say("signal %d value %d", signo >= SIGRTMIN ? signo - SIGRTMIN + 100 : signo, info->si_value.sival_int);
}

int main(void) {
  struct sigaction a = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO};
  sigfillset(&a.sa_mask);
  static const int signals[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGTERM};
  for (int i = 0; i < 4; i++)
    sigaction(signals[i], &a, NULL);
  for (int i = 0; i < 3; i++)
    sigaction(SIGRTMIN + i, &a, NULL);
  sigset_t all, old, pending;
  sigfillset(&all);
  value("block all", sigprocmask(SIG_BLOCK, &all, &old));
  union sigval v;
  for (int i = 0; i < 3; i++) {
    v.sival_int = i;
    sigqueue(getpid(), SIGRTMIN + 2 - i % 2, v);
    sigqueue(getpid(), SIGUSR2, v);
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGTERM);
    v.sival_int = 10 + i;
    sigqueue(getpid(), SIGRTMIN, v);
  }
  sigpending(&pending);
  say("pending: HUP %d USR1 %d USR2 %d TERM %d RT0 %d RT1 %d RT2 %d", sigismember(&pending, SIGHUP),
      sigismember(&pending, SIGUSR1), sigismember(&pending, SIGUSR2), sigismember(&pending, SIGTERM),
      sigismember(&pending, SIGRTMIN), sigismember(&pending, SIGRTMIN + 1),
      sigismember(&pending, SIGRTMIN + 2));
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  say("KILL blocked %d, STOP blocked %d, HUP blocked %d", sigismember(&now, SIGKILL),
      sigismember(&now, SIGSTOP), sigismember(&now, SIGHUP));
  say("unblocking");
  sigprocmask(SIG_SETMASK, &old, NULL);
  sigpending(&pending);
  value("pending afterwards", sigismember(&pending, SIGHUP) + sigismember(&pending, SIGRTMIN));
  // What is ignored while it is pending is gone.
  sigprocmask(SIG_BLOCK, &all, NULL);
  kill(getpid(), SIGUSR1);
  signal(SIGUSR1, SIG_IGN);
  sigpending(&pending);
  value("pending after it was ignored", sigismember(&pending, SIGUSR1));
  value("how 99", SYS_4(SYS_rt_sigprocmask, 99, &all, 0, 8));
  value("how 99 without a set", SYS_4(SYS_rt_sigprocmask, 99, 0, &now, 8));
  value("size 4", SYS_4(SYS_rt_sigprocmask, SIG_BLOCK, 0, &now, 4));
  value("bad set", SYS_4(SYS_rt_sigprocmask, SIG_BLOCK, 8, 0, 8));
  value("bad old set", SYS_4(SYS_rt_sigprocmask, SIG_BLOCK, 0, 8, 8));
  value("sigpending size 4", SYS_2(SYS_rt_sigpending, &now, 4));
  value("sigpending size 16", SYS_2(SYS_rt_sigpending, &now, 16));
  return 0;
}
