// sigtimedwait and its kin: pending signals are taken, time-outs, errors.
//@ needs: signals
#include "guest.h"

int main(void) {
  sigset_t set, other;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN);
  sigemptyset(&other);
  sigaddset(&other, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
  siginfo_t info;
  struct timespec zero = {0, 0}, soon = {0, 20000000}, wrong = {0, -1};
  value("nothing pending, no wait", SYS_4(SYS_rt_sigtimedwait, &set, &info, &zero, 8));
  value("nothing pending, 20 ms", SYS_4(SYS_rt_sigtimedwait, &set, &info, &soon, 8));
  value("bad time", SYS_4(SYS_rt_sigtimedwait, &set, &info, &wrong, 8));
  value("bad set", SYS_4(SYS_rt_sigtimedwait, 8, &info, &zero, 8));
  value("size 4", SYS_4(SYS_rt_sigtimedwait, &set, &info, &zero, 4));
  union sigval v = {.sival_int = 7};
  sigqueue(getpid(), SIGRTMIN, v);
  v.sival_int = 8;
  sigqueue(getpid(), SIGRTMIN, v);
  kill(getpid(), SIGUSR1);
  for (int i = 0; i < 4; i++) {
    long r = SYS_4(SYS_rt_sigtimedwait, &set, &info, &zero, 8);
    say("took %ld, code %d, value %d", r >= 32 ? r - SIGRTMIN + 100 : r, r > 0 ? info.si_code : 0,
        r >= 32 ? info.si_value.sival_int : 0);
  }
  kill(getpid(), SIGUSR1);
  value("without a place for the details", SYS_4(SYS_rt_sigtimedwait, &set, 0, 0, 8));
  int signo = 0;
  kill(getpid(), SIGUSR1);
  value("sigwait", sigwait(&set, &signo));
  value(" signal", signo);
  value("kill of nobody", SYS_2(SYS_kill, 0x3fffff, 0));
  value("kill itself with 0", SYS_2(SYS_kill, SYS_0(SYS_getpid), 0));
  value("signal 65", SYS_2(SYS_kill, SYS_0(SYS_getpid), 65));
  value("signal -1", SYS_2(SYS_kill, SYS_0(SYS_getpid), -1));
  value("tgkill of another group", SYS_3(SYS_tgkill, 0x3fffff, SYS_0(SYS_gettid), 0));
  value("tgkill 0", SYS_3(SYS_tgkill, 0, SYS_0(SYS_gettid), 0));
  value("tkill -1", SYS_2(SYS_tkill, -1, 0));
  info = (siginfo_t){.si_signo = SIGUSR1, .si_code = SI_USER};
  value("rt_sigqueueinfo that says it is kill, to itself",
        SYS_3(SYS_rt_sigqueueinfo, SYS_0(SYS_getpid), SIGUSR1, &info));
  value("bad details", SYS_3(SYS_rt_sigqueueinfo, SYS_0(SYS_getpid), SIGUSR1, 8));
  return 0;
}
