// Threads wait in a read of a pipe, or in a write, whose descriptor another closes; then what they wait for comes to one
// of them after the other. The pipe is there for as long as one waits, and no longer.
//@ ends: 0
//@ needs: threads pipes
//@ cflags: -pthread
#include "hostile.h"
#include <fcntl.h>
#include <pthread.h>

enum { ROUNDS = 50, THREADS = 4 };

static int ends[2];
static char bytes[1 << 16];

static void *reader(void *unused) {
  (void)unused;
  char b;
  if (read(ends[0], &b, 1) < 0 && errno != EBADF) bad("read", -errno);
  return 0;
}

static void *writer(void *unused) {
  (void)unused;
  if (write(ends[1], bytes, 4096) < 0 && errno != EBADF) bad("write", -errno);
  return 0;
}

int main(void) {
  for (int round = 0; round < ROUNDS; round++) {
    int writes = round % 2;
    if (pipe(ends)) bad("a pipe", -errno);
    if (writes && write(ends[1], bytes, sizeof bytes) != sizeof bytes) bad("fill it", -errno);
    int kept = dup(ends[!writes]);
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++)
      pthread_create(&t[i], 0, writes ? writer : reader, 0);
    usleep(3000);
    close(ends[0]), close(ends[1]);
    for (int i = 0; i < THREADS - 1; i++) {
      usleep(1000);
      if ((writes ? read(kept, bytes, 4096) : write(kept, bytes, 1)) <= 0) bad("the other end", -errno);
    }
    // The last reader finds the end; the last writer, room.
    if (writes && read(kept, bytes, sizeof bytes) <= 0) bad("the rest", -errno);
    if (!writes) close(kept);
    for (int i = 0; i < THREADS; i++)
      pthread_join(t[i], 0);
    if (writes) close(kept);
  }
  return 0;
}
