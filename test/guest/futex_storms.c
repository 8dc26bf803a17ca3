// Threads that fight for locks and wait for each other, by all that the C library makes of futexes: nothing
// is lost, and nobody is woken for ever in vain.
//@ needs: futex threads signals
//@ cflags: -pthread
//@ args: mutex
//@ args: condition
//@ args: barrier
//@ args: semaphore
//@ args: rwlock
//@ args: timed
//@ args: signals
//@ args: robust
//@ deadline: 90
#include "guest.h"
#include <pthread.h>
#include <semaphore.h>

#define THREADS 6
#define ROUNDS 3000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER, emptied = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t items, room;
static volatile long count, sum, inside, wrong;
static int queue[8], in, out;
static volatile int over, finished;

static void *lock_mutex(void *unused) {
  for (int i = 0; i < ROUNDS * 4; i++) {
    pthread_mutex_lock(&mutex);
    if (inside++) wrong++;
    count++;
    inside--;
    pthread_mutex_unlock(&mutex);
  }
  return unused;
}

static void *put(void *argument) {
  for (int i = 1; i <= ROUNDS; i++) {
    pthread_mutex_lock(&mutex);
    while (in - out == 8)
      pthread_cond_wait(&emptied, &mutex);
    queue[in++ % 8] = i;
    if (i % 2)
      pthread_cond_signal(&filled);
    else
      pthread_cond_broadcast(&filled);
    pthread_mutex_unlock(&mutex);
  }
  return argument;
}

static void *take(void *argument) {
  for (int i = 0; i < ROUNDS; i++) {
    pthread_mutex_lock(&mutex);
    while (in == out)
      pthread_cond_wait(&filled, &mutex);
    sum += queue[out++ % 8];
    __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    pthread_cond_signal(&emptied);
    pthread_mutex_unlock(&mutex);
  }
  return argument;
}

static void *meet(void *argument) {
  static volatile int arrived[ROUNDS];
  long serial = 0;
  for (int i = 0; i < ROUNDS / 4; i++) {
    __atomic_add_fetch(&arrived[i], 1, __ATOMIC_SEQ_CST);
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) serial++;
    if (arrived[i] != THREADS) __atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
  }
  __atomic_add_fetch(&count, serial, __ATOMIC_SEQ_CST);
  return argument;
}

static void *post(void *argument) {
  for (int i = 0; i < ROUNDS; i++) {
    while (sem_wait(&room)) {
    }
    sem_post(&items);
  }
  return argument;
}

static void *fetch(void *argument) {
  for (int i = 0; i < ROUNDS; i++) {
    while (sem_wait(&items)) {
    }
    __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    sem_post(&room);
  }
  return argument;
}

static void *read_or_write(void *argument) {
  static volatile long a, b;
  for (int i = 0; i < ROUNDS; i++) {
    if ((i + (long)argument) % 4 == 0) {
      pthread_rwlock_wrlock(&rwlock);
      a++;
      b++;
    } else {
      pthread_rwlock_rdlock(&rwlock);
      if (a != b) __atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
    }
    pthread_rwlock_unlock(&rwlock);
  }
  count = a;
  return NULL;
}

// Time-outs so short that they race with what is waited for.
static void *lock_for_a_while(void *argument) {
  for (int i = 0; i < ROUNDS; i++) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += 20000 + i % 7 * 10000;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    if (pthread_mutex_timedlock(&mutex, &t) == 0) {
      if (inside++) wrong++;
      count++;
      for (volatile int k = 0; k < 200; k++) {
      }
      inside--;
      pthread_mutex_unlock(&mutex);
    } else {
      i--;
    }
  }
  return argument;
}

static volatile long handled;
static void on_signal(int signo) {
  (void)signo;
  handled++;
}

static pthread_t threads[2 * THREADS];

static void *shoot(void *argument) {
  for (int i = 0; finished < 2 * THREADS || handled < 100; i++) {
    pthread_kill(threads[i % (2 * THREADS)], SIGUSR1);
    if (i % 16 == 0) usleep(100);
  }
  over = 1;
  return argument;
}

// Its thread stays until the last shot.
static void *worker(void *argument) {
  static void *(*const work[4])(void *) = {take, put, fetch, post};
  work[(long)argument % 4](NULL);
  __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
  while (!over)
    usleep(1000);
  return NULL;
}

static void run(int count_of_threads, void *(*even)(void *), void *(*odd)(void *)) {
  for (long i = 0; i < count_of_threads; i++)
    pthread_create(&threads[i], NULL, i % 2 ? odd : even, (void *)i);
  for (int i = 0; i < count_of_threads; i++)
    pthread_join(threads[i], NULL);
}

static pthread_mutex_t robust;
static void *die(void *argument) {
  pthread_mutex_lock(&robust);
  sem_post(&items);
  return argument;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  pthread_barrier_init(&barrier, NULL, THREADS);
  sem_init(&items, 0, 0);
  sem_init(&room, 0, 4);
  if (strcmp(mode, "mutex") == 0) run(THREADS, lock_mutex, lock_mutex);
  if (strcmp(mode, "condition") == 0) run(THREADS, put, take);
  if (strcmp(mode, "barrier") == 0) run(THREADS, meet, meet);
  if (strcmp(mode, "semaphore") == 0) run(THREADS, post, fetch);
  if (strcmp(mode, "rwlock") == 0) run(THREADS, read_or_write, read_or_write);
  if (strcmp(mode, "timed") == 0) run(THREADS, lock_for_a_while, lock_for_a_while);
  if (strcmp(mode, "signals") == 0) {
    signal(SIGUSR1, on_signal);
    pthread_t shooter;
    for (long i = 0; i < 2 * THREADS; i++)
      pthread_create(&threads[i], NULL, worker, (void *)i);
    pthread_create(&shooter, NULL, shoot, NULL);
    pthread_join(shooter, NULL);
    for (int i = 0; i < 2 * THREADS; i++)
      pthread_join(threads[i], NULL);
    say("items left %d", in - out);
  }
  if (strcmp(mode, "robust") == 0) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attributes);
    for (int i = 0; i < 3; i++) {
      pthread_create(&threads[0], NULL, die, NULL);
      sem_wait(&items);
      value("the owner has died", -pthread_mutex_lock(&robust));
      pthread_mutex_consistent(&robust);
      pthread_mutex_unlock(&robust);
      pthread_join(threads[0], NULL);
    }
  }
  say("count %ld, sum %ld, wrong %ld", count, sum, wrong);
  return 0;
}
