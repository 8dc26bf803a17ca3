// F17: the gs base changed behind the stub's back.
//@ args: zero
//@ args: other-slot
//@ args: guest-memory
//@ args: kernel-page
// With another slot of its own chunk it posts there, and waits for an answer that never comes.
//@ ends: 0 139 deadline
//@ deadline: 3
#include "hostile.h"

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "zero";
  char *area = pages(4);
  uint64_t base = mode[0] == 'z'   ? 0
                  : mode[0] == 'o' ? SLOT + RF_SLOT_SIZE
                  : mode[0] == 'g' ? (uint64_t)area
                                   : RF_KERNEL_PAGE;
  long parent = SYS_0(SYS_getppid);
  __asm__ volatile("wrgsbase %0" ::"r"(base));
  for (int i = 0; i < 1000; i++)
    if (SYS_0(SYS_getppid) != parent) bad("getppid", i);
  char c;
  if (SYS_3(SYS_read, 0, &c, 1) != 0) bad("read", 0);
  say("done");
  return 0;
}
