// The guest's vDSO: an image of the sandbox's own, mapped at every exec. Each function goes on in the
// host's vDSO, which the zygote has moved to a fixed place in the stub window, so that reading a clock
// costs no system call. The addresses are filled in by the kernel (src/workers/mem/vdso.ts) when it
// starts; where the host lacks a function, and for clocks that its vDSO does not know, the system call
// instruction traps like any other.
//
// One page, one segment, no data: it is mapped read-only and executable.

#include <stdint.h>

enum { SYS_gettimeofday = 96, SYS_time = 201, SYS_clock_gettime = 228, SYS_clock_getres = 229, SYS_getcpu = 309 };

// Among the code, since the image has no data. Found by its first word; order as in vdso.ts.
__asm__(".text\n.balign 8\ntargets: .quad 0x6f7364766666696e, 0, 0, 0, 0, 0");
extern const volatile uint64_t targets[] __attribute__((visibility("hidden")));
enum { GETTIMEOFDAY = 1, TIME, CLOCK_GETTIME, CLOCK_GETRES, GETCPU };

static inline long call2(long nr, long a, long b) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
  return r;
}

static inline long call3(long nr, long a, long b, long c) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}

#define EXPORT __attribute__((visibility("default")))
typedef long (*function2)(long, long);
typedef long (*function1)(long);
typedef long (*function3)(long, long, long);

EXPORT long __vdso_gettimeofday(long tv, long tz) {
  uint64_t host = targets[GETTIMEOFDAY];
  return host ? ((function2)host)(tv, tz) : call2(SYS_gettimeofday, tv, tz);
}

EXPORT long __vdso_time(long t) {
  uint64_t host = targets[TIME];
  return host ? ((function1)host)(t) : call2(SYS_time, t, 0);
}

EXPORT long __vdso_clock_gettime(long clock, long ts) {
  uint64_t host = targets[CLOCK_GETTIME];
  return host ? ((function2)host)(clock, ts) : call2(SYS_clock_gettime, clock, ts);
}

EXPORT long __vdso_clock_getres(long clock, long ts) {
  uint64_t host = targets[CLOCK_GETRES];
  return host ? ((function2)host)(clock, ts) : call2(SYS_clock_getres, clock, ts);
}

EXPORT long __vdso_getcpu(long cpu, long node, long unused) {
  uint64_t host = targets[GETCPU];
  return host ? ((function3)host)(cpu, node, unused) : call3(SYS_getcpu, cpu, node, unused);
}

#define ALIAS(name) EXPORT __attribute__((weak, alias("__vdso_" #name))) typeof(__vdso_##name) name
ALIAS(gettimeofday);
ALIAS(time);
ALIAS(clock_gettime);
ALIAS(clock_getres);
ALIAS(getcpu);
