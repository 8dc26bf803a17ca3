// Handlers: who sent the signal and how, the mask while they run, and the flags of sigaction.
//@ needs: signals
#include "guest.h"

static volatile int count;
static volatile int nested_depth, deepest, raised;

static void tell(int signo, siginfo_t *info, void *context) {
  (void)context;
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  say("handler: signal %d, code %d, from itself %d, uid %u, value %d, itself masked %d, SIGUSR2 masked %d",
      signo, info->si_code, info->si_pid == getpid(), info->si_uid, info->si_value.sival_int,
      sigismember(&mask, signo), sigismember(&mask, SIGUSR2));
  count++;
}

static void nest(int signo) {
  nested_depth++;
  if (nested_depth > deepest) deepest = nested_depth;
  if (raised < 2) {
    raised++;
    raise(signo);
  }
  nested_depth--;
}

static void set(int signo, int flags, void (*f)(int, siginfo_t *, void *)) {
  struct sigaction a = {.sa_sigaction = f, .sa_flags = flags | SA_SIGINFO};
  sigaddset(&a.sa_mask, SIGUSR2);
  value("sigaction", sigaction(signo, &a, NULL) ? -errno : 0);
}

int main(void) {
  set(SIGUSR1, 0, tell);
  value("kill", kill(getpid(), SIGUSR1));
  value("tgkill", SYS_3(SYS_tgkill, getpid(), SYS_0(SYS_gettid), SIGUSR1));
  value("tkill", SYS_2(SYS_tkill, SYS_0(SYS_gettid), SIGUSR1));
  union sigval v = {.sival_int = 4711};
  value("sigqueue", sigqueue(getpid(), SIGUSR1, v));
  value("handled", count);
  set(SIGRTMIN + 3, 0, tell);
  value("sigqueue real-time", sigqueue(getpid(), SIGRTMIN + 3, v));
  struct sigaction once = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO | SA_RESETHAND}, now;
  sigaction(SIGUSR1, &once, NULL);
  raise(SIGUSR1);
  sigaction(SIGUSR1, NULL, &now);
  yes_no("RESETHAND: back to default", now.sa_handler == SIG_DFL);
  struct sigaction deep = {.sa_handler = nest, .sa_flags = SA_NODEFER};
  sigaction(SIGUSR1, &deep, NULL);
  raise(SIGUSR1);
  value("NODEFER: depth", deepest);
  deepest = raised = 0;
  deep.sa_flags = 0;
  sigaction(SIGUSR1, &deep, &now);
  value("old flags", now.sa_flags & (SA_NODEFER | SA_SIGINFO | SA_RESETHAND | SA_RESTART));
  raise(SIGUSR1);
  value("without NODEFER: depth at a time", deepest);
  value("sigaction of SIGKILL", sigaction(SIGKILL, &deep, NULL) ? -errno : 0);
  value("sigaction of SIGSTOP", sigaction(SIGSTOP, &deep, NULL) ? -errno : 0);
  value("asking for SIGKILL", sigaction(SIGKILL, NULL, &now) ? -errno : 0);
  value("sigaction of 65", SYS_4(SYS_rt_sigaction, 65, 0, &now, 8));
  value("sigaction of 0", SYS_4(SYS_rt_sigaction, 0, 0, &now, 8));
  value("set size 4", SYS_4(SYS_rt_sigaction, SIGUSR1, 0, &now, 4));
  value("bad new address", SYS_4(SYS_rt_sigaction, SIGUSR1, 8, 0, 8));
  value("bad old address", SYS_4(SYS_rt_sigaction, SIGUSR1, 0, 8, 8));
  return 0;
}
