// Code that the program writes itself: a system call in it works, also across a page boundary.
//@ needs: memory
#include "guest.h"

int main(void) {
  // mov $getppid, %eax; syscall; ret
  static const unsigned char code[] = {0xb8, SYS_getppid, 0, 0, 0, 0x0f, 0x05, 0xc3};
  char *area = pages(2);
  long parent = SYS_0(SYS_getppid);
  static const int offsets[] = {0, 100, PAGE - 8, PAGE - 7, PAGE - 6, PAGE - 5, PAGE - 1};
  for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
    SYS_3(SYS_mprotect, area, 2 * PAGE, PROT_READ | PROT_WRITE);
    memset(area, 0xcc, 2 * PAGE);
    memcpy(area + offsets[i], code, sizeof code);
    SYS_3(SYS_mprotect, area, 2 * PAGE, PROT_READ | PROT_EXEC);
    long (*f)(void) = (void *)(area + offsets[i]);
    int right = 0;
    for (int k = 0; k < 5; k++)
      right += f() == parent;
    say("at offset %d: %d of 5", offsets[i], right);
    right = memcmp(area + offsets[i], code, sizeof code) == 0;
    yes_no(" reads back as written", right);
  }
  return 0;
}
