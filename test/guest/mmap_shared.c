// Shared anonymous memory in one process: as private memory, until there is a second process.
//@ needs: memory shared-memory
#include "guest.h"

int main(void) {
  long at = map_at(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
  outcome("mmap", at);
  char *area = (char *)at;
  area[5000] = 7;
  value("byte", area[5000]);
  outcome("DONTNEED", SYS_3(SYS_madvise, at, 4 * PAGE, MADV_DONTNEED));
  value("byte after DONTNEED", area[5000]);
  outcome("REMOVE", SYS_3(SYS_madvise, at, 4 * PAGE, MADV_REMOVE));
  value("byte after REMOVE", area[5000]);
  long twin = SYS_5(SYS_mremap, at, 0, 4 * PAGE, MREMAP_MAYMOVE, 0);
  outcome("second mapping by mremap of length 0", twin);
  area[0] = 42;
  if (!failed(twin)) value("seen through it", *(char *)twin);
  outcome("munmap", SYS_2(SYS_munmap, at, 4 * PAGE));
  if (!failed(twin)) value("still seen through the second", *(char *)twin);
  return 0;
}
