// As many threads as its argument says, all of which sleep in a futex, and a file that says that they do.
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define STACK 65536

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;

static void *sleeps(void *unused) {
  pthread_mutex_lock(&mutex);
  for (;;)
    pthread_cond_wait(&never, &mutex);
  return unused;
}

int main(int argc, char **argv) {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, STACK);
  for (int i = argc > 1 ? atoi(argv[1]) : 0; i > 0; i--) {
    pthread_t thread;
    if (pthread_create(&thread, &small, sleeps, NULL)) return 1;
  }
  sleep(1);
  close(open("/tmp/up", O_CREAT | O_WRONLY, 0600));
  for (;;)
    pause();
}
