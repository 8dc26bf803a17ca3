// User and group ids: the caller's own.
//@ needs: identity
#include "guest.h"

int main(void) {
  value("getuid", SYS_0(SYS_getuid));
  value("geteuid", SYS_0(SYS_geteuid));
  value("getgid", SYS_0(SYS_getgid));
  value("getegid", SYS_0(SYS_getegid));
  unsigned r, e, s;
  value("getresuid", SYS_3(SYS_getresuid, &r, &e, &s));
  say("%u %u %u", r, e, s);
  value("getresgid", SYS_3(SYS_getresgid, &r, &e, &s));
  say("%u %u %u", r, e, s);
  value("getresuid bad address", SYS_3(SYS_getresuid, &r, 8, &s));
  long count = SYS_2(SYS_getgroups, 0, 0);
  value("getgroups 0", count);
  unsigned groups[1024];
  value("getgroups", SYS_2(SYS_getgroups, 1024, groups));
  for (long i = 0; i < count && i < 1024; i++)
    say("group %u", groups[i]);
  value("getgroups -1", SYS_2(SYS_getgroups, -1, groups));
  value("getgroups bad address", count > 0 ? SYS_2(SYS_getgroups, 1024, 8) : -EFAULT);
  value("setfsuid -1 gives the present one", SYS_1(SYS_setfsuid, -1));
  value("setfsgid -1 gives the present one", SYS_1(SYS_setfsgid, -1));
  return 0;
}
