// A stub goes back to its guest behind a list, and tells what it has done: a guest that says that nothing was, or changes
// its word, ends as any that breaks the protocol.
//@ args: mprotect
//@ args: read
//@ ends: 0 137
//@ deadline: 20
#include "hostile.h"
#include <fcntl.h>
#include <pthread.h>

#define PIECE 65536l

static int go = 1;

static void *forges(void *none) {
  volatile uint32_t *count = (volatile uint32_t *)(SLOT + RF_REQ_COUNT);
  for (uint32_t i = 0; __atomic_load_n(&go, __ATOMIC_RELAXED); i++)
    *count = i % 3;
  return none;
}

static void *reads(void *argument) {
  static char buffer[PIECE];
  int fd = *(int *)argument;
  for (int i = 0; i < 3000; i++)
    if (pread(fd, buffer, PIECE, 0) < 0) break;
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t thread;
  int fd = open("/tmp/returned", O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (ftruncate(fd, PIECE) < 0) return 1;
  if (argc > 1 && strcmp(argv[1], "read") == 0) {
    // Before there is a second thread: what follows has been kept.
    for (int i = 0; i < 20; i++)
      reads(&fd);
    // In its own slot, between its own calls.
    volatile uint32_t *count = (volatile uint32_t *)(SLOT + RF_REQ_COUNT);
    static char buffer[PIECE];
    for (int i = 0; i < 2000; i++) {
      pread(fd, buffer, PIECE, 0);
      *count = 0;
    }
  } else {
    pthread_create(&thread, NULL, forges, NULL);
    char *memory = pages(4);
    for (int i = 0; i < 20000; i++)
      mprotect(memory, 2 * PAGE, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
    __atomic_store_n(&go, 0, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
  }
  say("done");
  return 0;
}
