// Notifications that nobody expects: each is refused, and the sixteenth ends the process.
//@ args: mmap 10
//@ args: clone 10
//@ args: token 10
//@ args: munmap 10
//@ args: mmap 1000
//@ args: clone 1000
//@ args: token 1000
//@ args: munmap 1000
//@ ends: 0 137
//@ deadline: 10
#include "hostile.h"

int main(int argc, char **argv) {
  if (argc < 3) return 1;
  int count = atoi(argv[2]);
  for (int i = 0; i < count; i++) {
    long r;
    if (strcmp(argv[1], "mmap") == 0)
      r = HOST_6(SYS_mmap, 0, PAGE, 3, MAP_SHARED, 64 + i % 8, 0);
    else if (strcmp(argv[1], "clone") == 0)
      r = HOST_2(SYS_clone, i % 2 ? SIGCHLD : 0x250f00, 0);
    else if (strcmp(argv[1], "token") == 0)
      r = HOST_2(RF_NR_TOKEN, next_random(), 1);
    else
      r = HOST_2(SYS_munmap, RF_CHUNKS, RF_CHUNK_SIZE);
    if (r != -EPERM) bad(argv[1], r);
    if (i == 15) bad("the process lives after 16", i);
  }
  say("done");
  return 0;
}
