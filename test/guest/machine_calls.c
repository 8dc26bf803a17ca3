// Calls that change the machine, by who has no capabilities: all say EPERM, whatever they are given.
//@ needs: identity files
#include "guest.h"
#include <linux/capability.h>
#include <sys/prctl.h>

int main(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {0};
  if (SYS_2(SYS_capset, &header, none) || SYS_2(SYS_capget, &header, none) || none[0].effective ||
      none[1].effective)
    return 1;
  value("reboot", SYS_4(SYS_reboot, 0, 0, 0, 0));
  value("swapon", SYS_2(SYS_swapon, "/none", 0));
  value("swapon with unknown flags", SYS_2(SYS_swapon, "/none", -1));
  value("swapoff", SYS_1(SYS_swapoff, "/none"));
  value("acct", SYS_1(SYS_acct, "/none"));
  value("acct off", SYS_1(SYS_acct, 0));
  return 0;
}
