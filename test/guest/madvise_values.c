// madvise: which advice is accepted, and the errors.
//@ needs: memory
#include "guest.h"

int main(void) {
  char *area = pages(4);
  static const struct {
    int advice;
    const char *name;
  } accepted[] = {{MADV_NORMAL, "NORMAL"},
                  {MADV_RANDOM, "RANDOM"},
                  {MADV_SEQUENTIAL, "SEQUENTIAL"},
                  {MADV_WILLNEED, "WILLNEED"},
                  {MADV_DONTNEED, "DONTNEED"},
                  {MADV_FREE, "FREE"},
                  {MADV_DONTFORK, "DONTFORK"},
                  {MADV_DOFORK, "DOFORK"},
                  {MADV_HUGEPAGE, "HUGEPAGE"},
                  {MADV_NOHUGEPAGE, "NOHUGEPAGE"},
                  {MADV_DONTDUMP, "DONTDUMP"},
                  {MADV_DODUMP, "DODUMP"},
                  {MADV_COLD, "COLD"},
                  {MADV_PAGEOUT, "PAGEOUT"},
                  {MADV_POPULATE_READ, "POPULATE_READ"},
                  {MADV_POPULATE_WRITE, "POPULATE_WRITE"},
                  {MADV_WIPEONFORK, "WIPEONFORK"},
                  {MADV_KEEPONFORK, "KEEPONFORK"}};
  for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
    outcome(accepted[i].name, SYS_3(SYS_madvise, area, 4 * PAGE, accepted[i].advice));
  outcome("advice 5", SYS_3(SYS_madvise, area, PAGE, 5));
  outcome("advice 99", SYS_3(SYS_madvise, area, PAGE, 99));
  outcome("advice -1", SYS_3(SYS_madvise, area, PAGE, -1));
  outcome("unaligned", SYS_3(SYS_madvise, area + 1, PAGE, MADV_NORMAL));
  outcome("length 0", SYS_3(SYS_madvise, area, 0, MADV_NORMAL));
  outcome("length 0, bad advice", SYS_3(SYS_madvise, area, 0, 99));
  outcome("length wraps", SYS_3(SYS_madvise, area, -1L, MADV_NORMAL));
  outcome("length -4096", SYS_3(SYS_madvise, area, -4096L, MADV_NORMAL));
  outcome("nothing mapped", SYS_3(SYS_madvise, 0x10000000, PAGE, MADV_NORMAL));
  SYS_2(SYS_munmap, area + PAGE, PAGE);
  outcome("across a hole", SYS_3(SYS_madvise, area, 4 * PAGE, MADV_DONTNEED));
  outcome("REMOVE of private memory", SYS_3(SYS_madvise, area, PAGE, MADV_REMOVE));
  return 0;
}
