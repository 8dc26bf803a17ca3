// The ways into a signal handler and back out of it without the host: floating-point state is saved to, or loaded from,
// the guest's frame here, and stub_resume loads the registers. Whatever is not as the host itself would have written it
// is left to the host's rt_sigreturn (stub_signals.c), which knows all forms.
#include "stub.h"

// What a program starts with: no component is present, so XRSTOR takes none but MXCSR.
static const struct {
  u8 legacy[FP_MXCSR];
  u32 mxcsr;
  u8 rest[FP_LEGACY_SIZE + FP_HEADER_SIZE - FP_MXCSR - 4];
} initial __attribute__((aligned(64))) = {.mxcsr = MXCSR_INITIAL};

// Writes the live state to the handler's frame, as the host does: whether it could.
static int save_live(u64 at, u32 size, u64 features) {
  u32 state_size = size - 4;
  u32 form[FP_FORM_SIZE / 4] = {FP_XSTATE_MAGIC1, size, features, features >> 32, state_size};
  u32 magic = FP_XSTATE_MAGIC2;
  u64 present;
  if (stub_zero(at + FP_XSTATE_BV, FP_HEADER_SIZE) || stub_xsave(at, features)) return 0;
  if (stub_load64(at + FP_XSTATE_BV, &present)) return 0;
  present |= 3; // x87 and SSE
  return !stub_copy(at + FP_XSTATE_BV, (u64)&present, sizeof present) &&
         !stub_copy(at + FP_FORM, (u64)form, sizeof form) &&
         !stub_copy(at + state_size, (u64)&magic, sizeof magic);
}

// Of a call that enters a handler, whose frame's other part has been copied. `saved`: the state in the host's frame of
// a trapped call, whose handler runs with the initial one.
static int enters(slot_t slot, u64 saved, u64 features) {
  u64 at = get64(slot + RF_REP_FP_ADDRESS);
  u32 size = get32(slot + RF_REP_FP_SIZE);
  if (size <= FP_LEGACY_SIZE + FP_HEADER_SIZE || size > RF_FP_SIZE || at & 63) return 0;
  if (saved) return stub_copy(at, saved, size) == 0;
  return save_live(at, size, features) && stub_xrstor((u64)&initial, features) == 0;
}

// Of rt_sigreturn: loads the state of the guest's frame, if it has the host's form.
static int leaves(slot_t slot, u64 features) {
  u64 at = get64(slot + RF_REP_FP_ADDRESS), has;
  u32 size = get32(slot + RF_REP_FP_SIZE);
  if (get32(slot + RF_REP_FP) != RF_FP_GUEST || size != get32(slot + RF_REQ_FP_SIZE)) return 0;
  if (size <= FP_LEGACY_SIZE + FP_HEADER_SIZE || at & 63) return 0;
  if (stub_load64(at + FP_SW_FEATURES, &has) || has != features) return 0;
  if (stub_load32(at + FP_SW_STATE_SIZE) != size - 4) return 0;
  if (stub_load32(at + size - 4) != FP_XSTATE_MAGIC2) return 0;
  return stub_xrstor(at, features) == 0;
}

/* Goes to the guest with the registers of the frame, if the reply says so and that can be done here; else it returns.
   `eflags`: as they are now, `saved`: the state in the host's frame, 0 of a patched call. */
void resume(slot_t slot, u32 code, u64 eflags, u64 saved) {
  u64 features = get64(slot + RF_FP_FEATURES);
  if (code != REP_SIGNAL && code != REP_SIGRETURN) return;
  if (!features || eflags & EFLAGS_NT || get32(slot + RF_REP_FLAGS) & RF_REP_REPORT) return;
  if (__builtin_ia32_rdgsbase64() != slot) return;
  if (code == REP_SIGNAL ? !enters(slot, saved, features) : !leaves(slot, features)) return;
  put64(slot + RF_CS, USER_CS);
  put64(slot + RF_SS, USER_SS);
  __builtin_ia32_wrfsbase64(get64(slot + RF_FS_BASE));
  stub_resume();
}
