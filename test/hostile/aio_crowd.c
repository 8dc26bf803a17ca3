// Threads that all ask for contexts of asynchronous I/O at once, where there is room for a few: each finds it before the
// first has a page for its own. No more events are promised than there may be.
//@ ends: 0
//@ deadline: 10
//@ cflags: -pthread
#include "hostile.h"
#include <linux/aio_abi.h>
#include <pthread.h>

enum { THREADS = 8, ROUNDS = 50, FEW = 2 };

static pthread_barrier_t all;
static aio_context_t contexts[THREADS];
static unsigned most;

static void *sets_up(void *number) {
  aio_context_t *context = contexts + (long)number;
  for (int i = 0; i < ROUNDS; i++) {
    pthread_barrier_wait(&all);
    *context = 0;
    SYS_2(SYS_io_setup, most / FEW, context);
    pthread_barrier_wait(&all);
    int made = 0;
    for (int k = 0; k < THREADS; k++)
      made += contexts[k] != 0;
    pthread_barrier_wait(&all);
    if (*context != 0) SYS_1(SYS_io_destroy, *context);
    if (number == 0 && (made == 0 || made > FEW)) {
      bad("contexts at once", made);
      _exit(0);
    }
  }
  return NULL;
}

int main(void) {
  pthread_t threads[THREADS];
  FILE *file = fopen("/proc/sys/fs/aio-max-nr", "r");
  if (file == NULL || fscanf(file, "%u", &most) != 1) return 1;
  pthread_barrier_init(&all, NULL, THREADS);
  for (long i = 0; i < THREADS; i++)
    pthread_create(threads + i, NULL, sets_up, (void *)i);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  say("survived");
  return 0;
}
