// Running an operation list: what the kernel wants done inside this address space. The list stops
// at the first operation that fails; the kernel undoes or kills (F4).
#include "stub.h"

#define FAILED(r) ((u64)(r) > -4096ull)

// Copies the strings of an argv-like array one after the other to the slot, while they fit whole.
// Returns their number, with bit 32 set when the array's end was reached.
static s64 copy_strings(u64 array, u64 to, u64 capacity) {
  u64 count = 0, used = 0, pointer;
  for (;; count++) {
    if (in_window(array + count * 8)) return -EFAULT_;
    if (stub_load64(array + count * 8, &pointer)) return -EFAULT_;
    if (pointer == 0) return (s64)(count | 1ull << 32);
    if (in_window(pointer)) return -EFAULT_;
    u64 length = stub_copy_string(to + used, pointer, capacity - used);
    if (length >> 63) return -EFAULT_;
    if (length == 0 || *(u8 *)(to + used + length - 1)) return (s64)count; // does not fit
    used += length;
  }
}

static s64 run(slot_t slot, struct ucontext_ *uc, u64 op, const u64 *a) {
  switch (get32(op + RF_OP_CODE)) {
  case OP_CALL:
    return stub_syscall(get32(op + RF_OP_NR), a[0], a[1], a[2], a[3], a[4], a[5]);
  case OP_TELL:
    stub_syscall(get32(op + RF_OP_NR), a[0], a[1], a[2], a[3], a[4], a[5]);
    return 0;
  case OP_READ: {
    s64 n = stub_syscall(NR_pread64, a[0], a[1], a[2], a[3], 0, 0);
    put64(slot + RF_REP_RESULT, n);
    return n;
  }
  case OP_COPY_TO:
    return stub_copy(a[0], slot + a[2], a[1]) ? -EFAULT_ : 0;
  case OP_ZERO:
    return stub_zero(a[0], a[1]) ? -EFAULT_ : 0;
  case OP_FORK:
    hold_kicks(uc);
    save_fp(slot, uc);
    return stub_fork(a[0]);
  case OP_THREAD:
    hold_kicks(uc);
    save_fp(slot, uc);
    return stub_thread(a[0], a[1]);
  case OP_COPY_STRINGS:
    return copy_strings(a[0], slot + a[1], a[2]);
  case OP_CMPXCHG32:
    return stub_cmpxchg32(a[0], a[1], a[2]);
  case OP_OP32:
    return stub_op32(a[0], a[1], a[2]);
  case OP_LOAD32:
    return stub_load32(a[0]);
  case OP_FUTEX:
    return do_futex(slot, a[0], a[1], a[2], a[3], a[4], a[5]);
  default:
    return -ENOSYS_;
  }
}

/* Whether an operation of the list copies the caller's floating-point state, which a signal frame holds. */
int makes_task(slot_t slot, u32 count) {
  for (u32 i = 0; i < count && i < RF_OPS_MAX; i++) {
    u32 code = get32(slot + RF_OPS + i * RF_OP_SIZE + RF_OP_CODE);
    if (code == OP_FORK || code == OP_THREAD) return 1;
  }
  return 0;
}

/* Runs the first `count` operations of the slot's list; leaves count and last result in the request line.
   Whether all of them were done. */
int run_operations(slot_t slot, struct ucontext_ *uc, u32 count) {
  s64 result = 0;
  u32 done = 0;
  while (done < count && done < RF_OPS_MAX) {
    u64 op = slot + RF_OPS + done * RF_OP_SIZE, args[6];
    for (int i = 0; i < 6; i++)
      args[i] = get64(op + RF_OP_ARGS + i * 8);
    result = run(slot, uc, op, args);
    put64(op + RF_OP_RESULT, result);
    if (FAILED(result)) break;
    done++;
  }
  put32(slot + RF_REQ_COUNT, done);
  put64(slot + RF_REQ_VALUE, result);
  return done == count;
}
