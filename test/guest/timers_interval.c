// setitimer, getitimer, alarm: what is left, what was, errors.
//@ needs: signals timers
#include "guest.h"
#include <sys/time.h>

static volatile int count;

static void handler(int signo) {
  (void)signo;
  count++;
}

int main(void) {
  signal(SIGALRM, handler);
  signal(SIGVTALRM, handler);
  signal(SIGPROF, handler);
  value("alarm 100", SYS_1(SYS_alarm, 100));
  value("alarm 0 gives what was left", SYS_1(SYS_alarm, 0));
  value("alarm 0 again", SYS_1(SYS_alarm, 0));
  struct itimerval t = {{0, 10000}, {0, 10000}}, old = {{1, 1}, {1, 1}};
  value("setitimer", SYS_3(SYS_setitimer, ITIMER_REAL, &t, &old));
  say("old: %ld %ld %ld %ld", (long)old.it_interval.tv_sec, (long)old.it_interval.tv_usec,
      (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
  while (count < 3)
    pause();
  yes_no("it repeats", count >= 3);
  value("getitimer", SYS_2(SYS_getitimer, ITIMER_REAL, &old));
  yes_no("interval and value", old.it_interval.tv_usec == 10000 && old.it_value.tv_usec <= 10000);
  memset(&t, 0, sizeof t);
  value("stop", SYS_3(SYS_setitimer, ITIMER_REAL, &t, 0));
  for (int which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
    count = 0;
    t = (struct itimerval){{0, 0}, {0, 20000}};
    value("setitimer of CPU time", SYS_3(SYS_setitimer, which, &t, 0));
    while (count == 0)
      __asm__ volatile("");
    value("signals", count);
  }
  t = (struct itimerval){{0, 0}, {0, 1000000}};
  value("a million microseconds", SYS_3(SYS_setitimer, ITIMER_REAL, &t, 0));
  t = (struct itimerval){{0, 0}, {-1, 0}};
  value("negative", SYS_3(SYS_setitimer, ITIMER_REAL, &t, 0));
  value("which 3", SYS_2(SYS_getitimer, 3, &t));
  value("bad address", SYS_2(SYS_getitimer, 0, 8));
  value("bad new address", SYS_3(SYS_setitimer, 0, 8, 0));
  return 0;
}
