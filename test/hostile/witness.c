// The well-behaved guest that must still be served after each attack.
//@ ends: 0
#include "../guest/guest.h"

int main(void) {
  char *area = pages(4);
  memset(area, 1, 4 * PAGE);
  struct timespec t = {0, 1000000};
  SYS_2(SYS_nanosleep, &t, 0);
  say("alive %d", area[100] + area[3 * PAGE]);
  return 0;
}
