// CPU time: clocks of processes and threads, getrusage, times, of children too.
//@ needs: timers tasks
#include "guest.h"
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>

static long ns(clockid_t clock) {
  struct timespec t = {-1, 0};
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000 + t.tv_nsec;
}

static void burn_ms(long ms) {
  long end = ns(CLOCK_THREAD_CPUTIME_ID) + ms * 1000000;
  while (ns(CLOCK_THREAD_CPUTIME_ID) < end)
    continue;
}

static long of(struct rusage *r) {
  return (r->ru_utime.tv_sec + r->ru_stime.tv_sec) * 1000 +
         (r->ru_utime.tv_usec + r->ru_stime.tv_usec) / 1000;
}

int main(void) {
  struct rusage r;
  struct tms t;
  burn_ms(60);
  yes_no("process clock", ns(CLOCK_PROCESS_CPUTIME_ID) >= 59000000);
  yes_no("thread is part of the process", ns(CLOCK_THREAD_CPUTIME_ID) <= ns(CLOCK_PROCESS_CPUTIME_ID));
  clockid_t clock;
  clock_getcpuclockid(getpid(), &clock);
  yes_no("the same by number", ns(clock) >= 59000000);
  clock_getcpuclockid(0, &clock);
  yes_no("its own", ns(clock) >= 59000000);
  value("getrusage", SYS_2(SYS_getrusage, RUSAGE_SELF, &r));
  yes_no("used", of(&r) >= 55 && of(&r) < 5000);
  yes_no("memory and faults", r.ru_maxrss > 100 && r.ru_minflt > 0);
  value("getrusage, thread", SYS_2(SYS_getrusage, RUSAGE_THREAD, &r));
  yes_no("used", of(&r) >= 55 && of(&r) < 5000);
  value("getrusage, children", SYS_2(SYS_getrusage, RUSAGE_CHILDREN, &r));
  say("used %ld", of(&r));
  value("getrusage, bad", SYS_2(SYS_getrusage, 5, &r));
  value("getrusage, bad address", SYS_2(SYS_getrusage, 0, 8));
  yes_no("times", SYS_1(SYS_times, &t) > 0);
  yes_no("used", t.tms_utime + t.tms_stime >= 4 && t.tms_cutime + t.tms_cstime == 0);
  yes_no("times, null", SYS_1(SYS_times, 0) > 0);
  value("times, bad address", SYS_1(SYS_times, 8));
  if (fork() == 0) {
    yes_no("a child begins at nothing", ns(CLOCK_PROCESS_CPUTIME_ID) < 40000000);
    burn_ms(80);
    _exit(0);
  }
  siginfo_t info;
  int status;
  waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
  getrusage(RUSAGE_CHILDREN, &r);
  say("before it is reaped %ld", of(&r));
  struct rusage w;
  wait4(-1, &status, 0, &w);
  getrusage(RUSAGE_CHILDREN, &r);
  yes_no("the child's", of(&w) >= 75 && of(&w) < 5000);
  yes_no("the children's", of(&r) >= 75 && of(&r) < 5000);
  times(&t);
  yes_no("the children's, in ticks", t.tms_cutime + t.tms_cstime >= 7);
  getrusage(RUSAGE_SELF, &w);
  yes_no("not its own", of(&w) < of(&r) + 200);
  struct timespec ts;
  value("a process that is not there", SYS_2(SYS_clock_gettime, (int)(~(1u << 28) * 8) | 2, &ts));
  value("clock of a descriptor", SYS_2(SYS_clock_gettime, -1, &ts));
  value("clock_getres, CPU", SYS_2(SYS_clock_getres, CLOCK_PROCESS_CPUTIME_ID, &ts));
  say("%ld %ld", (long)ts.tv_sec, (long)ts.tv_nsec);
  return 0;
}
