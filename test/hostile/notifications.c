// Notifications that nobody expects: each is refused, and the sixteenth ends the process. What of the window may be unmapped
// is what is not there.
//@ args: mmap 10
//@ args: clone 10
//@ args: token 10
//@ args: gift 10
//@ args: mmap 1000
//@ args: clone 1000
//@ args: token 1000
//@ args: gift 1000
//@ ends: 0 137
//@ deadline: 10
#include "hostile.h"

int main(int argc, char **argv) {
  if (argc < 3) return 1;
  int count = atoi(argv[2]);
  static const unsigned long window[][2] = {{RF_CHUNKS, RF_CHUNK_SIZE},
                                            {RF_STUB_TEXT, PAGE},
                                            {RF_HOST_VDSO, PAGE},
                                            {RF_KERNEL_PAGE, PAGE},
                                            {RF_ZYGOTE_TEXT, RF_ZYGOTE_SIZE + PAGE},
                                            {RF_ZYGOTE_TEXT + PAGE, RF_ZYGOTE_SIZE},
                                            {RF_ZYGOTE_TEXT - PAGE, RF_ZYGOTE_SIZE}};
  for (unsigned i = 0; i < sizeof window / sizeof *window; i++) {
    long r = HOST_2(SYS_munmap, window[i][0], window[i][1]);
    if (r != -EPERM) bad("munmap", r);
  }
  if (HOST_2(SYS_munmap, RF_ZYGOTE_TEXT, RF_ZYGOTE_SIZE) != 0) bad("munmap of nothing", 0);
  for (int i = 0; i < count; i++) {
    long r;
    if (strcmp(argv[1], "mmap") == 0)
      r = HOST_6(SYS_mmap, 0, PAGE, 3, MAP_SHARED, 64 + i % 8, 0);
    else if (strcmp(argv[1], "clone") == 0)
      r = HOST_2(SYS_clone, i % 2 ? SIGCHLD : 0x250f00, 0);
    else if (strcmp(argv[1], "token") == 0)
      r = HOST_2(RF_NR_TOKEN, next_random(), 1);
    else
      r = HOST_2(RF_NR_GIFT, RF_DONATED_FD, 0);
    if (r != -EPERM) bad(argv[1], r);
    if (i == 15) bad("the process lives after 16", i);
  }
  say("done");
  return 0;
}
