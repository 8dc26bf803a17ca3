// Scheduler and personality calls that only ask.
//@ needs: scheduler
#include "guest.h"
#include <sched.h>

int main(void) {
  value("sched_getscheduler 0", SYS_1(SYS_sched_getscheduler, 0));
  struct sched_param p = {-1};
  value("sched_getparam 0", SYS_2(SYS_sched_getparam, 0, &p));
  value(" priority", p.sched_priority);
  value("sched_getscheduler -1", SYS_1(SYS_sched_getscheduler, -1));
  for (int policy = 0; policy < 8; policy++) {
    value("priority max", SYS_1(SYS_sched_get_priority_max, policy));
    value("priority min", SYS_1(SYS_sched_get_priority_min, policy));
  }
  struct timespec t;
  outcome("sched_rr_get_interval", SYS_2(SYS_sched_rr_get_interval, 0, &t));
  value("getpriority", SYS_2(SYS_getpriority, 0, 0));
  value("getpriority of which 5", SYS_2(SYS_getpriority, 5, 0));
  unsigned long mask[16] = {0};
  yes_no("sched_getaffinity", SYS_3(SYS_sched_getaffinity, 0, sizeof mask, mask) > 0 && mask[0] != 0);
  value("CPUs", __builtin_popcountl(mask[0]));
  value("sched_getaffinity of -1", SYS_3(SYS_sched_getaffinity, -1, sizeof mask, mask));
  value("sched_setaffinity of -1", SYS_3(SYS_sched_setaffinity, -1, sizeof mask, mask));
  value("sched_getscheduler of -1", SYS_1(SYS_sched_getscheduler, -1));
  value("sched_getaffinity of 4 bytes", SYS_3(SYS_sched_getaffinity, 0, 4, mask));
  value("personality", SYS_1(SYS_personality, 0xffffffff));
  value("sched_setscheduler 99", SYS_3(SYS_sched_setscheduler, 0, 99, &p));
  value("sched_setparam bad address", SYS_2(SYS_sched_setparam, 0, 8));
  return 0;
}
