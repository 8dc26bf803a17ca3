// The Gofer's host threads: each takes the jobs of its lane one after the other, and may wait for the host for as long as
// that takes. They are made with the first job, have no more rights than the threads beside them (the filter is
// inherited), and touch nothing but their jobs' records (ringfence/job.h).
#include "host.h"

#include <pthread.h>
#include <ringfence/job.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE (256 << 10)

_Static_assert(offsetof(struct job, stat) == 64 && offsetof(struct job, times) == 208 &&
                   offsetof(struct job, data) == 256 && sizeof(struct job) % 8 == 0,
               "job_record.ts");

struct gofer;

struct lane {
  struct gofer *gofer;
  bool started;
  // Jobs that wait for the thread, by number, from `first` on.
  int32_t waiting[RF_JOBS_A_LANE];
  unsigned first, count;
  pthread_cond_t wake;
};

// Of one kernel: its lanes, where the records of its jobs are, and its doorbell. What one kernel's mounts hold up holds up no
// other kernel.
struct gofer {
  uint32_t kernel;
  bool ends;
  unsigned threads;
  struct job *jobs;
  int bell;
  // A job is done: for who waits for one.
  pthread_cond_t done;
  struct lane lanes[RF_JOB_LANES];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct gofer *gofers[RF_KERNELS_MAX];

// The mutex is held.
static struct gofer *gofer_of(uint32_t kernel) {
  struct gofer *gofer = gofers[kernel % RF_KERNELS_MAX];
  return gofer != NULL && gofer->kernel == kernel ? gofer : NULL;
}

static void *serve(void *argument) {
  static const uint64_t one = 1;
  struct lane *lane = argument;
  struct gofer *gofer = lane->gofer;
  prctl(PR_SET_NAME, "gofer");
  pthread_mutex_lock(&mutex);
  for (;;) {
    while (lane->count == 0 && !gofer->ends)
      pthread_cond_wait(&lane->wake, &mutex);
    if (lane->count == 0) break;
    struct job *job = &gofer->jobs[lane->waiting[lane->first]];
    lane->first = (lane->first + 1) % RF_JOBS_A_LANE;
    lane->count--;
    job->state = JOB_RUNNING;
    pthread_mutex_unlock(&mutex);
    rf_job_run(job);
    pthread_mutex_lock(&mutex);
    __atomic_store_n(&job->state, JOB_DONE, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&gofer->done);
    (void)!write(gofer->bell, &one, sizeof one);
  }
  // The last one tells who waits for all.
  if (--gofer->threads == 0) pthread_cond_broadcast(&gofer->done);
  pthread_mutex_unlock(&mutex);
  return NULL;
}

// Signals are for others.
static int start(struct lane *lane) {
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all, before;
  int error = pthread_attr_init(&attributes);
  if (error) return -error;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  pthread_cond_init(&lane->wake, NULL);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(&thread, &attributes, serve, lane);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  lane->started = error == 0;
  if (lane->started) lane->gofer->threads++;
  return -error;
}

/* Where the records of a kernel's jobs are, and the doorbell that is rung when one is done. Once a kernel. */
RF_EXPORT int32_t rf_jobs_setup(uint32_t kernel, uint8_t *base, int32_t doorbell) {
  struct gofer *gofer = calloc(1, sizeof *gofer);
  if (gofer == NULL) return -ENOMEM;
  gofer->kernel = kernel;
  gofer->jobs = (struct job *)base;
  gofer->bell = doorbell;
  pthread_cond_init(&gofer->done, NULL);
  for (unsigned i = 0; i < RF_JOB_LANES; i++)
    gofer->lanes[i].gofer = gofer;
  pthread_mutex_lock(&mutex);
  struct gofer **place = &gofers[kernel % RF_KERNELS_MAX];
  bool taken = *place != NULL;
  if (!taken) *place = gofer;
  pthread_mutex_unlock(&mutex);
  if (taken) free(gofer);
  return taken ? -EBUSY : 0;
}

/* Ends the threads of a kernel's Gofer, which has no jobs any more: they wait for jobs alone. */
RF_EXPORT void rf_jobs_end(uint32_t kernel) {
  pthread_mutex_lock(&mutex);
  struct gofer *gofer = gofer_of(kernel);
  if (gofer != NULL) {
    gofer->ends = true;
    for (unsigned i = 0; i < RF_JOB_LANES; i++)
      if (gofer->lanes[i].started) pthread_cond_signal(&gofer->lanes[i].wake);
    while (gofer->threads > 0)
      pthread_cond_wait(&gofer->done, &mutex);
    gofers[kernel % RF_KERNELS_MAX] = NULL;
  }
  pthread_mutex_unlock(&mutex);
  free(gofer);
}

/* Gives a job, whose record is filled in, to the thread of a lane, which is made if there is none: 0, or a negative errno
   and nothing was done. */
RF_EXPORT int32_t rf_job_submit(uint32_t kernel, int32_t number, int32_t job) {
  if (number < 0 || number >= RF_JOB_LANES || job < 0 || job >= RF_JOB_LANES * RF_JOBS_A_LANE) return -EINVAL;
  pthread_mutex_lock(&mutex);
  struct gofer *gofer = gofer_of(kernel);
  int32_t error = gofer == NULL ? -EINVAL : 0;
  if (error == 0) {
    struct lane *lane = &gofer->lanes[number];
    if (!lane->started) error = start(lane);
    if (error == 0 && lane->count == RF_JOBS_A_LANE) error = -EAGAIN;
    if (error == 0) {
      lane->waiting[(lane->first + lane->count++) % RF_JOBS_A_LANE] = job;
      gofer->jobs[job].state = JOB_QUEUED;
      pthread_cond_signal(&lane->wake);
    }
  }
  pthread_mutex_unlock(&mutex);
  return error;
}

/* Waits on the calling thread until a job is done, up to so many milliseconds: 0, or -ETIMEDOUT. */
RF_EXPORT int32_t rf_job_wait(uint32_t kernel, int32_t job, int32_t timeoutMs) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += timeoutMs / 1000;
  until.tv_nsec += timeoutMs % 1000 * 1000000L;
  if (until.tv_nsec >= 1000000000L) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000L;
  }
  int error = 0;
  pthread_mutex_lock(&mutex);
  struct gofer *gofer = gofer_of(kernel);
  if (gofer == NULL) {
    pthread_mutex_unlock(&mutex);
    return -EINVAL;
  }
  while (gofer->jobs[job].state != JOB_DONE && error == 0)
    error = pthread_cond_clockwait(&gofer->done, &mutex, CLOCK_MONOTONIC, &until);
  error = gofer->jobs[job].state == JOB_DONE ? 0 : -error;
  pthread_mutex_unlock(&mutex);
  return error;
}

/* Silences the doorbell; which jobs are done their records say. */
RF_EXPORT int32_t rf_jobs_heard(uint32_t kernel) {
  uint64_t count;
  pthread_mutex_lock(&mutex);
  struct gofer *gofer = gofer_of(kernel);
  int bell = gofer == NULL ? -1 : gofer->bell;
  pthread_mutex_unlock(&mutex);
  return result_of(read(bell, &count, sizeof count));
}
