// Of very many threads, those that map a file: each by a descriptor that its process is given for that.
//@ needs: threads
//@ deadline: 60
#include "guest.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#define THREADS 1100
#define EVERY 20

static volatile int over;
static int unmapped;

static void *run(void *number) {
  if ((long)number % EVERY == 0) {
    int file = open("/proc/self/exe", O_RDONLY);
    char *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
    if (at == MAP_FAILED || memcmp(at, "\177ELF", 4) != 0) __atomic_fetch_add(&unmapped, 1, __ATOMIC_RELAXED);
    munmap(at, 4096);
    close(file);
  }
  while (!over)
    usleep(20000);
  return NULL;
}

int main(void) {
  static pthread_t threads[THREADS];
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 65536);
  int made = 0;
  while (made < THREADS && pthread_create(&threads[made], &attributes, run, (void *)(long)made) == 0)
    made++;
  over = 1;
  for (int i = 0; i < made; i++)
    pthread_join(threads[i], NULL);
  say("%d threads, %d mappings failed", made, unmapped);
  return 0;
}
