// Time that nobody sets: for deadlines.
#ifndef RINGFENCE_MONOTONIC_H
#define RINGFENCE_MONOTONIC_H

#include <time.h>

// CLOCK_MONOTONIC in milliseconds.
static inline long long monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

#endif
