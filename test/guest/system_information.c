// sysinfo, times, getrusage, getcpu, sched_yield: plausible, and their errors.
//@ needs: identity
#include "guest.h"
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>

int main(void) {
  struct sysinfo info = {0};
  outcome("sysinfo", SYS_1(SYS_sysinfo, &info));
  yes_no(" uptime", info.uptime > 0);
  yes_no(" memory", info.totalram > 0 && info.freeram <= info.totalram);
  yes_no(" unit", info.mem_unit >= 1);
  yes_no(" processes", info.procs >= 1);
  outcome("sysinfo bad address", SYS_1(SYS_sysinfo, 8));
  struct tms tms = {-1, -1, -1, -1};
  outcome("times", SYS_1(SYS_times, &tms));
  yes_no(" not negative", tms.tms_utime >= 0 && tms.tms_stime >= 0 && tms.tms_cutime == 0);
  outcome("times null", SYS_1(SYS_times, 0));
  outcome("times bad address", SYS_1(SYS_times, 8));
  struct rusage usage;
  memset(&usage, 0x55, sizeof usage);
  outcome("getrusage", SYS_2(SYS_getrusage, RUSAGE_SELF, &usage));
  yes_no(" times are plausible", usage.ru_utime.tv_sec < 1000 && usage.ru_utime.tv_usec < 1000000);
  outcome("getrusage children", SYS_2(SYS_getrusage, RUSAGE_CHILDREN, &usage));
  say(" %ld %ld", (long)usage.ru_utime.tv_sec, usage.ru_maxrss);
  outcome("getrusage thread", SYS_2(SYS_getrusage, RUSAGE_THREAD, &usage));
  outcome("getrusage 5", SYS_2(SYS_getrusage, 5, &usage));
  outcome("getrusage bad address", SYS_2(SYS_getrusage, RUSAGE_SELF, 8));
  unsigned cpu = -1, node = -1;
  outcome("getcpu", SYS_3(SYS_getcpu, &cpu, &node, 0));
  yes_no(" plausible", cpu < 4096 && node < 1024);
  outcome("getcpu null", SYS_3(SYS_getcpu, 0, 0, 0));
  outcome("getcpu bad address", SYS_3(SYS_getcpu, 8, 0, 0));
  for (int i = 0; i < 3; i++)
    value("sched_yield", SYS_0(SYS_sched_yield));
  return 0;
}
