// umask: returns the old one, keeps nine bits.
//@ needs: identity
#include "guest.h"

int main(void) {
  say("the caller's %03lo", SYS_1(SYS_umask, 027));
  say("%03lo", SYS_1(SYS_umask, 07777));
  say("%03lo", SYS_1(SYS_umask, -1L));
  say("%03lo", SYS_1(SYS_umask, 0));
  say("%03lo", SYS_1(SYS_umask, 022));
  return 0;
}
