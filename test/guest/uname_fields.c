// uname: the fields that must equal the host's, the sizes, and a bad address.
//@ needs: identity
#include "guest.h"
#include <sys/utsname.h>

int main(void) {
  struct {
    struct utsname name;
    char guard[16];
  } u;
  memset(&u, 0x55, sizeof u);
  outcome("uname", SYS_1(SYS_uname, &u.name));
  say("sysname %s", u.name.sysname);
  say("nodename %s", u.name.nodename);
  say("machine %s", u.name.machine);
  say("domain %s", u.name.domainname);
  yes_no("release has digits and dots", strchr(u.name.release, '.') && u.name.release[0] >= '3');
  yes_no("version starts with #", u.name.version[0] == '#');
  yes_no("nothing behind is written", u.guard[0] == 0x55);
  outcome("null", SYS_1(SYS_uname, 0));
  char *area = pages(1);
  outcome("ends at the end of the memory", SYS_1(SYS_uname, area + PAGE - sizeof(struct utsname)));
  outcome("ends one byte behind it", SYS_1(SYS_uname, area + PAGE - sizeof(struct utsname) + 1));
  return 0;
}
