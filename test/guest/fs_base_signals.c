// Signals that arrive while a call changes the fs base: the call answers what it did, and the base is the new one.
//@ needs: signals timers
#include "guest.h"
#include <sys/time.h>

static volatile int handled;

static void count(int signo) {
  (void)signo;
  handled++;
}

int main(void) {
  unsigned long fs, now, wrong = 0;
  SYS_2(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, &fs);
  signal(SIGALRM, count);
  struct itimerval often = {{0, 100}, {0, 100}};
  setitimer(ITIMER_REAL, &often, NULL);
  for (int i = 0; i < 20000 || handled < 50; i++) {
    if (SYS_2(SYS_arch_prctl, 0x1002 /* ARCH_SET_FS */, fs) != 0) wrong++;
    __asm__("mov %%fs:0, %0" : "=r"(now));
    if (now != fs) wrong++;
  }
  value("wrong", wrong);
  return 0;
}
