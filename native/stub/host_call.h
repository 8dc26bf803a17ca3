// Raw system calls for freestanding code, and the kernel's structures that it needs. Linux's
// names and numbers; nothing here is shared with the Sentry.
#ifndef RINGFENCE_HOST_CALL_H
#define RINGFENCE_HOST_CALL_H

#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

enum {
  NR_read = 0,
  NR_write = 1,
  NR_close = 3,
  NR_mmap = 9,
  NR_mprotect = 10,
  NR_munmap = 11,
  NR_rt_sigaction = 13,
  NR_rt_sigprocmask = 14,
  NR_rt_sigreturn = 15,
  NR_sched_yield = 24,
  NR_mremap = 25,
  NR_pread64 = 17,
  NR_madvise = 28,
  NR_dup2 = 33,
  NR_nanosleep = 35,
  NR_getpid = 39,
  NR_sendmsg = 46,
  NR_recvmsg = 47,
  NR_clone = 56,
  NR_exit = 60,
  NR_fsync = 74,
  NR_fdatasync = 75,
  NR_wait4 = 61,
  NR_gettimeofday = 96,
  NR_getuid = 102,
  NR_getgid = 104,
  NR_geteuid = 107,
  NR_getegid = 108,
  NR_sigaltstack = 131,
  NR_prctl = 157,
  NR_gettid = 186,
  NR_time = 201,
  NR_futex = 202,
  NR_restart_syscall = 219,
  NR_clock_gettime = 228,
  NR_clock_getres = 229,
  NR_clock_nanosleep = 230,
  NR_exit_group = 231,
  NR_openat = 257,
  NR_set_robust_list = 273,
  NR_getcpu = 309,
  NR_seccomp = 317,
  NR_membarrier = 324,
  NR_rseq = 334,
  NR_clone3 = 435,
};

// The stub issues calls only through stub_syscall (stub_entry.S), so that its text holds as few
// `syscall` instructions as possible; the zygote has zygote_syscall.
struct kernel_sigaction {
  void (*handler)(int, void *, void *);
  u64 flags;
  void (*restorer)(void);
  u64 mask;
};

struct stack_t_ {
  u64 sp;
  s32 flags;
  u32 pad;
  u64 size;
};

// Linux's struct ucontext on x86-64 (arch/x86/include/uapi/asm/sigcontext.h).
struct ucontext_ {
  u64 flags;
  u64 link;
  struct stack_t_ stack;
  u64 r8, r9, r10, r11, r12, r13, r14, r15;
  u64 rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
  u16 cs, gs, fs, ss;
  u64 err, trapno, oldmask, cr2;
  u64 fpstate;
  u64 reserved[8];
  u64 sigmask;
};
// In the floating-point state that a frame points to (struct _fpx_sw_bytes): what says how long it is, and its words.
#define FP_FORM 464
#define FP_FORM_SIZE 48
#define FP_SW_MAGIC1 464
#define FP_SW_SIZE 468       // of the whole with the second magic
#define FP_SW_FEATURES 472   // u64: the components in it
#define FP_SW_STATE_SIZE 480 // without the second magic, which stands there
#define FP_LEGACY_SIZE 512
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u
#define FP_MXCSR 24
#define FP_XSTATE_BV 512
#define FP_HEADER_SIZE 64
#define MXCSR_INITIAL 0x1f80

#define UC_SIGCONTEXT_SS 2
#define UC_STRICT_RESTORE_SS 4

struct siginfo_ {
  s32 signo, errno_, code, pad;
  union {
    struct {
      u64 call_addr;
      s32 syscall;
      u32 arch;
    } sys;
    u64 addr;
  };
};

enum { EINTR_ = 4, EAGAIN_ = 11, EFAULT_ = 14, EINVAL_ = 22, ENOSYS_ = 38, ETIMEDOUT_ = 110 };
enum { CLOCK_REALTIME_ = 0, CLOCK_MONOTONIC_ = 1 };
enum {
  FUTEX_WAIT = 0,
  FUTEX_WAKE = 1,
  FUTEX_REQUEUE = 3,
  FUTEX_CMP_REQUEUE = 4,
  FUTEX_WAKE_OP = 5,
  FUTEX_WAIT_BITSET = 9,
  FUTEX_WAKE_BITSET = 10,
  FUTEX_PRIVATE_FLAG = 128,
  FUTEX_CLOCK_REALTIME = 256,
};
#define FUTEX_BITSET_MATCH_ANY 0xffffffffu

#define AUDIT_ARCH_X86_64_ 0xc000003eu
#define SIGILL_ 4
#define SIGTRAP_ 5
#define SIGBUS_ 7
#define SIGFPE_ 8
#define SIGSEGV_ 11
#define SIGSYS_ 31
#define SIG_BIT(n) (1ull << (n) >> 1)
#define SYNCHRONOUS_SIGNALS                                                                                  \
  (SIG_BIT(SIGILL_) | SIG_BIT(SIGTRAP_) | SIG_BIT(SIGBUS_) | SIG_BIT(SIGFPE_) | SIG_BIT(SIGSEGV_))

#endif
