// Clocks that do not exist or cannot be set, and bad addresses.
//@ needs: clocks
#include "guest.h"

int main(void) {
  struct timespec t = {0, 0};
  static const int wrong[] = {10, 12, 16, 99, -1, -5, 2147483647};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    say("clock %d", wrong[i]);
    outcome(" gettime", SYS_2(SYS_clock_gettime, wrong[i], &t));
    outcome(" getres", SYS_2(SYS_clock_getres, wrong[i], &t));
  }
  outcome("gettime null", SYS_2(SYS_clock_gettime, CLOCK_MONOTONIC, 0));
  outcome("getres null", SYS_2(SYS_clock_getres, CLOCK_MONOTONIC, 0));
  outcome("gettime kernel address", SYS_2(SYS_clock_gettime, CLOCK_MONOTONIC, -4096L));
  outcome("settime monotonic", SYS_2(SYS_clock_settime, CLOCK_MONOTONIC, &t));
  outcome("settime cpu time", SYS_2(SYS_clock_settime, CLOCK_PROCESS_CPUTIME_ID, &t));
  outcome("gettimeofday null", SYS_2(SYS_gettimeofday, 0, 0));
  outcome("gettimeofday bad", SYS_2(SYS_gettimeofday, 8, 0));
  outcome("time bad", SYS_1(SYS_time, 8));
  return 0;
}
