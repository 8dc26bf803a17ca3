// The Gofer's host threads: each takes the jobs of its lane one after the other, and may wait for the host for as long as
// that takes. They are made with the first job, have no more rights than the threads beside them (the filter is
// inherited), and touch nothing but their jobs' records (ringfence/job.h).
#include "host.h"

#include <pthread.h>
#include <ringfence/job.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE (256 << 10)

_Static_assert(offsetof(struct job, stat) == 64 && offsetof(struct job, times) == 208 &&
                   offsetof(struct job, data) == 256 && sizeof(struct job) % 8 == 0,
               "job_record.ts");

static struct lane {
  bool started;
  // Jobs that wait for the thread, by number, from `first` on.
  int32_t waiting[RF_JOBS_A_LANE];
  unsigned first, count;
  pthread_cond_t wake;
} lanes[RF_JOB_LANES];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
// A job is done: for who waits for one.
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;
static struct job *jobs;
static int bell = -1;

static void *serve(void *argument) {
  static const uint64_t one = 1;
  struct lane *lane = argument;
  prctl(PR_SET_NAME, "gofer");
  pthread_mutex_lock(&mutex);
  for (;;) {
    while (lane->count == 0)
      pthread_cond_wait(&lane->wake, &mutex);
    struct job *job = &jobs[lane->waiting[lane->first]];
    lane->first = (lane->first + 1) % RF_JOBS_A_LANE;
    lane->count--;
    job->state = JOB_RUNNING;
    pthread_mutex_unlock(&mutex);
    rf_job_run(job);
    pthread_mutex_lock(&mutex);
    __atomic_store_n(&job->state, JOB_DONE, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&done);
    (void)!write(bell, &one, sizeof one);
  }
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
  return -error;
}

/* Where the records of jobs are, and the doorbell that is rung when one is done. Once a process. */
RF_EXPORT void rf_jobs_setup(uint8_t *base, int32_t doorbell) {
  jobs = (struct job *)base;
  bell = doorbell;
}

/* Gives a job, whose record is filled in, to the thread of a lane, which is made if there is none: 0, or a negative errno
   and nothing was done. */
RF_EXPORT int32_t rf_job_submit(int32_t number, int32_t job) {
  struct lane *lane = &lanes[number];
  if (number < 0 || number >= RF_JOB_LANES || job < 0 || job >= RF_JOB_LANES * RF_JOBS_A_LANE) return -EINVAL;
  pthread_mutex_lock(&mutex);
  int32_t error = lane->started ? 0 : start(lane);
  if (error == 0 && lane->count == RF_JOBS_A_LANE) error = -EAGAIN;
  if (error == 0) {
    lane->waiting[(lane->first + lane->count++) % RF_JOBS_A_LANE] = job;
    jobs[job].state = JOB_QUEUED;
    pthread_cond_signal(&lane->wake);
  }
  pthread_mutex_unlock(&mutex);
  return error;
}

/* Waits on the calling thread until a job is done, up to so many milliseconds: 0, or -ETIMEDOUT. */
RF_EXPORT int32_t rf_job_wait(int32_t job, int32_t timeoutMs) {
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
  while (jobs[job].state != JOB_DONE && error == 0)
    error = pthread_cond_clockwait(&done, &mutex, CLOCK_MONOTONIC, &until);
  error = jobs[job].state == JOB_DONE ? 0 : -error;
  pthread_mutex_unlock(&mutex);
  return error;
}

/* Silences the doorbell; which jobs are done their records say. */
RF_EXPORT int32_t rf_jobs_heard(void) {
  uint64_t count;
  return result_of(read(bell, &count, sizeof count));
}
