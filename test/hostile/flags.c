// F17: flags that the guest sets before a system call.
//@ args: trap
//@ args: direction
//@ args: alignment
//@ args: nested-task
//@ args: all
//@ ends: 0 133 135 139
#include "hostile.h"

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "trap";
  unsigned long set = mode[0] == 't'                     ? 0x100
                      : mode[0] == 'd'                   ? 0x400
                      : mode[0] == 'n'                   ? 0x4000
                      : mode[1] == 'l' && mode[2] == 'i' ? 0x40000
                                                         : 0x244dd5;
  static struct timespec zero;
  for (int i = 0; i < 100; i++) {
    long r;
    __asm__ volatile("pushfq; or %[set], (%%rsp); popfq; syscall; pushfq; andq $~0x44500, (%%rsp); popfq"
                     : "=a"(r)
                     : "a"(SYS_nanosleep), "D"(&zero), "S"(0), [set] "r"(set)
                     : "rcx", "r11", "memory", "cc");
    if (r != 0) bad("nanosleep", r);
  }
  say("done");
  return 0;
}
