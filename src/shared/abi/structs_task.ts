// Structures of tasks: signals, registers, creation, futexes, scheduling, capabilities, SysV IPC.

import { array, i16, i32, i64, ptr, struct, u8, u16, u32, u64, word64 } from "./struct.ts";

// ---- Signals ----

/** As the kernel takes it (sa_mask last), not as the C library declares it. */
export const sigaction = struct("struct sigaction", "asm/signal.h", {
  sa_handler: ptr,
  sa_flags: u64,
  sa_restorer: ptr,
  sa_mask: word64,
});

export const stack_t = struct("stack_t", "asm/signal.h", { ss_sp: ptr, ss_flags: i32, ss_size: u64 });

const SIGINFO_SIZE = { size: 128 };
const siginfoHead = { si_signo: i32, si_errno: i32, si_code: i32, _align: i32 };

/** What all forms have in common; the code says which form it is. */
export const siginfo = struct("siginfo_t", "asm/siginfo.h", siginfoHead, SIGINFO_SIZE);

/** SI_USER, SI_TKILL */
export const siginfo_kill = struct(
  "siginfo_t",
  "asm/siginfo.h",
  { ...siginfoHead, si_pid: i32, si_uid: u32 },
  SIGINFO_SIZE,
);

/** SI_QUEUE, SI_MESGQ, SI_ASYNCIO */
export const siginfo_rt = struct(
  "siginfo_t",
  "asm/siginfo.h",
  { ...siginfoHead, si_pid: i32, si_uid: u32, si_value: word64 },
  SIGINFO_SIZE,
);

/** SI_TIMER */
export const siginfo_timer = struct(
  "siginfo_t",
  "asm/siginfo.h",
  { ...siginfoHead, si_tid: i32, si_overrun: i32, si_value: word64 },
  SIGINFO_SIZE,
);

/** CLD_* */
export const siginfo_chld = struct(
  "siginfo_t",
  "asm/siginfo.h",
  { ...siginfoHead, si_pid: i32, si_uid: u32, si_status: i32, si_utime: i64, si_stime: i64 },
  SIGINFO_SIZE,
);

/** ILL_*, FPE_*, SEGV_*, BUS_*, TRAP_* */
export const siginfo_fault = struct(
  "siginfo_t",
  "asm/siginfo.h",
  { ...siginfoHead, si_addr: ptr, si_addr_lsb: i16 },
  SIGINFO_SIZE,
);

/** POLL_* */
export const siginfo_poll = struct(
  "siginfo_t",
  "asm/siginfo.h",
  { ...siginfoHead, si_band: i64, si_fd: i32 },
  SIGINFO_SIZE,
);

/** SYS_SECCOMP */
export const siginfo_sys = struct(
  "siginfo_t",
  "asm/siginfo.h",
  { ...siginfoHead, si_call_addr: ptr, si_syscall: i32, si_arch: u32 },
  SIGINFO_SIZE,
);

export const sigevent = struct(
  "struct sigevent",
  "asm/siginfo.h",
  { sigev_value: word64, sigev_signo: i32, sigev_notify: i32, sigev_notify_thread_id: i32 },
  { size: 64 },
);

export const signalfd_siginfo = struct(
  "struct signalfd_siginfo",
  "linux/signalfd.h",
  {
    ssi_signo: u32,
    ssi_errno: i32,
    ssi_code: i32,
    ssi_pid: u32,
    ssi_uid: u32,
    ssi_fd: i32,
    ssi_tid: u32,
    ssi_band: u32,
    ssi_overrun: u32,
    ssi_trapno: u32,
    ssi_status: i32,
    ssi_int: i32,
    ssi_ptr: word64,
    ssi_utime: u64,
    ssi_stime: u64,
    ssi_addr: u64,
    ssi_addr_lsb: u16,
    ssi_syscall: i32,
    ssi_call_addr: u64,
    ssi_arch: u32,
  },
  { size: 128 },
);

// ---- Registers. Words: a register may hold any 64 bits. ----

export const sigcontext = struct("struct sigcontext", "asm/sigcontext.h", {
  r8: word64,
  r9: word64,
  r10: word64,
  r11: word64,
  r12: word64,
  r13: word64,
  r14: word64,
  r15: word64,
  rdi: word64,
  rsi: word64,
  rbp: word64,
  rbx: word64,
  rdx: word64,
  rax: word64,
  rcx: word64,
  rsp: word64,
  rip: word64,
  eflags: word64,
  cs: u16,
  gs: u16,
  fs: u16,
  ss: u16,
  err: u64,
  trapno: u64,
  oldmask: word64,
  cr2: word64,
  fpstate: ptr,
  reserved1: array(word64, 8),
});

export const ucontext = struct("struct ucontext", "asm/ucontext.h", {
  uc_flags: u64,
  uc_link: ptr,
  uc_stack: stack_t,
  uc_mcontext: sigcontext,
  uc_sigmask: word64,
});

export const user_regs_struct = struct("struct user_regs_struct", "sys/user.h", {
  r15: word64,
  r14: word64,
  r13: word64,
  r12: word64,
  rbp: word64,
  rbx: word64,
  r11: word64,
  r10: word64,
  r9: word64,
  r8: word64,
  rax: word64,
  rcx: word64,
  rdx: word64,
  rsi: word64,
  rdi: word64,
  orig_rax: word64,
  rip: word64,
  cs: word64,
  eflags: word64,
  rsp: word64,
  ss: word64,
  fs_base: word64,
  gs_base: word64,
  ds: word64,
  es: word64,
  fs: word64,
  gs: word64,
});

/** The part of the XSAVE area that tells its extent: sw_reserved of struct _fpstate_64, at 464. */
export const fpx_sw_bytes = struct("struct _fpx_sw_bytes", "asm/sigcontext.h", {
  magic1: u32,
  extended_size: u32,
  xfeatures: word64,
  xstate_size: u32,
  padding: array(u32, 7),
});

// ---- Creation, futexes, scheduling ----

export const clone_args = struct("struct clone_args", "linux/sched.h", {
  flags: word64,
  pidfd: u64,
  child_tid: u64,
  parent_tid: u64,
  exit_signal: u64,
  stack: u64,
  stack_size: u64,
  tls: u64,
  set_tid: u64,
  set_tid_size: u64,
  cgroup: u64,
});

export const robust_list_head = struct("struct robust_list_head", "linux/futex.h", {
  list: ptr,
  futex_offset: i64,
  list_op_pending: ptr,
});

export const futex_waitv = struct("struct futex_waitv", "linux/futex.h", {
  val: word64,
  uaddr: u64,
  flags: u32,
  __reserved: u32,
});

export const sched_attr = struct("struct sched_attr", "linux/sched/types.h", {
  size: u32,
  sched_policy: u32,
  sched_flags: u64,
  sched_nice: i32,
  sched_priority: u32,
  sched_runtime: u64,
  sched_deadline: u64,
  sched_period: u64,
  sched_util_min: u32,
  sched_util_max: u32,
});

export const cap_user_header = struct("struct __user_cap_header_struct", "linux/capability.h", {
  version: u32,
  pid: i32,
});

export const cap_user_data = struct("struct __user_cap_data_struct", "linux/capability.h", {
  effective: u32,
  permitted: u32,
  inheritable: u32,
});

export const seccomp_data = struct("struct seccomp_data", "linux/seccomp.h", {
  nr: i32,
  arch: u32,
  instruction_pointer: u64,
  args: array(word64, 6),
});

export const sock_filter = struct("struct sock_filter", "linux/filter.h", {
  code: u16,
  jt: u8,
  jf: u8,
  k: u32,
});

export const sock_fprog = struct("struct sock_fprog", "linux/filter.h", { len: u16, filter: ptr });
