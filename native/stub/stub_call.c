// A call from a patched site (stub_trampoline.S), on the stub stack of the slot: the frame that a signal
// would have saved is completed, the request posted, and the reply carried out as far as that takes no signal
// frame.
#include "stub.h"

#define EFLAGS_OF 0x800
#define EFLAGS_LAHF 0xd5 // SF ZF AF PF CF

/* The flags as they were at the site: the rest of them, and what stub_trampoline has put beside the number.
 */
u64 flags_of_call(u64 rest, u64 number_and_flags) {
  u64 arithmetic = (number_and_flags >> 40 & EFLAGS_LAHF) | (number_and_flags >> 32 & 1 ? EFLAGS_OF : 0);
  return (rest & ~(u64)(EFLAGS_LAHF | EFLAGS_OF)) | arithmetic;
}

// Put beside the number by stub_traced.
#define TRAPPED (1ull << 63)

u32 kind_of_call(u64 number_and_flags) {
  return number_and_flags & TRAPPED ? REQ_SYSCALL : REQ_PATCHED;
}

/* 0: the result stands in the frame, and registers are all there is to load; else the reply's code. `entry`: of the
   call in stub_local_calls, 0 while the thread is watched. */
u32 on_patched_call(slot_t slot, u64 number_and_flags, u64 rest, u32 entry) {
  u64 nr = (u32)number_and_flags, flags = flags_of_call(rest, number_and_flags);
  s64 result;
  put64(slot + RF_FS_BASE, __builtin_ia32_rdfsbase64());
  put64(slot + RF_EFLAGS, flags);
  put32(slot + RF_REQ_FLAGS, 0);
  if (entry && !(flags & EFLAGS_BY_SIGNAL) && !get32(slot + RF_KICKED) &&
      (!(number_and_flags & TRAPPED) || may_answer_trapped(slot)) && answer(slot, entry, &result)) {
    was_answered(slot, result, number_and_flags >> 32);
    return 0;
  }
  put32(slot + RF_KICKED, 0); // what is pending is seen before the request is answered
  put32(slot + RF_CALL_FLAGS, number_and_flags >> 32 & 0xffff);
  put64(slot + RF_R11, flags);
  put64(slot + RF_RAX, nr);
  put64(slot + RF_ORIG_RAX, nr);
  put64(slot + RF_CS, USER_CS);
  put64(slot + RF_SS, USER_SS);
  put64(slot + RF_GS_BASE, slot);
  put32(slot + RF_VDSO_KICK, in_host_vdso(get64(slot + RF_RIP)));
  u32 kernel_thread = copy_in_pieces(slot, nr);
  u32 code = call_kernel(slot, 0, kind_of_call(number_and_flags), kernel_thread);
  resume(slot, code, flags, 0);
  if (code != REP_RET || flags & EFLAGS_BY_SIGNAL) return code;
  put64(slot + RF_RAX, get64(slot + RF_REP_RESULT));
  if (get32(slot + RF_REP_FLAGS) & RF_REP_SET_FS) __builtin_ia32_wrfsbase64(get64(slot + RF_FS_BASE));
  return 0;
}
