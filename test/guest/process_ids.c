// Process ids and how they belong together.
//@ needs: identity
#include "guest.h"

int main(void) {
  long pid = SYS_0(SYS_getpid), tid = SYS_0(SYS_gettid), ppid = SYS_0(SYS_getppid);
  yes_no("pid is positive", pid > 0);
  yes_no("the first thread's tid is the pid", tid == pid);
  yes_no("the parent is another", ppid != pid && ppid >= 0);
  yes_no("set_tid_address gives the tid", SYS_1(SYS_set_tid_address, 0) == tid);
  yes_no("the process group is positive", SYS_0(SYS_getpgrp) >= 0);
  yes_no("getpgid 0 is getpgrp", SYS_1(SYS_getpgid, 0) == SYS_0(SYS_getpgrp));
  yes_no("getpgid of itself too", SYS_1(SYS_getpgid, pid) == SYS_0(SYS_getpgrp));
  yes_no("getsid 0 is that of the pid", SYS_1(SYS_getsid, 0) == SYS_1(SYS_getsid, pid));
  value("getpgid of nobody", SYS_1(SYS_getpgid, 0x3fffff));
  value("getpgid -1", SYS_1(SYS_getpgid, -1));
  value("getsid of nobody", SYS_1(SYS_getsid, 0x3fffff));
  value("upper bits do not count", SYS_1(SYS_getpgid, 0x100000000L) == SYS_0(SYS_getpgrp));
  return 0;
}
