// Threads are cancelled at any moment of calls whose sites were executed often, and leave no call half made.
//@ needs: threads
//@ cflags: -pthread
//@ deadline: 60
#include "sites.h"
#include <pthread.h>
#include <stdatomic.h>

static int ends[2];
static atomic_long bytes;

static void *reader(void *unused) {
  (void)unused;
  char c;
  for (;;)
    if (read(ends[0], &c, 1) == 1) bytes--;
  return NULL;
}

static void *writer(void *unused) {
  (void)unused;
  for (;;)
    if (write(ends[1], "x", 1) == 1) {
      bytes++;
      getppid();
      pthread_testcancel();
    }
  return NULL;
}

static void *looper(void *unused) {
  (void)unused;
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  for (;;)
    SYS_0(SYS_getppid);
  return NULL;
}

int main(void) {
  static void *(*const kinds[])(void *) = {reader, writer, looper};
  if (pipe(ends)) return 1;
  int cancelled = 0;
  for (int round = 0; round < 100; round++) {
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
      pthread_create(&threads[i], NULL, kinds[i], NULL);
    struct timespec pause = {0, 100000 + round % 10 * 100000};
    nanosleep(&pause, NULL);
    for (int i = 0; i < 3; i++)
      pthread_cancel(threads[i]);
    for (int i = 0; i < 3; i++) {
      void *result = NULL;
      // Whoever waits for the other's byte is a cancellation point, too.
      pthread_join(threads[i], &result);
      cancelled += result == PTHREAD_CANCELED;
    }
  }
  say("cancelled: %d", cancelled);
  return 0;
}
