// The well-behaved guest that must still be served after each attack.
//@ ends: 0
//@ deadline: 5
#include "../guest/guest.h"

int main(void) {
  struct timespec t = {0, 1000000};
  long slept = SYS_2(SYS_nanosleep, &t, 0);
  yes_no("alive", slept == 0 && SYS_0(SYS_getpid) > 0);
  return 0;
}
