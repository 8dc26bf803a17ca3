// Sleeps last at least as long as asked, and not much longer; absolute ones end in the past at once.
//@ needs: clocks
#include "guest.h"

static long now(int clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(void) {
  static const long lengths[] = {1, 1000, 1000000, 30000000};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    struct timespec t = {0, lengths[i]};
    long before = now(CLOCK_MONOTONIC);
    long r = SYS_2(SYS_nanosleep, &t, 0);
    long slept = now(CLOCK_MONOTONIC) - before;
    say("%ld ns: %ld, long enough %d, not a second more %d", lengths[i], r, slept >= lengths[i],
        slept < lengths[i] + 1000000000);
  }
  static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
  for (size_t i = 0; i < 3; i++) {
    long end = now(clocks[i]) + 20000000;
    struct timespec t = {end / 1000000000, end % 1000000000};
    long r = SYS_4(SYS_clock_nanosleep, clocks[i], TIMER_ABSTIME, &t, 0);
    say("absolute on clock %d: %ld, reached %d", clocks[i], r, now(clocks[i]) >= end);
    struct timespec past = {1, 0};
    value(" in the past", SYS_4(SYS_clock_nanosleep, clocks[i], TIMER_ABSTIME, &past, 0));
  }
  return 0;
}
