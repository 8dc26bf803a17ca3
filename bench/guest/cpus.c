// How far two CPUs are apart: `cpus` prints the nanoseconds that a cache line takes from one to another and back, which is
// what each call costs that a thread on another CPU answers. Two threads, each bound to one of the first two CPUs that
// this process may use, answer each other; the least of nine batches, since others may want the CPUs. With one CPU it
// prints nothing.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "bench.h"

#define TRIPS 2000

static _Alignas(256) atomic_long said;
static int first = -1, second = -1;

static void bind_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
}

static void *answer(void *none) {
  bind_to(second);
  for (long trip = 0; trip < TRIPS * BATCHES; trip++) {
    while (atomic_load(&said) != 2 * trip + 1)
      __builtin_ia32_pause();
    atomic_store(&said, 2 * trip + 2);
  }
  return none;
}

int main(void) {
  cpu_set_t allowed;
  CHECK(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  for (int cpu = 0; cpu < CPU_SETSIZE && second < 0; cpu++)
    if (CPU_ISSET(cpu, &allowed)) *(first < 0 ? &first : &second) = cpu;
  if (second < 0) return 0;
  pthread_t other;
  CHECK((errno = pthread_create(&other, NULL, answer, NULL)) == 0);
  bind_to(first);
  double least = 1e18;
  for (int batch = 0; batch < BATCHES; batch++) {
    double from = bench_now();
    for (long trip = (long)batch * TRIPS; trip < (batch + 1L) * TRIPS; trip++) {
      atomic_store(&said, 2 * trip + 1);
      while (atomic_load(&said) != 2 * trip + 2)
        __builtin_ia32_pause();
    }
    const double took = (bench_now() - from) / TRIPS;
    if (took < least) least = took;
  }
  pthread_join(other, NULL);
  printf("%.0f\n", least);
  return 0;
}
