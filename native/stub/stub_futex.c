// futex(2) on private futexes, at the host's: the guest's own thread waits and wakes in the memory that it
// runs in, and all threads of an address space meet in one queue, whether the kernel has seen a call or not.
// Everything else of futex(2) is the kernel's: shared words, priority inheritance, and what no filter rule
// lets through.
//
// A wait that a kick ends goes to the kernel, which knows what the kick was for: it restarts the call, or has
// it done here once more, by an operation. The time at which it ends is fixed by then (RF_DEADLINE).
#include "stub.h"

#define NSEC_PER_SEC 1000000000ull
#define KTIME_SEC_MAX 9223372036ull

static s64 host_futex(u64 word, u32 op, u32 value, u64 value2, u64 word2, u32 value3) {
  return stub_syscall(NR_futex, word, op, value, value2, word2, value3);
}

static s64 wake(u64 word, u32 count, u32 bits) {
  return host_futex(word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, count, 0, 0, bits);
}

// ---- Waiting ----

/* Sleeps on a word until it is woken, or RF_DEADLINE where `timed`, or a kick: what the host answers, or
 * NOT_SLEPT. */
s64 sleep_on(slot_t slot, u64 word, u32 value, u32 clock_flag, u32 bits, int timed) {
  put32(slot + RF_ASLEEP, 1);
  s64 result = stub_sleep(slot, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | clock_flag, value,
                          timed ? slot + RF_DEADLINE : 0, bits);
  put32(slot + RF_ASLEEP, 0);
  return result;
}

/* Reads a timespec of the guest into RF_DEADLINE, a duration as the time on CLOCK_MONOTONIC when it is over:
   0, or EFAULT or EINVAL. */
s64 read_deadline(slot_t slot, u64 time, int is_duration) {
  u64 seconds, ns, now[2];
  if (in_window(time) || in_window(time + 8)) return -EFAULT_;
  if (stub_load64(time, &seconds) || stub_load64(time + 8, &ns)) return -EFAULT_;
  if ((s64)seconds < 0 || ns >= NSEC_PER_SEC) return -EINVAL_;
  if (is_duration) {
    stub_syscall(NR_clock_gettime, CLOCK_MONOTONIC_, (u64)now, 0, 0, 0, 0);
    if (seconds > KTIME_SEC_MAX) seconds = KTIME_SEC_MAX;
    seconds += now[0];
    ns += now[1];
    if (ns >= NSEC_PER_SEC) ns -= NSEC_PER_SEC, seconds++;
  }
  put64(slot + RF_DEADLINE, seconds);
  put64(slot + RF_DEADLINE + 8, ns);
  return 0;
}

// EINTR: the word had that value, and a kick came. The call is posted then, or its operation's outcome, and so the
// kernel hears of the kick: its mark, which would keep the thread from ever falling asleep, goes before.
static s64 wait(slot_t slot, u64 word, u32 op, u32 value, u32 bits, int timed) {
  s64 result = sleep_on(slot, word, value, op & FUTEX_CLOCK_REALTIME, bits, timed);
  if (result == NOT_SLEPT) {
    s64 now = stub_load32(word);
    if (now < 0) return now;
    result = (u32)now == value ? -EINTR_ : -EAGAIN_;
  }
  if (result == -EINTR_) put32(slot + RF_KICKED, 0);
  return result;
}

// ---- FUTEX_WAKE_OP: the word is changed here, then the host wakes ----

static int compares(s32 old, u32 how, s32 with) {
  switch (how) {
  case 0:
    return old == with;
  case 1:
    return old != with;
  case 2:
    return old < with;
  case 3:
    return old <= with;
  case 4:
    return old > with;
  default:
    return old >= with;
  }
}

static s64 wake_op(u64 word, u32 count, u32 count2, u64 word2, u32 code) {
  u32 operation = code >> 28 & 7, how = code >> 24 & 15;
  s32 operand = (s32)(code << 8) >> 20, with = (s32)(code << 20) >> 20;
  if (word % 4 || word2 % 4) return -EINVAL_;
  if (word >= RF_TASK_SIZE || word2 >= RF_TASK_SIZE) return -EFAULT_;
  if (code >> 31) operand = (s32)(1u << (operand & 31));
  if (operation > 4) return -ENOSYS_;
  s64 old = stub_op32(word2, operation, operand);
  if (old < 0) return old;
  if (how > 5) return -ENOSYS_; // Linux finds out when it has changed the word
  s64 woken = wake(word, count, FUTEX_BITSET_MATCH_ANY);
  if (woken < 0 || !compares((s32)old, how, with)) return woken;
  s64 more = wake(word2, count2, FUTEX_BITSET_MATCH_ANY);
  return more < 0 ? more : woken + more;
}

// ---- Calls ----

/* An operation of the kernel, or a call: its result, EINTR where a kick ended a wait. `value2` is a count, or
   of waits whether RF_DEADLINE holds. */
s64 do_futex(slot_t slot, u64 word, u32 op, u32 value, u64 value2, u64 word2, u32 value3) {
  switch (op & ~(u32)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)) {
  case FUTEX_WAIT:
    return wait(slot, word, op, value, FUTEX_BITSET_MATCH_ANY, value2 != 0);
  case FUTEX_WAIT_BITSET:
    return wait(slot, word, op, value, value3, value2 != 0);
  case FUTEX_WAKE:
    return wake(word, value, FUTEX_BITSET_MATCH_ANY);
  case FUTEX_WAKE_BITSET:
    return wake(word, value, value3);
  case FUTEX_REQUEUE:
  case FUTEX_CMP_REQUEUE:
    return host_futex(word, op, value, (u32)value2, word2, value3);
  case FUTEX_WAKE_OP:
    return wake_op(word, value, (u32)value2, word2, value3);
  default:
    return -ENOSYS_;
  }
}

// Whether this file does such a call; the kernel answers all others, and finds their errors.
static int is_done_here(u32 op) {
  switch (op & ~(u32)FUTEX_PRIVATE_FLAG) {
  case FUTEX_WAIT:
  case FUTEX_WAKE:
  case FUTEX_REQUEUE:
  case FUTEX_CMP_REQUEUE:
  case FUTEX_WAKE_OP:
  case FUTEX_WAIT_BITSET:
  case FUTEX_WAKE_BITSET:
  case FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME:
    return op & FUTEX_PRIVATE_FLAG;
  default:
    return 0;
  }
}

/* futex(2) with the arguments in the frame: whether it is done, with its result. If not, the call is to be
   posted: RF_REQ_FLAGS tell the kernel whether a wait has begun. */
int futex_here(slot_t slot, s64 *result) {
  u64 word = get64(slot + RF_RDI), value2 = get64(slot + RF_R10), word2 = get64(slot + RF_R8);
  u32 op = get64(slot + RF_RSI), value = get64(slot + RF_RDX), value3 = get64(slot + RF_R9);
  if (!is_done_here(op) || in_window(word)) return 0;
  u32 command = op & ~(u32)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  int waits = command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET;
  if (!waits) {
    int has_second = command >= FUTEX_REQUEUE && command <= FUTEX_WAKE_OP;
    if (has_second && in_window(word2)) return 0;
    *result = do_futex(slot, word, op, value, value2, word2, value3);
    return 1;
  }
  s64 error = value2 ? read_deadline(slot, value2, command == FUTEX_WAIT) : 0;
  *result = error ? error : do_futex(slot, word, op, value, value2 != 0, 0, value3);
  if (*result != -EINTR_) return 1;
  put32(slot + RF_REQ_FLAGS, RF_REQ_BEGUN | (value2 ? RF_REQ_TIMED : 0));
  return 0;
}
