// Threads that wait for each other: condition variables, barriers, time-outs.
//@ cflags: -pthread
//@ needs: threads futex
#include "guest.h"
#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static int turn, rounds;

static void *player(void *argument) {
  long me = (long)argument;
  for (int i = 0; i < 500; i++) {
    pthread_mutex_lock(&mutex);
    while (turn != me)
      pthread_cond_wait(&condition, &mutex);
    turn = (turn + 1) % 3;
    rounds++;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
  }
  return (void *)(long)(pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD);
}

int main(void) {
  pthread_barrier_init(&barrier, NULL, 3);
  pthread_t threads[3];
  for (long i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, player, (void *)i);
  long serial = 0;
  for (int i = 0; i < 3; i++) {
    void *result;
    pthread_join(threads[i], &result);
    serial += (long)result;
  }
  value("rounds", rounds);
  value("one was the last at the barrier", serial);
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_nsec += 20000000;
  if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
  pthread_mutex_lock(&mutex);
  value("a wait that times out", -pthread_cond_timedwait(&condition, &mutex, &t));
  value("a lock that it holds itself", -pthread_mutex_timedlock(&mutex, &t));
  return 0;
}
