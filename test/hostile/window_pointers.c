// F12: pointers into the stub window are no addresses of the guest: EFAULT, and nothing is read or written
// there.
//@ ends: 0
#include "hostile.h"
#include <sys/uio.h>

int main(void) {
  static const unsigned long places[] = {RF_STUB_TEXT,          RF_KERNEL_PAGE, RF_CHUNKS,
                                         RF_CHUNKS + RF_WINDOW, RF_WINDOW_BASE, RF_WINDOW_END - 16,
                                         RF_WINDOW_BASE - 8};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    unsigned long at = places[i];
    struct iovec v = {(void *)at, 16};
    if (SYS_3(SYS_write, 1, at, 16) != -EFAULT) bad("write from", at);
    if (SYS_3(SYS_writev, 1, &v, 1) != -EFAULT) bad("writev from", at);
    if (SYS_3(SYS_writev, 1, at, 1) != -EFAULT) bad("vector at", at);
    if (SYS_1(SYS_uname, at) != -EFAULT) bad("uname to", at);
    if (SYS_2(SYS_nanosleep, at, 0) != -EFAULT) bad("nanosleep from", at);
    if (SYS_2(SYS_clock_gettime, 1, at) != -EFAULT) bad("clock_gettime to", at);
    if (SYS_3(SYS_getrandom, at, 16, 0) != -EFAULT) bad("getrandom to", at);
    if (SYS_2(SYS_prctl, 15, at) != -EFAULT) bad("prctl name from", at);
    if (SYS_4(SYS_prlimit64, 0, 7, 0, at) != -EFAULT) bad("prlimit64 to", at);
  }
  if (*(volatile uint64_t *)(SLOT + RF_SELF) != SLOT) bad("the slot was written", 0);
  say("done");
  return 0;
}
