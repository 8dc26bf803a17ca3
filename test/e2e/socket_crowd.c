// Threads that all make sockets at once: how many were made, and each errno that was told instead.
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS 600
#define EACH 20

static pthread_barrier_t barrier;
static int made, refused[200];

static void *make(void *argument) {
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < EACH; i++) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    __sync_fetch_and_add(fd < 0 ? &refused[errno] : &made, 1);
    if (fd >= 0) close(fd);
  }
  return argument;
}

int main(void) {
  pthread_t threads[THREADS];
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 65536);
  pthread_barrier_init(&barrier, NULL, THREADS);
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], &attributes, make, NULL)) return 1;
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  printf("made %d\n", made);
  for (int i = 0; i < 200; i++)
    if (refused[i]) printf("errno %d: %d\n", i, refused[i]);
  return 0;
}
