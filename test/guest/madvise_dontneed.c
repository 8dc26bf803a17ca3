// MADV_DONTNEED and MADV_FREE: what private memory holds afterwards.
//@ needs: memory
#include "guest.h"

int main(void) {
  char *area = pages(6);
  memset(area, 5, 6 * PAGE);
  outcome("DONTNEED of two pages", SYS_3(SYS_madvise, area + PAGE, 2 * PAGE, MADV_DONTNEED));
  for (int i = 0; i < 6; i++)
    say("page %d holds %d", i, area[i * PAGE + 9]);
  outcome("length is rounded up", SYS_3(SYS_madvise, area + 4 * PAGE, 1, MADV_DONTNEED));
  value("page 4 holds", area[4 * PAGE + 4095]);
  value("page 5 holds", area[5 * PAGE]);
  outcome("of read-only memory", SYS_3(SYS_mprotect, area, PAGE, PROT_READ));
  outcome("DONTNEED", SYS_3(SYS_madvise, area, PAGE, MADV_DONTNEED));
  value("page 0 holds", area[1]);
  memset(area + 3 * PAGE, 6, PAGE);
  outcome("FREE", SYS_3(SYS_madvise, area + 3 * PAGE, PAGE, MADV_FREE));
  area[3 * PAGE + 10] = 7;
  value("a byte written after FREE", area[3 * PAGE + 10]);
  outcome("POPULATE_WRITE of read-only memory", SYS_3(SYS_madvise, area, PAGE, MADV_POPULATE_WRITE));
  outcome("POPULATE_READ of no access", SYS_3(SYS_madvise, area - PAGE, PAGE, MADV_POPULATE_READ));
  return 0;
}
