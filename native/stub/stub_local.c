// What a thread answers by itself, without a request (F19): which calls, and how. The kernel says in the slot whether
// it may (RF_LOCAL), and keeps the numbers there true. Whatever is not as simple as it should be is posted.
#include "stub.h"

enum local_call { FUTEX_HERE = RF_LOCAL_NUMBERS };

// By number: 0, a word of the slot that is the answer, or one of enum local_call.
const u8 stub_local_calls[RF_KP_MARSHAL_COUNT] = {
    [NR_getpid] = RF_LOCAL_PID, [NR_gettid] = RF_LOCAL_TID,   [NR_getuid] = RF_LOCAL_UID,
    [NR_getgid] = RF_LOCAL_GID, [NR_geteuid] = RF_LOCAL_EUID, [NR_getegid] = RF_LOCAL_EGID,
    [NR_futex] = FUTEX_HERE,
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

/* Answers the call whose registers are in the frame: whether it could. */
int answer(slot_t slot, u32 entry, s64 *result) {
  if (entry == FUTEX_HERE) return futex_here(slot, result);
  *result = get32(slot + entry);
  return 1;
}

/* Completes the frame for the way back by stub_leave. */
void was_answered(slot_t slot, s64 result, u32 call_flags) {
  put64(slot + RF_RAX, result);
  put64(slot + RF_R11, get64(slot + RF_EFLAGS));
  put32(slot + RF_CALL_FLAGS, (call_flags & 0xffff) | ANSWERED_HERE);
}
