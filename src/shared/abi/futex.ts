// futex(2), futex_waitv(2), robust lists.

// Operations
export const FUTEX_WAIT = 0;
export const FUTEX_WAKE = 1;
export const FUTEX_FD = 2;
export const FUTEX_REQUEUE = 3;
export const FUTEX_CMP_REQUEUE = 4;
export const FUTEX_WAKE_OP = 5;
export const FUTEX_LOCK_PI = 6;
export const FUTEX_UNLOCK_PI = 7;
export const FUTEX_TRYLOCK_PI = 8;
export const FUTEX_WAIT_BITSET = 9;
export const FUTEX_WAKE_BITSET = 10;
export const FUTEX_WAIT_REQUEUE_PI = 11;
export const FUTEX_CMP_REQUEUE_PI = 12;
export const FUTEX_LOCK_PI2 = 13;

// Flags beside the operation
export const FUTEX_PRIVATE_FLAG = 0x80;
export const FUTEX_CLOCK_REALTIME = 0x100;
export const FUTEX_CMD_MASK = -385;

// FUTEX_WAKE_OP
export const FUTEX_OP_SET = 0;
export const FUTEX_OP_ADD = 1;
export const FUTEX_OP_OR = 2;
export const FUTEX_OP_ANDN = 3;
export const FUTEX_OP_XOR = 4;
export const FUTEX_OP_OPARG_SHIFT = 8;
export const FUTEX_OP_CMP_EQ = 0;
export const FUTEX_OP_CMP_NE = 1;
export const FUTEX_OP_CMP_LT = 2;
export const FUTEX_OP_CMP_LE = 3;
export const FUTEX_OP_CMP_GT = 4;
export const FUTEX_OP_CMP_GE = 5;

// The futex word of PI and robust futexes
export const FUTEX_WAITERS = 0x80000000;
export const FUTEX_OWNER_DIED = 0x40000000;
export const FUTEX_TID_MASK = 0x3fffffff;
export const FUTEX_BITSET_MATCH_ANY = 0xffffffff;
export const ROBUST_LIST_LIMIT = 0x800;

// futex_waitv
export const FUTEX2_SIZE_U8 = 0x0;
export const FUTEX2_SIZE_U16 = 0x1;
export const FUTEX2_SIZE_U32 = 0x2;
export const FUTEX2_SIZE_U64 = 0x3;
export const FUTEX2_NUMA = 0x4;
export const FUTEX2_PRIVATE = 0x80;
export const FUTEX_WAITV_MAX = 0x80;
