// Links of directories in /proc: of those with processes and threads in them, their number is in it. Chromium looks
// there whether it has a single thread.
//@ needs: proc threads fork
//@ cflags: -pthread
#include "guest.h"
#include <pthread.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <sys/wait.h>

static sem_t end;

static void *thread(void *unused) {
  sem_wait(&end);
  return unused;
}

static long links(const char *path) {
  struct stat st;
  return stat(path, &st) ? -errno : (long)st.st_nlink;
}

int main(void) {
  pthread_t threads[5];
  sem_init(&end, 0, 0);
  value("one thread", links("/proc/self/task"));
  for (int i = 0; i < 5; i++)
    pthread_create(threads + i, NULL, thread, NULL);
  value("six threads", links("/proc/self/task"));
  value("of a thread's process", links("/proc/thread-self/../"));
  for (int i = 0; i < 5; i++)
    sem_post(&end);
  for (int i = 0; i < 5; i++)
    pthread_join(threads[i], NULL);
  // A thread that has ended is there until the kernel has taken it away.
  while (links("/proc/self/task") != 3)
    usleep(1000);
  value("one again", links("/proc/self/task"));
  value("descriptors", links("/proc/self/fd"));
  value("a file", links("/proc/self/stat"));
  return 0;
}
