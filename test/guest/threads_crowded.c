// Signals to threads that wait long for a CPU, because many others compute: each is handled.
//@ cflags: -pthread
//@ needs: threads signals
#include "guest.h"
#include <pthread.h>

#define THREADS 64

static volatile int handled, over;

static void count(int signo) {
  (void)signo;
  __atomic_fetch_add(&handled, 1, __ATOMIC_SEQ_CST);
}

static void *compute(void *none) {
  while (!over)
    continue;
  return none;
}

int main(void) {
  pthread_t threads[THREADS];
  signal(SIGUSR1, count);
  for (int i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, compute, NULL);
  for (int i = 0; i < THREADS; i++)
    pthread_kill(threads[i], SIGUSR1);
  while (handled < THREADS)
    usleep(1000);
  over = 1;
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  value("handled", handled);
  return 0;
}
