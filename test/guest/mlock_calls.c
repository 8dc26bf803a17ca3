// mlock, munlock, mlockall, mincore: arguments and errors.
//@ needs: memory mlock
#include "guest.h"

int main(void) {
  char *area = pages(4);
  outcome("mlock", SYS_2(SYS_mlock, area, PAGE));
  outcome("munlock", SYS_2(SYS_munlock, area, PAGE));
  outcome("mlock unaligned", SYS_2(SYS_mlock, area + 5, 10));
  outcome("mlock more", SYS_2(SYS_mlock, area, 2 * PAGE));
  outcome("mlock some of it again", SYS_2(SYS_mlock, area, PAGE));
  outcome("mlock nothing", SYS_2(SYS_mlock, 0x10000000, PAGE));
  outcome("mlock length 0", SYS_2(SYS_mlock, 0x10000000, 0));
  outcome("mlock2 ONFAULT", SYS_3(SYS_mlock2, area, PAGE, 1));
  outcome("mlock2 bad flag", SYS_3(SYS_mlock2, area, PAGE, 2));
  outcome("mlockall 0", SYS_1(SYS_mlockall, 0));
  outcome("mlockall 8", SYS_1(SYS_mlockall, 8));
  outcome("munlockall", SYS_0(SYS_munlockall));
  unsigned char vector[4] = {9, 9, 9, 9};
  area[0] = 1;
  outcome("mincore", SYS_3(SYS_mincore, area, 2 * PAGE, vector));
  say("resident: %d, written beyond: %d", vector[0] & 1, vector[2]);
  outcome("mincore unaligned", SYS_3(SYS_mincore, area + 1, PAGE, vector));
  outcome("mincore nothing mapped", SYS_3(SYS_mincore, 0x10000000, PAGE, vector));
  outcome("mincore bad vector", SYS_3(SYS_mincore, area, PAGE, 1));
  outcome("msync", SYS_3(SYS_msync, area, PAGE, MS_SYNC));
  outcome("msync both", SYS_3(SYS_msync, area, PAGE, MS_SYNC | MS_ASYNC));
  outcome("msync nothing mapped", SYS_3(SYS_msync, 0x10000000, PAGE, MS_ASYNC));
  return 0;
}
