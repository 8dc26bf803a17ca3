// A robust mutex whose owner dies: the next one is told.
//@ cflags: -pthread
//@ needs: threads futex
#include "guest.h"
#include <pthread.h>

static pthread_mutex_t mutex;

static void *die(void *argument) {
  (void)argument;
  pthread_mutex_lock(&mutex);
  return NULL;
}

int main(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&mutex, &attributes);
  pthread_t thread;
  pthread_create(&thread, NULL, die, NULL);
  pthread_join(thread, NULL);
  value("lock", -pthread_mutex_lock(&mutex));
  value("make consistent", -pthread_mutex_consistent(&mutex));
  value("unlock", -pthread_mutex_unlock(&mutex));
  value("lock again", -pthread_mutex_lock(&mutex));
  return 0;
}
