// Clocks: each can be read, none goes backwards, resolutions.
//@ needs: clocks
#include "guest.h"
#include <sys/time.h>

static long ns(struct timespec t) {
  return t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(void) {
  static const struct {
    int clock;
    const char *name;
  } clocks[] = {{CLOCK_REALTIME, "REALTIME"},
                {CLOCK_MONOTONIC, "MONOTONIC"},
                {CLOCK_PROCESS_CPUTIME_ID, "PROCESS"},
                {CLOCK_THREAD_CPUTIME_ID, "THREAD"},
                {CLOCK_MONOTONIC_RAW, "MONOTONIC_RAW"},
                {CLOCK_REALTIME_COARSE, "REALTIME_COARSE"},
                {CLOCK_MONOTONIC_COARSE, "MONOTONIC_COARSE"},
                {CLOCK_BOOTTIME, "BOOTTIME"},
                {CLOCK_TAI, "TAI"}};
  for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
    struct timespec a = {-1, -1}, b = {-1, -1}, res = {-1, -1};
    long ra = SYS_2(SYS_clock_gettime, clocks[i].clock, &a);
    long rb = SYS_2(SYS_clock_gettime, clocks[i].clock, &b);
    outcome(clocks[i].name, ra | rb);
    yes_no(" does not go backwards", ns(b) >= ns(a));
    yes_no(" nanoseconds in range", a.tv_nsec >= 0 && a.tv_nsec < 1000000000);
    outcome(" resolution", SYS_2(SYS_clock_getres, clocks[i].clock, &res));
    say(" resolution %ld %ld", (long)res.tv_sec, res.tv_nsec);
  }
  struct timespec libc, raw;
  clock_gettime(CLOCK_MONOTONIC, &libc);
  SYS_2(SYS_clock_gettime, CLOCK_MONOTONIC, &raw);
  yes_no("libc and the system call agree to a second", labs(ns(raw) - ns(libc)) < 1000000000);
  struct timeval tv;
  outcome("gettimeofday", SYS_2(SYS_gettimeofday, &tv, 0));
  yes_no("microseconds in range", tv.tv_usec >= 0 && tv.tv_usec < 1000000);
  time_t t = 0;
  yes_no("time stores what it returns", SYS_1(SYS_time, &t) == t);
  SYS_2(SYS_clock_gettime, CLOCK_REALTIME, &raw);
  yes_no("time agrees to two seconds", labs(raw.tv_sec - t) <= 2 && labs(raw.tv_sec - tv.tv_sec) <= 2);
  return 0;
}
