// Arguments of type int: the upper halves of their registers do not count.
//@ needs: streams clocks
#include "guest.h"

#define JUNK 0x5a5a5a5a00000000L

int main(void) {
  value("write", SYS_3(SYS_write, 1 | JUNK, "x\n", 2));
  value("close 77", SYS_1(SYS_close, 77 | JUNK));
  value("close -1 in 32 bits", SYS_1(SYS_close, 0xffffffffL));
  struct timespec t;
  outcome("clock_gettime", SYS_2(SYS_clock_gettime, CLOCK_MONOTONIC | JUNK, &t));
  value("umask", SYS_1(SYS_umask, 022 | JUNK) >= 0);
  value("umask", SYS_1(SYS_umask, 022));
  value("getrandom flags", SYS_3(SYS_getrandom, &t, 4, JUNK));
  char *area = pages(1);
  outcome("mmap protection and flags are long",
          SYS_6(SYS_mmap, 0, PAGE, PROT_READ, (MAP_PRIVATE | MAP_ANONYMOUS), 0xffffffffL, 0));
  outcome("madvise advice", SYS_3(SYS_madvise, area, PAGE, MADV_NORMAL | JUNK));
  value("write count is 64 bits", SYS_3(SYS_write, 1, (char *)8, 1L << 40));
  value("readv count is long", SYS_3(SYS_readv, 0, area, 1L << 32));
  return 0;
}
