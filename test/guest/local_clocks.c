// Clocks by the system call itself, which a sandbox may read without its kernel: they agree with those that
// libc reads, errors are the kernel's, and registers and flags stay as they are.
//@ needs: clocks faults
#include "sites.h"
#include <sched.h>
#include <sys/time.h>

SITE_WITH((long, long), clock_gettime_site, 228);
SITE_WITH((long, long), getres_site, 229);
SITE_WITH((long, long), timeofday_site, 96);
SITE_WITH((long, long), time_site, 201);
SITE_WITH((long, long), getcpu_site, 309);
SITE(yield_site, 24);
SITE(getpid_site, 39);

#define CALL(site, a, b) site((long)(a), (long)(b))

static long long nanoseconds(const struct timespec *t) {
  return t->tv_sec * 1000000000ll + t->tv_nsec;
}

static void reads(int clock) {
  struct timespec before, got, after;
  int late = 0, early = 0;
  for (int i = 0; i < 5 * WARM; i++) {
    clock_gettime(clock, &before);
    long result = CALL(clock_gettime_site, clock, &got);
    clock_gettime(clock, &after);
    if (result) value("result", result);
    early += nanoseconds(&got) < nanoseconds(&before);
    late += nanoseconds(&got) > nanoseconds(&after);
  }
  say("clock %d: early %d, late %d", clock, early, late);
}

unsigned long flags_before, flags_after, r11_after, rdx_after; // named in the assembly

#define KEEPS(site)                                                                                          \
  static void site##_keeps(unsigned long flags, long a, long b) {                                            \
    flags_before = flags;                                                                                    \
    __asm__ volatile("sub $128, %%rsp\n mov $0x123456789abcdef, %%rdx\n pushq flags_before(%%rip); popfq\n"  \
                     "call " #site                                                                           \
                     "\n pushfq; popq flags_after(%%rip)\n cld\n mov %%r11, r11_after(%%rip)\n"              \
                     "mov %%rdx, rdx_after(%%rip)\n add $128, %%rsp"                                         \
                     : "+D"(a), "+S"(b)::"rax", "rcx", "rdx", "r11", "memory", "cc");                        \
  }
KEEPS(clock_gettime_site)
KEEPS(getpid_site)
KEEPS(yield_site)

static void flags_stay(const char *name, void (*call)(unsigned long, long, long)) {
  static const unsigned bits[] = {0x1, 0x4, 0x10, 0x40, 0x80, 0x800, 0x400};
  struct timespec time;
  int wrong = 0;
  for (unsigned mask = 0; mask < 128; mask++) {
    unsigned long flags = 0x202;
    for (int b = 0; b < 7; b++)
      if (mask >> b & 1) flags |= bits[b];
    call(flags, CLOCK_MONOTONIC, (long)&time);
    wrong += flags_after != flags || r11_after != flags || rdx_after != 0x123456789abcdef;
  }
  say("%s: wrong %d", name, wrong);
}

int main(void) {
  static const int clocks[] = {0, 1, 4, 5, 6, 7, 11};
  for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++)
    reads(clocks[i]);
  struct timespec got;
  struct timeval day;
  struct timezone zone = {1, 1};
  int wrong = 0;
  for (int i = 0; i < 5 * WARM; i++) {
    time_t now = 0, result = CALL(time_site, &now, 0);
    wrong += now != result || CALL(time_site, 0, 0) < result;
    clock_gettime(CLOCK_REALTIME, &got);
    wrong += CALL(timeofday_site, &day, &zone) || day.tv_sec < got.tv_sec || day.tv_sec > got.tv_sec + 60 ||
             day.tv_usec >= 1000000;
    CALL(getres_site, CLOCK_MONOTONIC, &got);
    wrong += got.tv_sec != 0 || got.tv_nsec != 1;
    unsigned cpu = ~0u, node = ~0u;
    wrong += CALL(getcpu_site, &cpu, &node) != 0 || cpu > 4096 || node > 4096;
    wrong += yield_site() != 0;
    getpid_site();
  }
  say("wrong: %d, zone %d %d", wrong, zone.tz_minuteswest, zone.tz_dsttime);

  char *page = pages(1), *end = page + PAGE;
  value("no address", CALL(clock_gettime_site, 0, 0));
  value("half an address", CALL(clock_gettime_site, 0, end - 8));
  value("the other half", CALL(clock_gettime_site, 0, page - 8));
  value("an odd one", CALL(clock_gettime_site, 0, page + 1));
  value("the end of addresses", CALL(clock_gettime_site, 0, 0x7fffffffeff8));
  value("not canonical", CALL(clock_gettime_site, 0, 1l << 62));
  value("the kernel's", CALL(clock_gettime_site, 0, -8l));
  value("clock -1", CALL(clock_gettime_site, -1, page));
  value("clock 3", CALL(clock_gettime_site, 3, page));
  value("clock 10", CALL(clock_gettime_site, 10, page));
  value("clock 99", CALL(clock_gettime_site, 99, page));
  value("upper bits do not count", CALL(clock_gettime_site, 0x500000001, page));
  value("no address for a resolution", CALL(getres_site, 1, 0));
  value("a bad one", CALL(getres_site, 1, end));
  value("no clock's", CALL(getres_site, 99, 0));
  value("no place for the time of day", CALL(timeofday_site, 0, 0));
  value("a bad one", CALL(timeofday_site, end, 0));
  value("a bad one for the zone", CALL(timeofday_site, 0, end));
  value("a bad one for the time", CALL(time_site, end - 4, 0));
  value("none for CPU and node", CALL(getcpu_site, 0, 0));
  value("a bad one for the node", CALL(getcpu_site, 0, end - 2));
  flags_stay("clock_gettime", clock_gettime_site_keeps);
  flags_stay("getpid", getpid_site_keeps);
  flags_stay("sched_yield", yield_site_keeps);
  return 0;
}
