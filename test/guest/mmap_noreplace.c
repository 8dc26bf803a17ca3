// MAP_FIXED_NOREPLACE: EEXIST where anything is mapped, also in part.
//@ needs: memory
#include "guest.h"

#define NOREPLACE (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE)

int main(void) {
  long area = map_at(NULL, 16 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
  SYS_2(SYS_munmap, area, 16 * PAGE);
  yes_no("free", map_at((void *)(area + 4 * PAGE), 4 * PAGE, PROT_READ, NOREPLACE) == area + 4 * PAGE);
  outcome("the same again", map_at((void *)(area + 4 * PAGE), 4 * PAGE, PROT_READ, NOREPLACE));
  outcome("over its first page", map_at((void *)(area + 2 * PAGE), 3 * PAGE, PROT_READ, NOREPLACE));
  outcome("over its last page", map_at((void *)(area + 7 * PAGE), 3 * PAGE, PROT_READ, NOREPLACE));
  outcome("around it", map_at((void *)area, 16 * PAGE, PROT_READ, NOREPLACE));
  yes_no("right before it",
         map_at((void *)(area + 2 * PAGE), 2 * PAGE, PROT_READ, NOREPLACE) == area + 2 * PAGE);
  yes_no("right behind it", map_at((void *)(area + 8 * PAGE), PAGE, PROT_READ, NOREPLACE) == area + 8 * PAGE);
  outcome("unaligned", map_at((void *)(area + 100), PAGE, PROT_READ, NOREPLACE));
  return 0;
}
