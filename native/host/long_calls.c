// Host calls that made the kernel thread wait for a disk: the next of their kind are for the Gofer's threads
// (src/workers/gofer/slow_mounts.ts). Every call pays for two readings of the processor's counter. Only where they are far
// apart is looked at the clock; and since a thread that others ran in place of has not waited for the host, the next calls, for
// a while, are asked how often it has.
#include "long_calls.h"

#include <sys/resource.h>
#include <time.h>

// What counts as long; and for how long calls are watched after one that may have been.
#define LONG_NS 1000000
#define WATCH_NS 10000000000
// No counter runs slower than this in LONG_NS.
#define TICKS_MIN (LONG_NS / 2)

__thread uint32_t *rf_took_long;
static __thread struct {
  uint64_t ticks, ns; // of the same moment, long ago
  uint64_t watched_until_ns;
} clocks;

static uint64_t now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int64_t waits(void) {
  struct rusage usage;
  return getrusage(RUSAGE_THREAD, &usage) < 0 ? 0 : usage.ru_nvcsw;
}

void rf_measure_calls(uint32_t *took_long) {
  rf_took_long = took_long;
  clocks.ticks = __builtin_ia32_rdtsc();
  clocks.ns = now_ns();
}

struct rf_timed rf_timed_watched(void) {
  if (clocks.watched_until_ns != 0 && now_ns() > clocks.watched_until_ns) clocks.watched_until_ns = 0;
  return (struct rf_timed){.waits = clocks.watched_until_ns == 0 ? -1 : waits(),
                           .began = __builtin_ia32_rdtsc()};
}

void rf_timed_long(const struct rf_timed *timed, uint64_t ended) {
  if (ended - timed->began < TICKS_MIN) return;
  uint64_t now = now_ns();
  double tick_ns = (double)(now - clocks.ns) / (double)(ended - clocks.ticks);
  if ((double)(ended - timed->began) * tick_ns < LONG_NS) return;
  if (timed->waits >= 0 && waits() > timed->waits) *rf_took_long = 1;
  clocks.watched_until_ns = now + WATCH_NS;
}
