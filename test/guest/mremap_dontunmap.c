// MREMAP_DONTUNMAP: pages move, the old range stays mapped and empty.
//@ needs: memory
#include "guest.h"

#define DONTUNMAP 4

int main(void) {
  char *area = pages(4);
  memset(area, 3, 4 * PAGE);
  memset(area, 0, 64);
  char *moved = (char *)SYS_5(SYS_mremap, area, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | DONTUNMAP, 0);
  outcome("moved", (long)moved);
  yes_no("elsewhere", moved != area);
  value("contents", moved[100]);
  access_of("old range", area);
  value("old range holds", area[100]);
  char *target = pages(4);
  char *fixed =
      (char *)SYS_5(SYS_mremap, moved, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | DONTUNMAP, target);
  yes_no("to a fixed place", fixed == target);
  value("contents there", target[100]);
  value("left behind", moved[100]);
  outcome("other size", SYS_5(SYS_mremap, target, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | DONTUNMAP, 0));
  outcome("without MAYMOVE", SYS_5(SYS_mremap, target, 4 * PAGE, 4 * PAGE, DONTUNMAP, 0));
  return 0;
}
