// PI futexes: taking, waiting, handing over, time-outs, owners that die, deadlocks.
//@ cflags: -pthread
//@ needs: threads futex proc
#include "guest.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/wait.h>

static uint32_t word, other;
static pthread_mutex_t mutex;
static int order[8], arrived;

static long futex(uint32_t *at, int op, uint32_t v, struct timespec *t) {
  return SYS_6(SYS_futex, at, op, v, t, 0, 0);
}

static void state(const char *what, uint32_t w) {
  say("%s: owner %s%s%s", what,
      (w & FUTEX_TID_MASK) == 0               ? "none"
      : (int)(w & FUTEX_TID_MASK) == gettid() ? "me"
                                              : "other",
      w & FUTEX_WAITERS ? " waiters" : "", w & FUTEX_OWNER_DIED ? " died" : "");
}

static void pause_ms(int ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000l};
  nanosleep(&t, 0);
}

static struct timespec in_ms(int clock, int ms) {
  struct timespec t;
  clock_gettime(clock, &t);
  t.tv_nsec += ms * 1000000l;
  t.tv_sec += t.tv_nsec / 1000000000;
  t.tv_nsec %= 1000000000;
  return t;
}

static void *waits(void *argument) {
  long r = futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, 0);
  order[arrived++] = (int)(long)argument;
  if (failed(r)) return (void *)1;
  if ((int)(word & FUTEX_TID_MASK) != gettid()) return (void *)2;
  pause_ms(5);
  return (void *)-futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, 0);
}

static void *tries(void *argument) {
  (void)argument;
  value("try of another's", futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, 0));
  value("unlock of another's", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, 0));
  struct timespec t = in_ms(CLOCK_REALTIME, 20);
  value("lock with a time-out", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, &t));
  t = in_ms(CLOCK_MONOTONIC, 20);
  value("lock2 with a time-out", futex(&word, FUTEX_LOCK_PI2 | FUTEX_PRIVATE_FLAG, 0, &t));
  t.tv_nsec = 1000000000;
  value("bad time-out", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, &t));
  return 0;
}

// However busy the machine is.
static void until_held(uint32_t *lock) {
  while ((*(volatile uint32_t *)lock & FUTEX_TID_MASK) == 0)
    pause_ms(1);
}

static void *dies(void *argument) {
  (void)argument;
  futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, 0);
  pause_ms(50);
  return 0;
}

static void *dies_robust(void *argument) {
  (void)argument;
  pthread_mutex_lock(&mutex);
  pause_ms(50);
  return 0;
}

static volatile int crossing;

// For what it is about to wait for.
static void until_it_waits(void) {
  char path[64], text[256], *end;
  while (!crossing)
    pause_ms(1);
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", crossing);
  do {
    pause_ms(5);
    int fd = open(path, O_RDONLY);
    text[read(fd, text, sizeof text - 1)] = 0;
    close(fd);
    end = strrchr(text, ')');
  } while (end[2] != 'S');
}

static void *crosses(void *argument) {
  (void)argument;
  futex(&other, FUTEX_LOCK_PI_PRIVATE, 0, 0);
  crossing = gettid();
  long r = futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, 0);
  if (!failed(r)) futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, 0);
  futex(&other, FUTEX_UNLOCK_PI_PRIVATE, 0, 0);
  return (void *)-r;
}

static void processes(void) {
  uint32_t *shared = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  value("shared lock", futex(shared, FUTEX_LOCK_PI, 0, 0));
  pid_t child = fork();
  if (child == 0) {
    long r = futex(shared, FUTEX_LOCK_PI, 0, 0);
    _exit(failed(r) ? 1 : 0); // ends as the owner
  }
  pause_ms(50);
  yes_no("the child waits", (*shared & FUTEX_WAITERS) != 0);
  value("shared unlock", futex(shared, FUTEX_UNLOCK_PI, 0, 0));
  int status;
  waitpid(child, &status, 0);
  say("child %d", WEXITSTATUS(status));
  value("lock of the dead", futex(shared, FUTEX_LOCK_PI, 0, 0));
}

#define CROSSINGS 200

static pthread_barrier_t both_hold;
static int refused, locked_both;

// Has one lock and takes the other's, again and again; both at the same moment.
static void *crosses_at_once(void *which) {
  static uint32_t locks[2];
  int own = (int)(long)which;
  for (int i = 0; i < CROSSINGS; i++) {
    futex(&locks[own], FUTEX_LOCK_PI_PRIVATE, 0, 0);
    pthread_barrier_wait(&both_hold);
    long r = futex(&locks[!own], FUTEX_LOCK_PI_PRIVATE, 0, 0);
    if (failed(r))
      __atomic_add_fetch(&refused, 1, __ATOMIC_SEQ_CST);
    else
      __atomic_add_fetch(&locked_both, 1, __ATOMIC_SEQ_CST),
          futex(&locks[!own], FUTEX_UNLOCK_PI_PRIVATE, 0, 0);
    futex(&locks[own], FUTEX_UNLOCK_PI_PRIVATE, 0, 0);
    pthread_barrier_wait(&both_hold);
  }
  return 0;
}

// Somebody is refused each time; both may be.
static void crossings(void) {
  pthread_t t;
  pthread_barrier_init(&both_hold, NULL, 2);
  pthread_create(&t, 0, crosses_at_once, (void *)1);
  crosses_at_once(0);
  pthread_join(t, 0);
  value("refused each time", refused >= CROSSINGS);
  value("in all", refused + locked_both);
}

int main(void) {
  value("lock", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, 0));
  state("locked", word);
  value("lock again", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, 0));
  value("try again", futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, 0));
  pthread_t t[4];
  pthread_create(&t[0], 0, tries, 0);
  pthread_join(t[0], 0);
  for (long i = 0; i < 3; i++) {
    pthread_create(&t[i], 0, waits, (void *)i);
    pause_ms(30);
  }
  state("three wait", word);
  value("unlock", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, 0));
  for (int i = 0; i < 3; i++) {
    void *r;
    pthread_join(t[i], &r);
    say("waiter %d: %ld, was number %d", i, (long)r, order[i]);
  }
  state("all are done", word & FUTEX_TID_MASK);
  word = 0;
  value("try", futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, 0));
  value("unlock", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, 0));
  value("misaligned", futex((uint32_t *)((char *)&word + 1), FUTEX_LOCK_PI_PRIVATE, 0, 0));
  value("bad address", futex((uint32_t *)16, FUTEX_LOCK_PI_PRIVATE, 0, 0));
  word = 4000000;
  value("owner that never was", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, 0));
  word = 0;

  pthread_create(&t[0], 0, dies, 0);
  until_held(&word);
  value("lock of one that dies", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, 0));
  state("taken over", word & ~FUTEX_WAITERS);
  pthread_join(t[0], 0);

  pthread_create(&t[0], 0, crosses, 0);
  until_it_waits();
  value("crossing", futex(&other, FUTEX_LOCK_PI_PRIVATE, 0, 0));
  futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, 0);
  void *r;
  pthread_join(t[0], &r);
  say("the other: %ld", (long)r);

  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  value("protocol", -pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  value("init", -pthread_mutex_init(&mutex, &attributes));
  pthread_create(&t[0], 0, dies_robust, 0);
  until_held((uint32_t *)&mutex.__data.__lock);
  value("robust lock", -pthread_mutex_lock(&mutex));
  value("consistent", -pthread_mutex_consistent(&mutex));
  value("unlock", -pthread_mutex_unlock(&mutex));
  value("lock", -pthread_mutex_lock(&mutex));
  pthread_join(t[0], 0);
  processes();
  crossings();
  return 0;
}
