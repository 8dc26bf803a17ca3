// Host signals of a stub thread: a trapped system call (SIGSYS), a fault, a kick. Each saves the
// guest's registers in the slot's frame, posts a request, and goes back as the reply says. All of
// them run on the alternate stack in the slot.
//
// A trapped call with a plain result goes back by a jump, and mostly one that enters or leaves a handler too
// (stub_resume.c), so its handler blocks nothing: a kick that comes while it runs leaves a mark, as in a patched call.
// All other ways back are the host's rt_sigreturn, with kicks blocked from the last look at the mark on.
#include "stub.h"

#define VSYSCALL_PAGE 0xffffffffff600000ull
#define SEGV_KERNEL 0x80 /* SI_KERNEL */
#define TRAP_TRACE_ 2
#define EFLAGS_TF_ 0x100

static u32 fp_size(const struct ucontext_ *uc) {
  if (!uc->fpstate) return 0;
  if (get32(uc->fpstate + FP_SW_MAGIC1) != FP_XSTATE_MAGIC1) return FP_LEGACY_SIZE;
  u32 size = get32(uc->fpstate + FP_SW_SIZE);
  return size <= RF_FP_SIZE ? size : FP_LEGACY_SIZE;
}

static void save_frame(slot_t slot, const struct ucontext_ *uc) {
  // clang-format off
  const u64 frame[] = {uc->r15, uc->r14, uc->r13, uc->r12, uc->rbp, uc->rbx, uc->r11, uc->r10, uc->r9,
                       uc->r8,  uc->rax, uc->rcx, uc->rdx, uc->rsi, uc->rdi, uc->rax, uc->rip, uc->cs,
                       uc->eflags, uc->rsp, uc->ss, __builtin_ia32_rdfsbase64(), __builtin_ia32_rdgsbase64()};
  // clang-format on
  for (u32 i = 0; i < sizeof frame / sizeof *frame; i++)
    put64(slot + RF_FRAME + i * 8, frame[i]);
  put32(slot + RF_REQ_FP_SIZE, fp_size(uc));
  put32(slot + RF_VDSO_KICK, 0); // the kernel is entered
}

static void load_frame(slot_t slot, struct ucontext_ *uc) {
  uc->r15 = get64(slot + RF_R15);
  uc->r14 = get64(slot + RF_R14);
  uc->r13 = get64(slot + RF_R13);
  uc->r12 = get64(slot + RF_R12);
  uc->rbp = get64(slot + RF_RBP);
  uc->rbx = get64(slot + RF_RBX);
  uc->r11 = get64(slot + RF_R11);
  uc->r10 = get64(slot + RF_R10);
  uc->r9 = get64(slot + RF_R9);
  uc->r8 = get64(slot + RF_R8);
  uc->rax = get64(slot + RF_RAX);
  uc->rcx = get64(slot + RF_RCX);
  uc->rdx = get64(slot + RF_RDX);
  uc->rsi = get64(slot + RF_RSI);
  uc->rdi = get64(slot + RF_RDI);
  uc->rip = get64(slot + RF_RIP);
  uc->eflags = get64(slot + RF_EFLAGS);
  uc->rsp = get64(slot + RF_RSP);
  __builtin_ia32_wrfsbase64(get64(slot + RF_FS_BASE));
}

// ---- Floating-point state: the host's signal frame holds it (struct _xstate) ----

/* Saves the interrupted code's floating-point state at RF_FP, for the task that is about to be made. */
void save_fp(slot_t slot, const struct ucontext_ *uc) {
  if (uc->fpstate) stub_copy(slot + RF_FP, uc->fpstate, fp_size(uc));
}

/* Has the interrupted code go on with the floating-point state at RF_FP, which has the form of its own. */
void take_fp(slot_t slot, const struct ucontext_ *uc) {
  if (uc->fpstate) stub_copy(uc->fpstate, slot + RF_FP, fp_size(uc));
}

// Without any component present XRSTOR loads the initial state; MXCSR it takes from memory in any case.
static void initial_fp(struct ucontext_ *uc) {
  if (fp_size(uc) > FP_LEGACY_SIZE) {
    put64(uc->fpstate + FP_XSTATE_BV, 0);
    put32(uc->fpstate + FP_MXCSR, MXCSR_INITIAL);
  } else {
    uc->fpstate = 0;
  }
}

static void load_fp(slot_t slot, struct ucontext_ *uc) {
  u32 size = get32(slot + RF_REP_FP_SIZE);
  switch (get32(slot + RF_REP_FP)) {
  case RF_FP_INITIAL:
    initial_fp(uc);
    break;
  case RF_FP_SLOT:
    take_fp(slot, uc);
    break;
  case RF_FP_GUEST:
    if (!uc->fpstate || size > fp_size(uc)) break;
    stub_copy(uc->fpstate, get64(slot + RF_REP_FP_ADDRESS), size);
    if (size == FP_LEGACY_SIZE) put32(uc->fpstate + FP_SW_MAGIC1, 0);
    break;
  default:
    break;
  }
}

// ---- Going back ----

/* Blocks kicks up to the host's rt_sigreturn, which must be the way back then. A new task inherits that (F7). */
void hold_kicks(struct ucontext_ *uc) {
  static const u64 mask = ~SYNCHRONOUS_SIGNALS;
  if (uc->link) return; // of no use to the host: marks what was done
  uc->link = 1;
  stub_syscall(NR_rt_sigprocmask, 2 /* SIG_SETMASK */, (u64)&mask, 0, sizeof mask, 0, 0);
}

// Whether everything that a trapped call changed can be brought back by stub_leave_handler.
static int can_jump(slot_t slot, const struct ucontext_ *uc) {
  if (uc->link || uc->eflags & EFLAGS_BY_SIGNAL || uc->rcx != uc->rip) return 0;
  if (!uc->fpstate || get32(uc->fpstate + FP_SW_MAGIC1) != FP_XSTATE_MAGIC1) return 0;
  return __builtin_ia32_rdgsbase64() == slot;
}

static u32 call_flags(const struct ucontext_ *uc) {
  return (uc->eflags >> 11 & 1) | (uc->eflags & 0xff) << 8;
}

static __attribute__((noreturn)) void jump_back(slot_t slot, const struct ucontext_ *uc) {
  put64(slot + RF_RAX, get64(slot + RF_REP_RESULT));
  put32(slot + RF_CALL_FLAGS, call_flags(uc));
  if (get32(slot + RF_REP_FLAGS) & RF_REP_SET_FS) __builtin_ia32_wrfsbase64(get64(slot + RF_FS_BASE));
  stub_leave_handler(slot, uc->fpstate, get64(uc->fpstate + FP_SW_FEATURES));
}

// A trapped call whose registers are saved: answers it here and does not come back, if that can be.
static void answer_trapped(slot_t slot, const struct ucontext_ *uc, u32 entry) {
  s64 result;
  if (!can_jump(slot, uc) || get32(slot + RF_KICKED)) return;
  if (!may_answer_trapped(slot) || !answer(slot, entry, &result)) return;
  was_answered(slot, result, call_flags(uc));
  stub_leave_handler(slot, uc->fpstate, get64(uc->fpstate + FP_SW_FEATURES));
}

// Whether the kernel is to hear of a kick that came while a call ran: what it stands for may have come after the reply.
static int take_kick(slot_t slot, const struct ucontext_ *uc) {
  if (!get32(slot + RF_KICKED)) return 0;
  put32(slot + RF_KICKED, 0);
  if (!in_host_vdso(uc->rip)) return 1;
  put32(slot + RF_VDSO_KICK, 1); // the guest's vDSO sees to it, as in on_kick
  return 0;
}

#define ANSWERED 0 // no reply's code, but stub_resume's, too: the frame holds all

// Leaves the handler as the reply, which has been served, says: the host's rt_sigreturn loads the ucontext.
static void leave(slot_t slot, struct ucontext_ *uc, u32 code) {
  for (;;) {
    u32 report = 0;
    switch (code) {
    case ANSWERED:
      break;
    case REP_RET:
      uc->rax = get64(slot + RF_REP_RESULT);
      if (get32(slot + RF_REP_FLAGS) & RF_REP_SET_FS) __builtin_ia32_wrfsbase64(get64(slot + RF_FS_BASE));
      break;
    case REP_SIGNAL: {
      // The frame's other part was copied as pieces. The handler starts with fresh state.
      u32 size = get32(slot + RF_REP_FP_SIZE);
      if (size && stub_copy(get64(slot + RF_REP_FP_ADDRESS), uc->fpstate, size)) {
        put64(slot + RF_REQ_VALUE, 0);
        code = serve_until_return(slot, uc, post(slot, REQ_OUT_FAULT, 0));
        continue;
      }
      load_frame(slot, uc);
      initial_fp(uc);
      report = get32(slot + RF_REP_FLAGS) & RF_REP_REPORT;
      break;
    }
    case REP_SIGRETURN:
      load_frame(slot, uc);
      load_fp(slot, uc);
      report = get32(slot + RF_REP_FLAGS) & RF_REP_REPORT;
      break;
    default:
      return;
    }
    if (!take_kick(slot, uc) && !report) return;
    save_frame(slot, uc);
    code = serve_until_return(slot, uc, post(slot, REQ_INTERRUPTED, 0));
  }
}

static void finish(slot_t slot, struct ucontext_ *uc, u32 code) {
  leave(slot, uc, serve_until_return(slot, uc, code));
}

static void post_fault(slot_t slot, struct ucontext_ *uc, u32 kind, s32 signo, s32 si_code, u64 addr) {
  save_frame(slot, uc);
  put32(slot + RF_FAULT_SIGNO, signo);
  put32(slot + RF_FAULT_CODE, si_code);
  put64(slot + RF_FAULT_ADDR, addr);
  put32(slot + RF_FAULT_TRAPNO, uc->trapno);
  put32(slot + RF_FAULT_ERR, uc->err);
  put64(slot + RF_FAULT_CR2, uc->cr2);
  finish(slot, uc, post(slot, kind, 0));
}

// What a thread that this call makes begins with, if it goes on in a host thread that is there: the kernel asks for nothing.
static u32 save_for_thread(slot_t slot, const struct ucontext_ *uc, u64 nr) {
  if ((nr != NR_clone && nr != NR_clone3) || !uc->fpstate) return 0;
  save_fp(slot, uc);
  return RF_REQ_FP_SAVED;
}

// A system call, with the registers as they are behind the instruction.
static void post_call(slot_t slot, struct ucontext_ *uc, u32 kind, u64 nr, u32 flags) {
  save_frame(slot, uc);
  // A host whose clocks its vDSO cannot read makes the call there: signals wait as after a kick.
  if (in_host_vdso(uc->rip)) put32(slot + RF_VDSO_KICK, 1);
  put32(slot + RF_REQ_FLAGS, flags | save_for_thread(slot, uc, nr));
  u32 entry = kind == REQ_SYSCALL && flags == 0 && !in_host_vdso(uc->rip) ? local_entry(slot, nr) : 0;
  if (entry) answer_trapped(slot, uc, entry);
  put64(slot + RF_ORIG_RAX, nr);
  put32(slot + RF_KICKED, 0); // what is pending is seen before the request is answered
  u32 kernel_thread = copy_in_pieces(slot, nr);
  u32 code = call_kernel(slot, uc, kind, kernel_thread);
  if (code == REP_RET && flags == 0 && can_jump(slot, uc)) jump_back(slot, uc);
  if (flags == 0 && uc->link == 0 && uc->fpstate) resume(slot, code, uc->eflags, uc->fpstate);
  hold_kicks(uc);
  leave(slot, uc, code);
}

void on_sigsys(int signo, void *info, void *context) {
  (void)signo;
  struct siginfo_ *si = info;
  struct ucontext_ *uc = context;
  slot_t slot = current_slot();
  // The host's vDSO on behalf of stub_local.c: what it cannot read, the kernel does.
  if (in_host_vdso(uc->rip) && in_slot(slot, uc->rsp)) {
    uc->rax = -1ll;
    return;
  }
  // 32-bit calls are refused as a host without IA32 emulation refuses them (F15).
  if (si->sys.arch != AUDIT_ARCH_X86_64_) {
    hold_kicks(uc);
    post_fault(slot, uc, REQ_FAULT, SIGSEGV_, SEGV_KERNEL, 0);
    return;
  }
  // The host has already returned to the caller of a vsyscall function; only rax is owed.
  u32 flags = (si->sys.call_addr & ~0xfffull) == VSYSCALL_PAGE ? RF_REQ_VSYSCALL : 0;
  post_call(slot, uc, REQ_SYSCALL, (u32)si->sys.syscall, flags);
}

// A patched call goes on in a signal frame: made the guest's, it is left as any other.
static void on_trapped(slot_t slot, struct ucontext_ *uc) {
  u32 code = uc->rax;
  load_frame(slot, uc);
  // The answer is in the frame; who kicked is owed a report.
  if (code == REP_RET && get32(slot + RF_CALL_FLAGS) & ANSWERED_HERE) code = ANSWERED;
  if (code == REP_OPS || code == REP_SAVE_FP || code == REP_LOAD_FP)
    code = serve_until_return(slot, uc, code);
  leave(slot, uc, code);
}

// A patched call of a thread whose gs base is not its slot's address, before anything was saved there.
static void on_lost(slot_t slot, struct ucontext_ *uc) {
  u64 number_and_flags = uc->rax;
  uc->rax = (u32)number_and_flags;
  uc->rip = uc->rcx;
  uc->eflags = uc->r11 = flags_of_call(uc->eflags, number_and_flags);
  post_call(slot, uc, kind_of_call(number_and_flags), (u32)number_and_flags, 0);
}

// A call of a thread that is being stepped, which a tracer has caught. Its flags are in r11: the fault has changed its own.
static void on_stepped(slot_t slot, struct ucontext_ *uc) {
  uc->rip = uc->rcx;
  uc->eflags = uc->r11;
  hold_kicks(uc); // a jump would leave this handler's mask behind
  post_call(slot, uc, REQ_SYSCALL, (u32)uc->rax, 0);
}

void on_fault(int signo, void *info, void *context) {
  struct siginfo_ *si = info;
  struct ucontext_ *uc = context;
  for (const u64 *fixup = stub_fixups; *fixup; fixup += 2)
    if (uc->rip == fixup[0]) {
      uc->rip = fixup[1];
      return;
    }
  slot_t slot = current_slot();
  if (uc->rip == (u64)stub_started) {
    // A new host task. Its mask has been full since before it was made; the guest's is empty.
    uc->sigmask = 0;
    put32(slot + RF_REQ_FP_SIZE, fp_size(uc));
    put64(slot + RF_FP_FEATURES, fp_size(uc) > FP_LEGACY_SIZE ? get64(uc->fpstate + FP_SW_FEATURES) : 0);
    finish(slot, uc, post(slot, REQ_STARTED, 0));
    return;
  }
  if (uc->rip == (u64)stub_trapped && signo == SIGSEGV_) {
    on_trapped(slot, uc);
    return;
  }
  if (uc->rip == (u64)stub_lost && signo == SIGSEGV_) {
    on_lost(slot, uc);
    return;
  }
  if (uc->rip == (u64)stub_stepped && signo == SIGSEGV_) {
    on_stepped(slot, uc);
    return;
  }
  // Single steps end where hidden code begins (F17): the flag comes back with the frame, if it stands there.
  if (uc->rip >> 32 == RF_STUB_TEXT >> 32 && signo == SIGTRAP_ && si->code == TRAP_TRACE_) {
    uc->eflags &= ~(u64)EFLAGS_TF_;
    return;
  }
  // Any other fault in the stub's own code is the doing of a guest that broke its slot: that guest
  // process ends (F17).
  if (uc->rip >> 32 == RF_STUB_TEXT >> 32) stub_syscall(NR_exit_group, 128 + SIGSEGV_, 0, 0, 0, 0, 0);
  post_fault(slot, uc, signo == SIGTRAP_ ? REQ_TRAP : REQ_FAULT, signo, si->code, si->addr);
}

void on_kick(int signo, void *info, void *context) {
  (void)signo;
  (void)info;
  struct ucontext_ *uc = context;
  slot_t slot = current_slot();
  // In stub code a call is about to be posted, waits, or has been answered: it looks at the mark before it leaves.
  if (uc->rip >> 32 == RF_STUB_TEXT >> 32) {
    put32(slot + RF_KICKED, 1);
    if (uc->rip >= (u64)stub_leave && uc->rip < (u64)stub_left) uc->rip = (u64)stub_leave;
    if (uc->rip >= (u64)stub_resuming && uc->rip < (u64)stub_resumed) uc->rip = (u64)stub_resuming;
    if (uc->rip >= (u64)stub_number && uc->rip < (u64)stub_numbered) uc->rip = (u64)stub_again;
    if (uc->rip >= (u64)stub_sleep_look && uc->rip < (u64)stub_slept) uc->rip = (u64)stub_not_slept;
    return;
  }
  // The host's vDSO returns soon. The guest's, if that called it, then makes a system call; else it was stub_local.c.
  if (in_host_vdso(uc->rip)) {
    put32(slot + (in_slot(slot, uc->rsp) ? RF_KICKED : RF_VDSO_KICK), 1);
    return;
  }
  save_frame(slot, uc);
  finish(slot, uc, post(slot, REQ_INTERRUPTED, 0));
}
