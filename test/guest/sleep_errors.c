// nanosleep and clock_nanosleep: what is refused, and zero sleeps.
//@ needs: clocks
#include "guest.h"

int main(void) {
  struct timespec zero = {0, 0}, rem = {77, 77};
  value("zero", SYS_2(SYS_nanosleep, &zero, &rem));
  say("remaining untouched: %ld %ld", (long)rem.tv_sec, rem.tv_nsec);
  static const struct timespec wrong[] = {{0, -1}, {0, 1000000000}, {-1, 0}, {0, 1L << 40}, {-1, 999999999}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    say("%ld s %ld ns", (long)wrong[i].tv_sec, wrong[i].tv_nsec);
    value(" nanosleep", SYS_2(SYS_nanosleep, &wrong[i], 0));
    value(" clock_nanosleep", SYS_4(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &wrong[i], 0));
  }
  value("null", SYS_2(SYS_nanosleep, 0, 0));
  value("bad address", SYS_2(SYS_nanosleep, 8, 0));
  value("bad remaining address of a whole sleep", SYS_2(SYS_nanosleep, &zero, 8));
  value("clock 99", SYS_4(SYS_clock_nanosleep, 99, 0, &zero, 0));
  value("thread cpu time", SYS_4(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &zero, 0));
  value("coarse clock", SYS_4(SYS_clock_nanosleep, CLOCK_MONOTONIC_COARSE, 0, &zero, 0));
  value("raw clock", SYS_4(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &zero, 0));
  value("tai", SYS_4(SYS_clock_nanosleep, CLOCK_TAI, 0, &zero, 0));
  value("boottime", SYS_4(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &zero, 0));
  value("flags 2", SYS_4(SYS_clock_nanosleep, CLOCK_MONOTONIC, 2, &zero, 0));
  return 0;
}
