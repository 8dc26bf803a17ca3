// pthread_cancel: in a blocking call, and a clean-up handler.
//@ cflags: -pthread
//@ needs: threads futex signals pipes
#include "guest.h"
#include <pthread.h>

static volatile int ready;
static int fds[2];

static void clean(void *argument) {
  say("clean-up %ld", (long)argument);
}

static void *reader(void *argument) {
  pthread_cleanup_push(clean, argument);
  ready = 1;
  char c;
  if (read(fds[0], &c, 1) >= 0) say("read returned");
  pthread_cleanup_pop(0);
  return NULL;
}

int main(void) {
  if (pipe(fds)) return 1;
  pthread_t thread;
  pthread_create(&thread, NULL, reader, (void *)5L);
  while (!ready)
    continue;
  struct timespec t = {0, 20000000};
  nanosleep(&t, NULL);
  int cancelled = -pthread_cancel(thread);
  void *result;
  value("join", -pthread_join(thread, &result));
  value("cancel", cancelled);
  yes_no("cancelled", result == PTHREAD_CANCELED);
  return 0;
}
