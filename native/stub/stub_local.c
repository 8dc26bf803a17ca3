// What a thread answers by itself, without a request (F19): which calls, and how. The kernel says in the slot whether
// it may (RF_LOCAL), and keeps the numbers there true. Whatever is not as simple as it should be is posted.
#include "stub.h"

#define ROBUST_LIST_HEAD_SIZE 24

enum local_call {
  CALL_gettimeofday = RF_LOCAL_NUMBERS,
  CALL_time,
  CALL_clock_gettime,
  CALL_clock_getres,
  CALL_getcpu,
  CALL_sched_yield,
  CALL_futex,
  CALL_nanosleep,
  CALL_clock_nanosleep,
  CALL_set_robust_list,
  CALL_rseq
};

// By number: 0, a word of the slot that is the answer, or one of enum local_call.
const u8 stub_local_calls[RF_KP_MARSHAL_COUNT] = {
    [NR_getpid] = RF_LOCAL_PID,
    [NR_gettid] = RF_LOCAL_TID,
    [NR_getuid] = RF_LOCAL_UID,
    [NR_getgid] = RF_LOCAL_GID,
    [NR_geteuid] = RF_LOCAL_EUID,
    [NR_getegid] = RF_LOCAL_EGID,
    [NR_gettimeofday] = CALL_gettimeofday,
    [NR_time] = CALL_time,
    [NR_clock_gettime] = CALL_clock_gettime,
    [NR_clock_getres] = CALL_clock_getres,
    [NR_getcpu] = CALL_getcpu,
    [NR_sched_yield] = CALL_sched_yield,
    [NR_futex] = CALL_futex,
    [NR_nanosleep] = CALL_nanosleep,
    [NR_clock_nanosleep] = CALL_clock_nanosleep,
    [NR_set_robust_list] = CALL_set_robust_list,
    [NR_rseq] = CALL_rseq,
};

/* The call's entry in the table, 0 while the thread is watched. */
u32 local_entry(slot_t slot, u64 nr) {
  if (nr >= RF_KP_MARSHAL_COUNT || !(get32(slot + RF_LOCAL) & RF_LOCAL_CALLS)) return 0;
  return stub_local_calls[nr];
}

/* Whether a trapped call need not be posted: some are, so that the kernel learns which sites to patch. */
int may_answer_trapped(slot_t slot) {
  u32 random = get32(slot + RF_TRAPS) * 1664525 + 1013904223;
  put32(slot + RF_TRAPS, random);
  return (random >> 24 & get32(slot + RF_LOCAL_ASK)) != 0;
}

// ---- Clocks, by the host's vDSO. It writes to this thread's stack, and may make a system call where it cannot read
// its clocks any more: on_sigsys refuses that one. A kick that finds it leaves a mark, as in the code here. ----

typedef s64 (*vdso_function)(u64, u64);
enum { VDSO_gettimeofday, VDSO_time, VDSO_clock_gettime, VDSO_clock_getres };

static vdso_function host_function(u32 index) {
  return (vdso_function)get64(RF_KERNEL_PAGE + RF_KP_VDSO + index * 8);
}

// REALTIME, MONOTONIC, MONOTONIC_RAW, the two COARSE ones, BOOTTIME, TAI, as in the guest's vDSO.
#define READABLE_CLOCKS 0x8f3u

// Whether two words could be written to guest memory; an error is the kernel's to tell.
static int give_pair(u64 at, const u64 *pair) {
  return !in_window(at) && stub_store_pair(at, pair[0], pair[1]) == 0;
}

static int give(u64 at, const void *bytes, u32 length) {
  return !in_window(at) && stub_copy(at, (u64)bytes, length) == 0;
}

static int read_clock(u32 function, u64 clock, u64 at) {
  u64 time[2];
  vdso_function host = host_function(function);
  if ((u32)clock >= 32 || !(READABLE_CLOCKS >> (u32)clock & 1)) return 0;
  if (!host || host((u32)clock, (u64)time) != 0) return 0;
  return (function == VDSO_clock_getres && at == 0) || give_pair(at, time);
}

static int read_time_of_day(u64 tv, u64 tz) {
  u64 time[2], zone;
  vdso_function host = host_function(VDSO_gettimeofday);
  if (!host || host((u64)time, (u64)&zone) != 0) return 0;
  return (tv == 0 || give_pair(tv, time)) && (tz == 0 || give(tz, &zone, sizeof zone));
}

static int read_time(u64 at, s64 *result) {
  vdso_function host = host_function(VDSO_time);
  if (!host) return 0;
  *result = host(0, 0);
  return at == 0 || give(at, result, sizeof *result);
}

static int tell_cpu(u64 cpu, u64 node) {
  static const u32 only_node = 0;
  u32 number = current_cpu();
  return (cpu == 0 || give(cpu, &number, sizeof number)) &&
         (node == 0 || give(node, &only_node, sizeof only_node));
}

/* Answers the call whose registers are in the frame: whether it could. */
int answer(slot_t slot, u32 entry, s64 *result) {
  u64 a = get64(slot + RF_RDI), b = get64(slot + RF_RSI);
  *result = 0;
  switch (entry) {
  case CALL_gettimeofday:
    return read_time_of_day(a, b);
  case CALL_time:
    return read_time(a, result);
  case CALL_clock_gettime:
    return read_clock(VDSO_clock_gettime, a, b);
  case CALL_clock_getres:
    return read_clock(VDSO_clock_getres, a, b);
  case CALL_getcpu:
    return tell_cpu(a, b);
  case CALL_sched_yield:
    *result = stub_syscall(NR_sched_yield, 0, 0, 0, 0, 0, 0);
    return 1;
  case CALL_nanosleep:
    return nanosleep_here(slot, CLOCK_MONOTONIC_, 0, a, result);
  case CALL_clock_nanosleep:
    return nanosleep_here(slot, a, b, get64(slot + RF_RDX), result);
  case CALL_futex:
    return futex_here(slot, result);
  case CALL_set_robust_list:
    if (b != ROBUST_LIST_HEAD_SIZE) return 0;
    put64(slot + RF_ROBUST_LIST, a);
    return 1;
  case CALL_rseq: // every thread of glibc's asks for it
    *result = -ENOSYS_;
    return 1;
  default:
    *result = get32(slot + entry);
    return 1;
  }
}

/* Completes the frame for the way back by stub_leave. */
void was_answered(slot_t slot, s64 result, u32 call_flags) {
  put64(slot + RF_RAX, result);
  put64(slot + RF_R11, get64(slot + RF_EFLAGS));
  put32(slot + RF_CALL_FLAGS, (call_flags & 0xffff) | ANSWERED_HERE);
}
