// brk: grows and shrinks by bytes, fresh pages are zero, the break is what was asked for.
//@ needs: memory
#include "guest.h"

int main(void) {
  char *start = (char *)SYS_1(SYS_brk, 0);
  yes_no("asking twice gives the same", (char *)SYS_1(SYS_brk, 0) == start);
  yes_no("one byte more", (char *)SYS_1(SYS_brk, start + 1) == start + 1);
  yes_no("10 pages more", (char *)SYS_1(SYS_brk, start + 10 * PAGE) == start + 10 * PAGE);
  size_t set = 0;
  for (size_t i = 0; i < 10 * PAGE; i++)
    set += start[i] != 0;
  value("bytes that are not zero", set);
  memset(start, 0x5a, 10 * PAGE);
  yes_no("back to a page and a half", (char *)SYS_1(SYS_brk, start + PAGE + 2048) == start + PAGE + 2048);
  yes_no("the rest of the last page is kept", start[PAGE] == 0x5a);
  yes_no("grown again", (char *)SYS_1(SYS_brk, start + 4 * PAGE) == start + 4 * PAGE);
  char *aligned = (char *)(((uintptr_t)start + 3 * PAGE) & -PAGE);
  yes_no("a page that was given back is zero", aligned[0] == 0 && aligned[100] == 0);
  yes_no("down to the start", (char *)SYS_1(SYS_brk, start) == start);
  yes_no("the break can be any byte", (char *)SYS_1(SYS_brk, start + 12345) == start + 12345);
  return 0;
}
