// Threads: ids, shared memory, thread-local variables, values that they return.
//@ cflags: -pthread
//@ needs: threads futex
#include "guest.h"
#include <pthread.h>

static __thread int own = 5;
static int common;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pid_t tids[8];

static void *run(void *argument) {
  long n = (long)argument;
  tids[n] = SYS_0(SYS_gettid);
  own += n;
  for (int i = 0; i < 2000; i++) {
    pthread_mutex_lock(&mutex);
    common++;
    pthread_mutex_unlock(&mutex);
  }
  return (void *)(long)(own * 10 + (getpid() == SYS_0(SYS_gettid)));
}

int main(void) {
  pthread_t threads[8];
  for (long i = 0; i < 8; i++)
    if (pthread_create(&threads[i], NULL, run, (void *)i)) return 1;
  for (int i = 0; i < 8; i++) {
    void *result;
    pthread_join(threads[i], &result);
    say("thread %d: %ld", i, (long)result);
  }
  value("counted together", common);
  value("own variable of the first thread", own);
  int distinct = 1;
  for (int i = 0; i < 8; i++)
    for (int k = 0; k < i; k++)
      distinct &= tids[i] != tids[k];
  yes_no("thread ids are distinct", distinct);
  value("tgkill of a thread that is gone", SYS_3(SYS_tgkill, getpid(), tids[0], 0));
  return 0;
}
