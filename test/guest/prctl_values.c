// prctl: names, flags that can be read back, and what is refused.
//@ needs: identity
#include "guest.h"
#include <sys/prctl.h>

int main(void) {
  char name[17] = "0123456789abcdef";
  value("GET_NAME", SYS_2(SYS_prctl, PR_GET_NAME, name));
  say(" %s", name);
  value("SET_NAME", SYS_2(SYS_prctl, PR_SET_NAME, "a name that is too long"));
  value("GET_NAME", SYS_2(SYS_prctl, PR_GET_NAME, name));
  say(" %s", name);
  value("SET_NAME empty", SYS_2(SYS_prctl, PR_SET_NAME, ""));
  SYS_2(SYS_prctl, PR_GET_NAME, name);
  say(" '%s' %d", name, name[15]);
  value("SET_NAME bad address", SYS_2(SYS_prctl, PR_SET_NAME, 8));
  value("GET_DUMPABLE", SYS_1(SYS_prctl, PR_GET_DUMPABLE));
  value("SET_DUMPABLE 0", SYS_2(SYS_prctl, PR_SET_DUMPABLE, 0));
  value("GET_DUMPABLE", SYS_1(SYS_prctl, PR_GET_DUMPABLE));
  value("SET_DUMPABLE 2", SYS_2(SYS_prctl, PR_SET_DUMPABLE, 2));
  value("GET_NO_NEW_PRIVS", SYS_5(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  value("SET_NO_NEW_PRIVS", SYS_5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  value("GET_NO_NEW_PRIVS", SYS_5(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  value("SET_NO_NEW_PRIVS 0", SYS_5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
  value("GET_NO_NEW_PRIVS with arguments", SYS_5(SYS_prctl, PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
  int number = -1;
  value("GET_PDEATHSIG", SYS_2(SYS_prctl, PR_GET_PDEATHSIG, &number));
  value(" signal", number);
  value("SET_PDEATHSIG 10", SYS_2(SYS_prctl, PR_SET_PDEATHSIG, 10));
  value("GET_PDEATHSIG", SYS_2(SYS_prctl, PR_GET_PDEATHSIG, &number));
  value(" signal", number);
  value("SET_PDEATHSIG 99", SYS_2(SYS_prctl, PR_SET_PDEATHSIG, 99));
  value("GET_KEEPCAPS", SYS_1(SYS_prctl, PR_GET_KEEPCAPS));
  value("GET_CHILD_SUBREAPER", SYS_2(SYS_prctl, PR_GET_CHILD_SUBREAPER, &number));
  value("option 9999", SYS_1(SYS_prctl, 9999));
  return 0;
}
