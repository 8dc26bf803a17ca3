// How long private futexes are waited for: durations and times on both clocks, in one thread and beside
// others, and not longer for signals that come meanwhile.
//@ needs: futex threads signals
//@ cflags: -pthread
#include "guest.h"
#include <linux/futex.h>
#include <pthread.h>

#define MS 1000000l

static int word;

static long long now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

// Waits for `ms` from now on: the call's outcome, and whether the time is right.
static long timed(int op, clockid_t clock, long ms, int is_absolute) {
  long long begin = now(CLOCK_MONOTONIC), end = now(clock) + ms * MS;
  long long time = is_absolute ? end : ms * MS;
  struct timespec t = {time / 1000000000, time % 1000000000};
  long result = SYS_6(SYS_futex, &word, op | FUTEX_PRIVATE_FLAG, 0, &t, 0, 1);
  long long took = now(CLOCK_MONOTONIC) - begin;
  if (took < ms * MS - MS) say("too short: %lld ms", took / MS);
  if (took > ms * MS + 2000 * MS) say("too long: %lld ms", took / MS);
  return result;
}

static void all(const char *name) {
  say("%s", name);
  value(" a duration", timed(FUTEX_WAIT, CLOCK_MONOTONIC, 60, 0));
  value(" a time", timed(FUTEX_WAIT_BITSET, CLOCK_MONOTONIC, 60, 1));
  value(" a time of day", timed(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, CLOCK_REALTIME, 60, 1));
  value(" none at all", timed(FUTEX_WAIT, CLOCK_MONOTONIC, 0, 0));
}

static volatile int handled, over;

static void on_signal(int signo) {
  (void)signo;
  handled++;
}

static pthread_t waiter;

// A signal without a handler that would end anything, again and again: the wait goes on, to the same end.
static void *disturb(void *signo) {
  for (int i = 0; i < 40 && !over; i++) {
    usleep(10000);
    pthread_kill(waiter, (long)signo);
  }
  return NULL;
}

static void disturbed(const char *name, int signo, int op, clockid_t clock, int is_absolute) {
  pthread_t thread;
  over = 0;
  pthread_create(&thread, NULL, disturb, (void *)(long)signo);
  value(name, timed(op, clock, 200, is_absolute));
  over = 1;
  pthread_join(thread, NULL);
}

static void *sleep_beside(void *argument) {
  SYS_4(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, 0);
  return argument;
}

int main(void) {
  waiter = pthread_self();
  all("alone");
  pthread_t thread;
  pthread_create(&thread, NULL, sleep_beside, NULL);
  all("beside another");
  signal(SIGUSR1, on_signal);
  signal(SIGUSR2, SIG_IGN);
  say("while signals come that do nothing");
  disturbed(" a duration", SIGUSR2, FUTEX_WAIT, CLOCK_MONOTONIC, 0);
  disturbed(" a time", SIGUSR2, FUTEX_WAIT_BITSET, CLOCK_MONOTONIC, 1);
  disturbed(" a duration, SIGCONT", SIGCONT, FUTEX_WAIT, CLOCK_MONOTONIC, 0);
  disturbed(" a time of day, SIGCONT", SIGCONT, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, CLOCK_REALTIME, 1);
  word = 1;
  SYS_3(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 10);
  pthread_join(thread, NULL);
  return 0;
}
