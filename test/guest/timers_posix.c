// POSIX timers: signals with values, what is left, overruns, errors.
//@ needs: signals timers
#include "guest.h"

static volatile int count, last_value, last_code;

static void handler(int signo, siginfo_t *info, void *context) {
  (void)signo;
  (void)context;
  count++;
  last_value = info->si_value.sival_int;
  last_code = info->si_code;
}

int main(void) {
  struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGRTMIN, &a, NULL);
  struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 99};
  int id = -1;
  value("create", SYS_3(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
  struct itimerspec t = {{0, 0}, {0, 10000000}}, old = {{7, 7}, {7, 7}};
  value("set", SYS_4(SYS_timer_settime, id, 0, &t, &old));
  say("old %ld %ld", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
  while (count == 0)
    pause();
  say("signals %d value %d code %d", count, last_value, last_code);
  value("get", SYS_2(SYS_timer_gettime, id, &old));
  say("left %ld %ld", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
  value("overrun", SYS_1(SYS_timer_getoverrun, id));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, NULL);
  t = (struct itimerspec){{0, 1000000}, {0, 1000000}};
  value("every millisecond", SYS_4(SYS_timer_settime, id, 0, &t, 0));
  struct timespec pause_time = {0, 50000000};
  nanosleep(&pause_time, NULL);
  count = 0;
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  yes_no("one signal for many periods", count >= 1 && count < 20);
  value("delete", SYS_1(SYS_timer_delete, id));
  value("delete again", SYS_1(SYS_timer_delete, id));
  value("set after delete", SYS_4(SYS_timer_settime, id, 0, &t, 0));
  e.sigev_notify = SIGEV_NONE;
  value("create without a signal", SYS_3(SYS_timer_create, CLOCK_REALTIME, &e, &id));
  t = (struct itimerspec){{0, 0}, {1000, 0}};
  SYS_4(SYS_timer_settime, id, 0, &t, 0);
  SYS_2(SYS_timer_gettime, id, &old);
  yes_no("what is left", old.it_value.tv_sec == 999);
  t = (struct itimerspec){{0, 0}, {1, 0}};
  value("absolute, in the past", SYS_4(SYS_timer_settime, id, TIMER_ABSTIME, &t, 0));
  value("clock 99", SYS_3(SYS_timer_create, 99, &e, &id));
  e.sigev_notify = 77;
  value("notify 77", SYS_3(SYS_timer_create, CLOCK_REALTIME, &e, &id));
  e = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99};
  value("signal 99", SYS_3(SYS_timer_create, CLOCK_REALTIME, &e, &id));
  value("bad address", SYS_3(SYS_timer_create, CLOCK_REALTIME, 8, &id));
  t = (struct itimerspec){{0, 0}, {0, 1000000000}};
  value("bad time", SYS_4(SYS_timer_settime, id, 0, &t, 0));
  return 0;
}
