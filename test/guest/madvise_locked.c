// Advices on memory that is locked (mlock(2)): what would take its pages away is refused, and what lies below it is
// done.
//@ needs: memory mlock
#include "guest.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

int main(void) {
  char *at = pages(3);
  memset(at, 'x', 3 * PAGE);
  mlock(at + PAGE, PAGE);
  static const struct {
    int advice;
    const char *name;
  } advices[] = {
      {MADV_DONTNEED, "dontneed"}, {MADV_FREE, "free"},         {MADV_REMOVE, "remove"},
      {MADV_COLD, "cold"},         {MADV_PAGEOUT, "pageout"},   {MADV_WILLNEED, "willneed"},
      {MADV_NORMAL, "normal"},     {MADV_DONTDUMP, "dontdump"},
  };
  for (unsigned i = 0; i < sizeof advices / sizeof *advices; i++)
    value(advices[i].name, SYS_3(SYS_madvise, at + PAGE, PAGE, advices[i].advice));
  say("kept: %c", at[PAGE]);
  value("all of it", SYS_3(SYS_madvise, at, 3 * PAGE, MADV_DONTNEED));
  say("%d %d %d", at[0], at[PAGE], at[2 * PAGE]);
  value("locked ones too", SYS_3(SYS_madvise, at, 3 * PAGE, MADV_DONTNEED_LOCKED));
  say("%d %d %d", at[0], at[PAGE], at[2 * PAGE]);
  munlock(at + PAGE, PAGE);
  at[PAGE] = 'y';
  value("unlocked", SYS_3(SYS_madvise, at, 3 * PAGE, MADV_DONTNEED));
  say("%d %d %d", at[0], at[PAGE], at[2 * PAGE]);
}
