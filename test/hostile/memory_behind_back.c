// F4: the host's mappings changed directly, so that they differ from what the kernel believes; then
// system calls that use them, and the kernel's own changes on top.
//@ args: 1
//@ args: 2
//@ args: 3
//@ args: 4
//@ ends: any
//@ deadline: 15
#include "hostile.h"

int main(int argc, char **argv) {
  random_state = argc > 1 ? atoi(argv[1]) : 1;
  char *area = pages(64);
  find_gadget();
  for (int i = 0; i < 4000; i++) {
    char *at = area + next_random() % 64 * PAGE, *to = area + next_random() % 64 * PAGE;
    size_t length = (1 + next_random() % 8) * PAGE;
    int prot = next_random() % 8, direct = next_random() % 2;
    switch (next_random() % 6) {
    case 0:
      if (direct)
        HOST_6(SYS_mmap, at, length, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      else
        map_at(at, length, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED);
      break;
    case 1:
      if (direct)
        HOST_2(SYS_munmap, at, length);
      else
        SYS_2(SYS_munmap, at, length);
      break;
    case 2:
      if (direct)
        HOST_3(SYS_mprotect, at, length, prot);
      else
        SYS_3(SYS_mprotect, at, length, prot);
      break;
    case 3:
      if (direct)
        HOST_5(SYS_mremap, at, length, length, 3, to);
      else
        SYS_5(SYS_mremap, at, length, length * 2, 3, to);
      break;
    case 4:
      if (direct)
        HOST_3(SYS_madvise, at, length, MADV_DONTNEED);
      else
        SYS_3(SYS_madvise, at, length, MADV_DONTNEED);
      break;
    default:
      SYS_3(SYS_getrandom, at, length, 0);
      SYS_2(SYS_nanosleep, at, 0);
    }
  }
  say("survived");
  return 0;
}
