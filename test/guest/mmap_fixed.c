// MAP_FIXED: replaces what is there, whole or in part, and nothing beside it.
//@ needs: memory
#include "guest.h"

#define FIXED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

int main(void) {
  char *area = pages(8);
  memset(area, 0, 8 * PAGE);
  area[2 * PAGE] = 0;
  for (int i = 0; i < 8; i++)
    area[i * PAGE + 64] = 'a' + i;
  yes_no("over two pages in the middle",
         map_at(area + 3 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, FIXED) == (long)(area + 3 * PAGE));
  for (int i = 0; i < 8; i++)
    say("page %d holds %d", i, area[i * PAGE + 64]);
  yes_no("read-only over the first", map_at(area, PAGE, PROT_READ, FIXED) == (long)area);
  yes_no("nothing over the last", map_at(area + 7 * PAGE, PAGE, PROT_NONE, FIXED) == (long)(area + 7 * PAGE));
  for (int i = 0; i < 8; i++) {
    char what[16];
    snprintf(what, sizeof what, "page %d", i);
    access_of(what, area + i * PAGE);
  }
  outcome("unaligned", map_at(area + 1, PAGE, PROT_READ, FIXED));
  outcome("in kernel space", map_at((void *)(1L << 47), PAGE, PROT_READ, FIXED));
  outcome("across the end of user space",
          map_at((void *)((1L << 47) - 2 * PAGE), 4 * PAGE, PROT_READ, FIXED));
  outcome("at the last page of user space", map_at((void *)((1L << 47) - PAGE), PAGE, PROT_READ, FIXED));
  outcome("at the last page but one", map_at((void *)((1L << 47) - 2 * PAGE), PAGE, PROT_READ, FIXED));
  return 0;
}
