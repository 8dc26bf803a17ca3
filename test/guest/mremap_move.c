// mremap that moves: contents go along, the old place is gone, FIXED replaces what is there.
//@ needs: memory
#include "guest.h"

static long sum(const char *at, size_t length) {
  long s = 0;
  for (size_t i = 0; i < length; i++)
    s = s * 31 + at[i];
  return s;
}

int main(void) {
  char *area = pages(4);
  for (size_t i = 0; i < 4 * PAGE; i++)
    area[i] = i * 7 + i / 300;
  long before = sum(area, 4 * PAGE);
  char *moved = (char *)SYS_5(SYS_mremap, area, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE, 0);
  outcome("grown beyond a guard page", (long)moved);
  yes_no("moved", moved != area);
  yes_no("contents went along", sum(moved, 4 * PAGE) == before);
  value("what is new is zero", sum(moved + 4 * PAGE, 60 * PAGE));
  access_of("old place", area);
  char *target = pages(8);
  memset(target, 9, 8 * PAGE);
  char *fixed =
      (char *)SYS_5(SYS_mremap, moved, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + 2 * PAGE);
  yes_no("moved over the middle of another", fixed == target + 2 * PAGE);
  yes_no("contents", sum(fixed, 4 * PAGE) == before);
  value("page before", target[PAGE]);
  value("page behind", target[6 * PAGE]);
  access_of("its old place", moved);
  value("what was left behind", moved[4 * PAGE]);
  outcome("target overlaps source", SYS_5(SYS_mremap, fixed, 4 * PAGE, 4 * PAGE, 3, fixed + PAGE));
  outcome("target unaligned", SYS_5(SYS_mremap, fixed, PAGE, PAGE, 3, area + 1));
  outcome("target in kernel space", SYS_5(SYS_mremap, fixed, PAGE, PAGE, 3, 1L << 47));
  char *shrunk = (char *)SYS_5(SYS_mremap, fixed, 4 * PAGE, 2 * PAGE, 3, area);
  yes_no("moved and shrunk", shrunk == area);
  yes_no("contents", sum(shrunk, 2 * PAGE) == sum((char *)shrunk, 2 * PAGE) && shrunk[1] == 7);
  return 0;
}
