// Where threads run on the host: one CPU for those that hand work to each other, and how many others want a CPU.
#include "../host/host.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Linux's largest set of CPUs.
#define CPUS_MAX 8192
#define SETS (CPUS_MAX / CPU_SETSIZE)

/* Threads of the whole host that run or want to, from /proc/loadavg (proc_loadavg(5)); or a negative errno. */
RF_EXPORT int32_t rf_runnable(int32_t loadavg) {
  char text[128];
  int running;
  ssize_t n = pread(loadavg, text, sizeof text - 1, 0);
  if (n < 0) return -errno;
  text[n] = '\0';
  return sscanf(text, "%*s %*s %*s %d", &running) == 1 ? running : -EIO;
}

/* How many CPUs a thread may run on, or a negative errno. */
RF_EXPORT int32_t rf_cpus_of(int32_t tid) {
  cpu_set_t cpus[SETS] = {0};
  if (sched_getaffinity(tid, sizeof cpus, cpus)) return -errno;
  return CPU_COUNT_S(sizeof cpus, cpus);
}

/* Lets the threads whose numbers stand in the scratch area run on that CPU alone, if `like` may run there, or, with a
   negative one, wherever `like` may. 0, or a negative errno for all of them; threads that are gone are left out. */
RF_EXPORT int32_t rf_place(int32_t count, int32_t cpu, int32_t like) {
  cpu_set_t cpus[SETS] = {0};
  const int32_t *tids = (const int32_t *)rf_scratch;
  if (sched_getaffinity(like, sizeof cpus, cpus)) return -errno;
  if (cpu >= 0) {
    if (cpu >= CPUS_MAX || !CPU_ISSET_S(cpu, sizeof cpus, cpus)) return -EINVAL;
    memset(cpus, 0, sizeof cpus);
    CPU_SET_S(cpu, sizeof cpus, cpus);
  }
  for (int32_t i = 0; i < count; i++)
    sched_setaffinity(tids[i], sizeof cpus, cpus);
  return 0;
}

/* Moves the calling thread to another CPU of those that `like` may run on, where the host lets it stay until it finds a
   better one: that CPU, -ESRCH if there is none, or another negative errno. */
RF_EXPORT int32_t rf_step_aside(int32_t like) {
  cpu_set_t cpus[SETS] = {0};
  if (sched_getaffinity(like, sizeof cpus, cpus)) return -errno;
  int here = sched_getcpu();
  cpu_set_t others[SETS];
  memcpy(others, cpus, sizeof others);
  CPU_CLR_S(here, sizeof others, others);
  if (CPU_COUNT_S(sizeof others, others) == 0) return -ESRCH;
  int error = sched_setaffinity(0, sizeof others, others) ? errno : 0;
  int there = sched_getcpu();
  sched_setaffinity(0, sizeof cpus, cpus);
  return error ? -error : there;
}
