// mremap in place: grows into free space, shrinks, fails where something is in the way.
//@ needs: memory
#include "guest.h"

int main(void) {
  char *area = pages(16);
  for (int i = 0; i < 16; i++)
    area[i * PAGE + 64] = 'a' + i;
  SYS_2(SYS_munmap, area + 8 * PAGE, 8 * PAGE);
  yes_no("grown by four pages", SYS_5(SYS_mremap, area, 8 * PAGE, 12 * PAGE, 0, 0) == (long)area);
  value("old content", area[7 * PAGE + 64]);
  value("new content", area[8 * PAGE + 64]);
  area[11 * PAGE + 5] = 1;
  outcome("grown into the guard page", SYS_5(SYS_mremap, area, 12 * PAGE, 17 * PAGE, 0, 0));
  yes_no("shrunk", SYS_5(SYS_mremap, area, 12 * PAGE, 4 * PAGE, 0, 0) == (long)area);
  access_of("page 3", area + 3 * PAGE);
  access_of("page 4", area + 4 * PAGE);
  yes_no("same size", SYS_5(SYS_mremap, area, 4 * PAGE, 4 * PAGE, 0, 0) == (long)area);
  yes_no("sizes are rounded up", SYS_5(SYS_mremap, area, 4 * PAGE - 100, 4 * PAGE - 1, 0, 0) == (long)area);
  outcome("new size 0", SYS_5(SYS_mremap, area, PAGE, 0, 0, 0));
  outcome("unaligned", SYS_5(SYS_mremap, area + 1, PAGE, PAGE, 0, 0));
  outcome("unknown flag", SYS_5(SYS_mremap, area, PAGE, PAGE, 8, 0));
  outcome("FIXED without MAYMOVE", SYS_5(SYS_mremap, area, PAGE, PAGE, MREMAP_FIXED, area));
  outcome("nothing mapped", SYS_5(SYS_mremap, 0x10000000, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0));
  outcome("more than is mapped", SYS_5(SYS_mremap, area, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE, 0));
  outcome("old size 0 of private memory", SYS_5(SYS_mremap, area, 0, PAGE, MREMAP_MAYMOVE, 0));
  return 0;
}
