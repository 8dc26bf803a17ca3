// The vsyscall page: time, gettimeofday and getcpu by call to their fixed addresses.
//@ needs: clocks
#include "guest.h"
#include <sys/time.h>

int main(void) {
  long (*vtime)(time_t *) = (void *)0xffffffffff600400;
  long (*vgettimeofday)(struct timeval *, void *) = (void *)0xffffffffff600000;
  long (*vgetcpu)(unsigned *, unsigned *, void *) = (void *)0xffffffffff600800;
  struct timeval a, b;
  value("gettimeofday", vgettimeofday(&a, 0));
  SYS_2(SYS_gettimeofday, &b, 0);
  yes_no(" agrees to two seconds", labs(b.tv_sec - a.tv_sec) <= 2);
  time_t t = 0;
  long r = vtime(&t);
  yes_no("time stores what it returns", r == t);
  yes_no(" agrees to two seconds", labs(b.tv_sec - t) <= 2);
  yes_no("time of null", labs(vtime(NULL) - t) <= 2);
  unsigned cpu = -1, node = -1;
  value("getcpu", vgetcpu(&cpu, &node, 0));
  yes_no(" plausible", cpu < 4096 && node < 1024);
  return 0;
}
