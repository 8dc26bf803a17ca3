// Tells of calls of the kernel thread's that took longer than a millisecond (long_calls.c).
#ifndef RINGFENCE_LONG_CALLS_H
#define RINGFENCE_LONG_CALLS_H

#include <stdint.h>

struct rf_timed {
  int64_t waits; // before the call; -1: nobody has counted
  uint64_t began;
};

// Where it is told: a word of the kernel thread's; NULL on other threads.
extern __thread uint32_t *rf_took_long;

void rf_measure_calls(uint32_t *took_long);
struct rf_timed rf_timed_watched(void);
void rf_timed_long(const struct rf_timed *timed, uint64_t ended);

static inline struct rf_timed rf_timed_begin(void) {
  return rf_took_long ? rf_timed_watched() : (struct rf_timed){.waits = -1, .began = 0};
}

static inline void rf_timed_end(struct rf_timed *timed) {
  if (rf_took_long) rf_timed_long(timed, __builtin_ia32_rdtsc());
}

// At the top of an entry: it is measured to its end.
#define RF_TIMED __attribute__((cleanup(rf_timed_end), unused)) struct rf_timed timed = rf_timed_begin()

#endif
