// What a kernel thread sleeps on, and the clocks it reads: one epoll set, eventfd doorbells.
#include "host.h"

#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

// As the host counts it, which has no more signals.
#define KERNEL_SIGSET_SIZE 8
// Events of one wait.
#define EVENTS_MAX 64

RF_EXPORT int32_t rf_epoll_create(void) {
  return result_of(epoll_create1(EPOLL_CLOEXEC));
}

/* How often the calling thread has had to wait in the host: not how often others ran in its place. */
RF_EXPORT double rf_waits(void) {
  struct rusage usage;
  return getrusage(RUSAGE_THREAD, &usage) < 0 ? 0 : (double)usage.ru_nvcsw;
}

/* CLOCK_MONOTONIC in nanoseconds: exact below 2^53 (104 days of uptime), then to a few nanoseconds. */
RF_EXPORT double rf_monotonic_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* A doorbell: stubs write it, this process reads it; nobody blocks on it (F13). */
RF_EXPORT int32_t rf_doorbell_create(void) {
  return result_of(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

RF_EXPORT int32_t rf_doorbell_ring(int32_t fd) {
  static const uint64_t one = 1;
  return result_of(write(fd, &one, sizeof one));
}

/* epoll_ctl with a 32-bit cookie. */
RF_EXPORT int32_t rf_epoll_ctl(int32_t epoll, int32_t op, int32_t fd, uint32_t events, uint32_t cookie) {
  struct epoll_event event = {.events = events, .data.u64 = cookie};
  return result_of(epoll_ctl(epoll, op, fd, &event));
}

/* Has a doorbell end a wait, which clears it: it is no event. */
RF_EXPORT int32_t rf_epoll_add_bell(int32_t epoll, int32_t bell) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)(bell + 1) << 32};
  return result_of(epoll_ctl(epoll, EPOLL_CTL_ADD, bell, &event));
}

// Where the scratch area says when and on which CPU the wait ended: behind the events.
#define ENDED_AT (EVENTS_MAX * 8)
#define ENDED_ON (ENDED_AT + 8)

// The signals that a sleep is not interrupted by, beside those that are blocked anyway: the profiler of V8 (cpu_samples.ts)
// asks a thread a thousand times a second what it does.
static const sigset_t *masked_while_asleep(void) {
  static __thread sigset_t mask;
  static __thread bool is_known;
  if (!is_known) {
    is_known = true;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    sigaddset(&mask, SIGPROF);
  }
  return &mask;
}

/* Waits; timeoutNs < 0 waits for ever, but that the calling thread's event loop is not late. Leaves (events, cookie) pairs of u32 in the scratch area and
   returns their number; an interrupted wait returns 0. Behind them stand CLOCK_MONOTONIC in nanoseconds (f64) and the
   CPU (i32): the kernel thread wants both each time, and an entry costs more than what it does here. */
RF_EXPORT int32_t rf_epoll_wait(int32_t epoll, int32_t max, double timeoutNs) {
  struct epoll_event events[EVENTS_MAX];
  struct timespec ts, *timeout = NULL;
  if (max > EVENTS_MAX) max = EVENTS_MAX;
  int loop_ms = timeoutNs == 0 ? -1 : rf_event_loop_ms();
  if (loop_ms >= 0 && (timeoutNs < 0 || loop_ms * 1e6 < timeoutNs)) timeoutNs = loop_ms * 1e6;
  if (timeoutNs >= 0) {
    ts.tv_sec = (time_t)(timeoutNs / 1e9);
    ts.tv_nsec = (long)(timeoutNs - (double)ts.tv_sec * 1e9);
    if (ts.tv_nsec > 999999999) ts.tv_nsec = 999999999;
    if (ts.tv_nsec < 0) ts.tv_nsec = 0;
    timeout = &ts;
  }
  int n = syscall(SYS_epoll_pwait2, epoll, events, max, timeout,
                  timeoutNs == 0 ? NULL : masked_while_asleep(), KERNEL_SIGSET_SIZE);
  if (n < 0) n = errno == EINTR ? 0 : -errno;
  uint32_t *out = (uint32_t *)rf_scratch;
  int reported = n < 0 ? n : 0;
  for (int i = 0; i < n; i++) {
    uint64_t data = events[i].data.u64, count;
    if (data >> 32) {
      (void)!read((int)(data >> 32) - 1, &count, sizeof count);
      continue;
    }
    out[2 * reported] = events[i].events;
    out[2 * reported++ + 1] = (uint32_t)data;
  }
  *(double *)(rf_scratch + ENDED_AT) = rf_monotonic_ns();
  *(int32_t *)(rf_scratch + ENDED_ON) = sched_getcpu();
  return reported;
}

/* Leaves a clock's value (i64 seconds, i64 nanoseconds) in the scratch area. */
RF_EXPORT int32_t rf_clock_gettime(int32_t clock) {
  struct timespec ts;
  if (clock_gettime(clock, &ts)) return -errno;
  memcpy(rf_scratch, &ts, sizeof ts);
  return 0;
}

RF_EXPORT int32_t rf_clock_getres(int32_t clock) {
  struct timespec ts;
  if (clock_getres(clock, &ts)) return -errno;
  memcpy(rf_scratch, &ts, sizeof ts);
  return 0;
}

/* An entry of the auxiliary vector; exact below 2^53. */
RF_EXPORT double rf_getauxval(uint32_t type) {
  return (double)getauxval(type);
}

/* Gives free memory of the C library back to the host. */
RF_EXPORT void rf_trim(void) {
  malloc_trim(0);
}

RF_EXPORT int32_t rf_getcpu(void) {
  return sched_getcpu();
}

// Of the calling thread, in the PID namespace of the sandbox.
RF_EXPORT int32_t rf_gettid(void) {
  return (int32_t)syscall(SYS_gettid);
}

RF_EXPORT int32_t rf_close(int32_t fd) {
  return result_of(close(fd));
}

/* The same on any thread: the host frees the pages of a large file meanwhile. */
RF_EXPORT int32_t rf_close_large(int32_t fd) {
  return rf_close(fd);
}
