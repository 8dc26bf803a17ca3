// The guest's vDSO: an image of the sandbox's own, mapped at every exec. Each function goes on in the
// host's vDSO, which the zygote has moved to a fixed place in the stub window, so that reading a clock
// costs no system call. The addresses are filled in by the kernel (src/workers/mem/vdso.ts) when it
// starts; where the host lacks a function, and for clocks that its vDSO does not know, the system call
// instruction traps like any other.
//
// A signal must find this code, not the host's (docs/hardening.md, F9): it shows the guest's addresses alone,
// and the guest comes back by them. A kick that finds the host's code is therefore put off: the stub
// notes it in the slot, and the function here, which has the result by then, makes a system call. Nor may
// the host's code fault: it writes to this code's stack, which is touched before, and what it wrote is
// copied to the guest's address from here.
//
// One page, one segment, no data: it is mapped read-only and executable.

#include <ringfence/layout.h>
#include <stdint.h>

enum {
  SYS_gettimeofday = 96,
  SYS_getppid = 110,
  SYS_time = 201,
  SYS_clock_gettime = 228,
  SYS_clock_getres = 229,
  SYS_getcpu = 309
};

// Among the code, since the image has no data. Found by its first word; order as in vdso.ts.
__asm__(".text\n.balign 8\ntargets: .quad 0x6f7364766666696e, 0, 0, 0, 0, 0");
extern const volatile uint64_t targets[] __attribute__((visibility("hidden")));
enum { GETTIMEOFDAY = 1, TIME, CLOCK_GETTIME, CLOCK_GETRES, GETCPU };

// REALTIME, MONOTONIC, MONOTONIC_RAW, the two COARSE ones, BOOTTIME, TAI: what a vDSO can read. The host's
// would make a system call for any other.
#define READABLE_CLOCKS 0x8f3u
// Bytes of stack that no host's vDSO uses up, with a few hundred to spare.
#define HOST_STACK 1024

static inline long call3(long nr, long a, long b, long c) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}

typedef long (*function)(void *, void *, void *);

// Calls the host's function, then takes what a kick asked for meanwhile. Any call that is posted to the kernel
// does.
static inline long host(uint64_t target, void *a, void *b, void *c) {
  __asm__ volatile("orq $0, %c0(%%rsp)" ::"i"(-HOST_STACK) : "memory", "cc");
  long result = ((function)target)(a, b, c);
  uint32_t kick;
  __asm__ volatile("movl %%gs:%c1, %0" : "=r"(kick) : "i"(RF_VDSO_KICK));
  if (kick) call3(SYS_getppid, 0, 0, 0);
  return result;
}

static inline int is_readable(long clock) {
  return (uint32_t)clock < 32 && READABLE_CLOCKS >> (uint32_t)clock & 1;
}

#define EXPORT __attribute__((visibility("default")))

EXPORT long __vdso_gettimeofday(long *tv, int32_t *tz) {
  long time[2];
  int32_t zone[2];
  if (!targets[GETTIMEOFDAY]) return call3(SYS_gettimeofday, (long)tv, (long)tz, 0);
  long result = host(targets[GETTIMEOFDAY], tv ? time : 0, tz ? zone : 0, 0);
  if (result) return result;
  if (tv) tv[0] = time[0], tv[1] = time[1];
  if (tz) tz[0] = zone[0], tz[1] = zone[1];
  return 0;
}

EXPORT long __vdso_time(long *t) {
  if (!targets[TIME]) return call3(SYS_time, (long)t, 0, 0);
  long result = host(targets[TIME], 0, 0, 0);
  if (t) *t = result;
  return result;
}

EXPORT long __vdso_clock_gettime(long clock, long *ts) {
  long time[2];
  if (!targets[CLOCK_GETTIME] || !is_readable(clock)) return call3(SYS_clock_gettime, clock, (long)ts, 0);
  long result = host(targets[CLOCK_GETTIME], (void *)clock, time, 0);
  if (!result) ts[0] = time[0], ts[1] = time[1];
  return result;
}

EXPORT long __vdso_clock_getres(long clock, long *ts) {
  long time[2];
  if (!targets[CLOCK_GETRES] || !is_readable(clock)) return call3(SYS_clock_getres, clock, (long)ts, 0);
  long result = host(targets[CLOCK_GETRES], (void *)clock, time, 0);
  if (!result && ts) ts[0] = time[0], ts[1] = time[1];
  return result;
}

EXPORT long __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused) {
  uint32_t numbers[2];
  if (!targets[GETCPU]) return call3(SYS_getcpu, (long)cpu, (long)node, (long)unused);
  long result = host(targets[GETCPU], cpu ? &numbers[0] : 0, node ? &numbers[1] : 0, 0);
  if (cpu) *cpu = numbers[0];
  if (node) *node = numbers[1];
  return result;
}

#define ALIAS(name) EXPORT __attribute__((weak, alias("__vdso_" #name))) typeof(__vdso_##name) name
ALIAS(gettimeofday);
ALIAS(time);
ALIAS(clock_gettime);
ALIAS(clock_getres);
ALIAS(getcpu);
