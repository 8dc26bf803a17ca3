// The well-behaved guest that must still be served after each attack, and while one lasts. It
// computes between its calls, so that the kernel thread falls asleep and has to be woken.
//@ ends: 0
//@ deadline: 5
#include "../guest/guest.h"

static void compute(void) {
  for (volatile int i = 0; i < 3000000; i++)
    continue;
}

int main(void) {
  struct timespec t = {0, 1000000};
  int good = 0;
  for (int i = 0; i < 5; i++) {
    compute();
    good += SYS_0(SYS_getppid) >= 0;
    compute();
    good += SYS_2(SYS_nanosleep, &t, 0) == 0;
  }
  say("alive: %d", good);
  return 0;
}
