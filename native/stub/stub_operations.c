// Running an operation list: what the kernel wants done inside this address space. The list stops
// at the first operation that fails; the kernel undoes or kills (F4).
#include "stub.h"

#define FAILED(r) ((u64)(r) > (u64)-4096)
#define EFAULT_ 14
#define EINVAL_ 22
#define ENOSYS_ 38

static s64 run(slot_t slot, u64 op, const u64 *a) {
  switch (get32(op + RF_OP_CODE)) {
  case OP_CALL:
    return stub_syscall(get32(op + RF_OP_NR), a[0], a[1], a[2], a[3], a[4], a[5]);
  case OP_COPY_TO:
    return stub_copy(a[0], slot + a[2], a[1]) ? -EFAULT_ : 0;
  case OP_COPY_FROM:
    return stub_copy(slot + a[2], a[0], a[1]) ? -EFAULT_ : 0;
  case OP_ZERO:
    return stub_zero(a[0], a[1]) ? -EFAULT_ : 0;
  case OP_CMPXCHG32:
    return stub_cmpxchg32(a[0], a[1], a[2]);
  case OP_LOAD32:
    return stub_load32(a[0]);
  default:
    return -ENOSYS_;
  }
}

/* Runs the first `count` operations of the slot's list; leaves count and last result in the request line. */
void run_operations(slot_t slot, u32 count) {
  s64 result = 0;
  u32 done = 0;
  while (done < count && done < RF_OPS_MAX) {
    u64 op = slot + RF_OPS + done * RF_OP_SIZE, args[6];
    for (int i = 0; i < 6; i++) args[i] = get64(op + RF_OP_ARGS + i * 8);
    result = run(slot, op, args);
    put64(op + RF_OP_RESULT, result);
    if (FAILED(result)) break;
    done++;
  }
  put32(slot + RF_REQ_COUNT, done);
  put64(slot + RF_REQ_VALUE, result);
}
