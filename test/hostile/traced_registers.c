// Registers with values that the host gives and does not take back: a tracer that cannot set them must not
// let the host make the guest's call. The host's own answer to getppid would be another one.
//@ args: segment
//@ args: fs-base
//@ ends: 0 139
#include "hostile.h"

int main(int argc, char **argv) {
  int with_segment = argc < 2 || argv[1][0] == 's';
  long parent = SYS_0(SYS_getppid), own = SYS_0(SYS_getpid), wrong = 0;
  uint64_t fs_base;
  __asm__ volatile("rdfsbase %0" : "=r"(fs_base));
  for (int i = 0; i < 100; i++) {
    long got, pid;
    if (with_segment) {
      __asm__ volatile("mov %0, %%ds" ::"r"(0x28));
      got = SYS_0(SYS_getppid), pid = SYS_0(SYS_getpid);
    } else {
      // Canonical, and no address of a guest.
      __asm__ volatile("wrfsbase %0" ::"r"(0xffff800000000000));
      got = SYS_0(SYS_getppid), pid = SYS_0(SYS_getpid);
      __asm__ volatile("wrfsbase %0" ::"r"(fs_base));
    }
    wrong += got != parent || pid != own;
  }
  if (wrong) bad("answers of the host", wrong);
  say("done");
  return 0;
}
