// Runs calls through the stub's text, natively, and kicks the thread at each instruction that it executes
// there: a kick must be heard of by the kernel, whom another thread plays, the result must be one that the
// call may have, and all registers must be what they are behind a system call. stub_kicks.test.ts gives the
// stub's symbols. One that sleeps at the host has minutes to do so when it is kicked up to there.
//
//   driver STUB on_sigsys on_fault on_kick stub_restorer      a line for each way of a call: its name, its
//   instructions, what is wrong
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <immintrin.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <ringfence/layout.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define SIGKICK 63
#define TF 0x100
#define SLOT (RF_CHUNKS + 0ul)
#define STEPS_MAX 20000
#define RF_REQUEST_KIND(name, value) REQ_##name = value,
#define RF_REPLY_CODE(name, value) REP_##name = value,
#define RF_OPERATION(name, value) OP_##name = value,
enum {
#include <ringfence/slot_states.def>
};
enum { ID = 4242, POSTED = 7777, STALE = 666, TIME = 99, WORD = 5 };

static uint32_t get(unsigned long at) {
  return __atomic_load_n((uint32_t *)at, __ATOMIC_SEQ_CST);
}
static void set(unsigned long at, uint32_t v) {
  __atomic_store_n((uint32_t *)at, v, __ATOMIC_SEQ_CST);
}

static void die(const char *what) {
  perror(what);
  exit(2);
}

// ---- The kernel ----

// What a handler's return brings back, its stack, and the place of the floating-point state there.
static uint64_t kept[RF_FRAME_SIZE / 8];
static char handler_stack[65536] __attribute__((aligned(64)));
extern const char handler[];
#define FP_PLACE ((uint64_t)handler_stack + 32768)

static uint64_t *in_frame(unsigned long offset) {
  return (uint64_t *)(SLOT + offset);
}

static int enter_handler(void) {
  memcpy(kept, in_frame(RF_FRAME), sizeof kept);
  kept[(RF_RAX - RF_FRAME) / 8] = POSTED;
  *in_frame(RF_RIP) = (uint64_t)handler;
  *in_frame(RF_RSP) = FP_PLACE - 1024;
  *in_frame(RF_EFLAGS) = 0x202;
  set(SLOT + RF_REP_FP_SIZE, get(SLOT + RF_REQ_FP_SIZE));
  *in_frame(RF_REP_FP_ADDRESS) = FP_PLACE;
  return REP_SIGNAL;
}

static uint64_t breakpoint, end, begin, late_breakpoint;
static uint8_t replaced;
static void set_breakpoint(uint64_t at) {
  breakpoint = at;
  replaced = *(uint8_t *)at;
  *(volatile uint8_t *)at = 0xcc;
}

static int leave_handler(void) {
  if (late_breakpoint) set_breakpoint(late_breakpoint);
  memcpy(in_frame(RF_FRAME), kept, sizeof kept);
  set(SLOT + RF_REP_FP, RF_FP_GUEST);
  set(SLOT + RF_REP_FP_SIZE, get(SLOT + RF_REQ_FP_SIZE));
  *in_frame(RF_REP_FP_ADDRESS) = FP_PLACE;
  return REP_SIGRETURN;
}

static int reply_to(uint32_t kind) {
  if (kind == REQ_INTERRUPTED) return REP_RESUME;
  switch (get(SLOT + RF_REQUESTS + RF_REQUEST_NR)) {
  case SYS_kill:
    return enter_handler();
  case SYS_rt_sigreturn:
    return leave_handler();
  default:
    set(SLOT + RF_REP_RESULT, POSTED);
    set(SLOT + RF_REP_RESULT + 4, 0);
    return REP_RET;
  }
}

static int word = WORD;
static int listed; // 1: an operation with an old kick before it is out, 2: the same without

// A wait at the host that a kick has ended goes on by an operation: it meets an old kick's mark once.
static int have_waited(void) {
  uint64_t *op = (uint64_t *)(SLOT + RF_OPS);
  op[0] = OP_FUTEX;
  op[1] = (uint64_t)&word, op[2] = FUTEX_WAIT_BITSET_PRIVATE, op[3] = WORD, op[4] = 1, op[5] = 0, op[6] = 1;
  *(uint64_t *)(SLOT + RF_DEADLINE) = 0;
  *(uint64_t *)(SLOT + RF_DEADLINE + 8) = 1;
  set(SLOT + RF_REP_COUNT, 1);
  return REP_OPS;
}

static int reply_to_wait(uint32_t kind) {
  if (kind != REQ_OPS_DONE) {
    listed = 1;
    set(SLOT + RF_KICKED, 1);
    return have_waited();
  }
  long result = *(volatile long *)(SLOT + RF_REQ_VALUE);
  if (result != (listed == 1 ? -EINTR : -ETIMEDOUT)) abort();
  if (listed++ == 1) return have_waited();
  listed = 0;
  return reply_to(REQ_PATCHED);
}

static void *kernel(void *unused) {
  uint32_t seen = 0;
  for (;;) {
    uint32_t request = get(SLOT + RF_REQUESTS), kind = request & 15;
    if (request == seen) {
      sched_yield();
      continue;
    }
    seen = request;
    int has_waited =
        get(SLOT + RF_REQUESTS + RF_REQUEST_NR) == SYS_futex && get(SLOT + RF_REQ_FLAGS) & RF_REQ_BEGUN;
    int is_call = kind == REQ_SYSCALL || kind == REQ_PATCHED;
    if (!is_call && kind != REQ_INTERRUPTED && !(listed && kind == REQ_OPS_DONE)) abort();
    set(SLOT + RF_REP_COUNT, 0);
    set(SLOT + RF_REP_FLAGS, 0);
    set(SLOT + RF_REPLY,
        request >> 4 << 4 | (listed || (is_call && has_waited) ? reply_to_wait(kind) : reply_to(kind)));
    syscall(SYS_futex, SLOT + RF_REPLY, FUTEX_WAKE, 1, NULL, NULL, 0);
  }
  return unused;
}

// ---- The host's clock ----

static long clock_function(long clock, struct timespec *time) {
  (void)clock;
  time->tv_sec = TIME;
  time->tv_nsec = 0;
  return 0;
}

// ---- A call, as a patched site and as the instruction makes it ----

struct registers {
  uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, flags;
};
struct registers before, after; // named in the assembly
uint64_t stack;
extern const char patched_end[], trapped_end[];
void call_patched(void), call_trapped(void);

#define CALL(name, enter)                                                                                    \
  __asm__(".text\n" #name ":\n"                                                                              \
          "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n mov %rsp, stack(%rip)\n"       \
          "lea before(%rip), %rax\n pushq 120(%rax); popfq\n movq 64(%rax), %xmm9\n"                         \
          "mov 8(%rax), %rbx; mov 24(%rax), %rdx; mov 32(%rax), %rsi; mov 40(%rax), %rdi\n"                  \
          "mov 48(%rax), %rbp; mov 56(%rax), %r8; mov 64(%rax), %r9; mov 72(%rax), %r10\n"                   \
          "mov 88(%rax), %r12; mov 96(%rax), %r13; mov 104(%rax), %r14; mov 112(%rax), %r15\n"               \
          "mov (%rax), %rax\n" enter "mov %rax, after(%rip)\n lea after(%rip), %rax\n"                       \
          "pushfq; popq 120(%rax)\n mov %rbx, 8(%rax); mov %rcx, 16(%rax); mov %rdx, 24(%rax)\n"             \
          "mov %rsi, 32(%rax); mov %rdi, 40(%rax); mov %rbp, 48(%rax); mov %r8, 56(%rax)\n"                  \
          "mov %r9, 64(%rax); mov %r10, 72(%rax); mov %r11, 80(%rax); mov %r12, 88(%rax)\n"                  \
          "mov %r13, 96(%rax); mov %r14, 104(%rax); mov %r15, 112(%rax); movq %xmm9, vector(%rip)\n"         \
          "cmp %rsp, stack(%rip)\n jne 9f\n"                                                                 \
          "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n ret\n9: ud2\n")
CALL(call_patched, "lea patched_end(%rip), %rcx\n jmp *entry(%rip)\npatched_end: ");
CALL(call_trapped, "syscall\ntrapped_end: ");
const uint64_t entry = RF_TRAMPOLINE_ENTRY;
uint64_t vector;
const uint64_t requests = SLOT + RF_REQUESTS;
uint32_t word_in_handler;

// A signal handler that changes all registers, and returns.
__asm__(".text\nhandler: mov requests(%rip), %rbx; mov (%rbx), %ebx; mov %ebx, word_in_handler(%rip); mov "
        "$-1, %rbx; mov %rbx, %rcx; mov %rbx, %rdx; mov %rbx, %rsi; mov %rbx, %rdi; mov "
        "%rbx, %rbp\n"
        "mov %rbx, %r8; mov %rbx, %r9; mov %rbx, %r10; mov %rbx, %r11; mov %rbx, %r12; mov %rbx, %r13\n"
        "mov %rbx, %r14; mov %rbx, %r15; movq %xmm9, %rax; test %rax, %rax; jnz 9f\n"
        "movq %rbx, %xmm9; cmp $1, %rbx; mov $15, %eax; syscall\n9: ud2\n");

// ---- Breakpoints and steps ----

static int stepping, kicks, hit, count, last_call;
static uint32_t word_at_hit, handler_at_hit;
static uint64_t steps[STEPS_MAX];

static void clear_breakpoint(void) {
  if (breakpoint) *(volatile uint8_t *)breakpoint = replaced;
  breakpoint = 0;
}

static void record(uint64_t rip) {
  if (rip >> 32 != RF_STUB_TEXT >> 32) return;
  for (int i = 0; i < count; i++)
    if (steps[i] == rip) return;
  if (*(uint8_t *)rip == 0x0f && *(uint8_t *)(rip + 1) == 0x05) last_call = count;
  if (count < STEPS_MAX) steps[count++] = rip;
}

static void on_trap(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)info;
  greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
  uint64_t rip = r[REG_RIP];
  static uint64_t last;
  if (breakpoint && rip == breakpoint + 1) {
    clear_breakpoint();
    r[REG_RIP] = rip = rip - 1;
    if (kicks) {
      hit = 1;
      word_at_hit = get(SLOT + RF_REQUESTS);
      handler_at_hit = word_in_handler;
      syscall(SYS_tgkill, getpid(), gettid(), SIGKICK);
      return;
    }
    r[REG_EFL] |= TF;
    stepping = 1;
  } else if (last >> 32 == RF_STUB_TEXT >> 32 && *(uint8_t *)last == 0x9c) {
    *(uint64_t *)r[REG_RSP] &= ~(uint64_t)TF; // pushfq
  }
  last = rip;
  if (!stepping) return;
  if (rip == end || count == STEPS_MAX) {
    stepping = 0;
    last = 0;
    r[REG_EFL] &= ~TF;
    return;
  }
  record(rip);
}

struct kernel_sigaction {
  uint64_t handler, flags, restorer, mask;
};

// With the stub's restorer, since calls of rt_sigreturn from elsewhere trap. As zygote_main.c has it.
static uint64_t restorer;
static void handle(int signo, uint64_t handler, int masked) {
  static const int synchronous[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV};
  struct kernel_sigaction action = {handler, SA_SIGINFO | SA_ONSTACK | 0x04000000 /* SA_RESTORER */, restorer,
                                    0};
  if (!masked) action.flags |= SA_NODEFER;
  if (masked) action.mask = ~0ull;
  for (int i = 0; i < 5; i++)
    action.mask &= ~(1ull << (synchronous[i] - 1));
  if (syscall(SYS_rt_sigaction, signo, &action, NULL, 8)) die("sigaction");
}

// What the host's frames say of the floating-point state.
static void on_first(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)info;
  const char *state = (const char *)((ucontext_t *)context)->uc_mcontext.fpregs;
  memcpy((void *)(SLOT + RF_FP_FEATURES), state + 472, 8);
  memcpy((void *)(SLOT + RF_REQ_FP_SIZE), state + 468, 4);
}

// ---- The ways ----

struct way {
  const char *name;
  int traps, steps_from_trap;
  uint64_t nr;
  long answer, slow_answer;
  int op; // of futexes
};

static struct timespec place;

static int waits(const struct way *way) {
  return (way->nr == SYS_futex && way->answer == -ETIMEDOUT) || way->nr == SYS_nanosleep;
}

// A futex: a wait for a word that has the value, until just now or for minutes, or a wake.
static void set_futex(const struct way *way, int is_long) {
  before.rdi = (uint64_t)&word;
  before.rsi = way->op;
  before.rdx = WORD;
  before.r10 = (uint64_t)&place;
  place = (struct timespec){.tv_nsec = 1};
  if (!is_long) return;
  // A duration, or a time on CLOCK_MONOTONIC: a host that has run for fifty years counts as new.
  place.tv_sec = way->op == FUTEX_WAIT_PRIVATE ? 300 : 1600000000;
}

static const char *call(const struct way *way, uint64_t flags, int is_long) {
  for (size_t i = 0; i < sizeof before / 8; i++)
    ((uint64_t *)&before)[i] = 0x0123456789abcdef * (i + 3);
  before.rax = way->nr;
  before.rdi = CLOCK_MONOTONIC;
  before.rsi = (uint64_t)&place;
  before.flags = flags;
  place.tv_sec = 0;
  if (way->nr == SYS_futex) set_futex(way, is_long);
  if (way->nr == SYS_nanosleep) {
    place = (struct timespec){is_long ? 300 : 0, 1};
    before.rdi = (uint64_t)&place;
  }
  set(SLOT + RF_REP_RESULT, STALE);
  (way->traps ? call_trapped : call_patched)();
  if (((long)after.rax != way->answer || is_long) && (long)after.rax != way->slow_answer) return "the result";
  if (vector != before.r9) return "a vector register";
  if (way->nr == SYS_clock_gettime && after.rax == 0 && place.tv_sec != TIME) return "the time";
  if (after.flags != flags || after.r11 != flags) return "the flags";
  if (after.rcx != end) return "rcx";
  before.rax = after.rax, before.rcx = after.rcx, before.r11 = after.r11;
  return memcmp(&before, &after, sizeof before) ? "a register" : NULL;
}

static volatile int kick_wanted;

// It sleeps by then, or is about to.
static void *kick_later(void *tid) {
  for (;; usleep(1000)) {
    if (!kick_wanted) continue;
    usleep(1000);
    kick_wanted = 0;
    syscall(SYS_tgkill, getpid(), (long)tid, SIGKICK);
  }
  return NULL;
}

static void try(const struct way *way) {
  static const uint64_t flags[] = {0x202, 0x202 | 0x8d5, 0x202 | 0x1, 0x202 | 0x840};
  const char *wrong = NULL;
  uint64_t where = 0;
  end = (uint64_t)(way->traps ? trapped_end : patched_end);
  count = kicks = last_call = 0;
  for (int i = 0; i < 4 && !wrong; i++)
    wrong = call(way, flags[i], 0);
  set_breakpoint(way->steps_from_trap ? begin : RF_TRAMPOLINE_ENTRY);
  if (!wrong) wrong = call(way, flags[0], 0);
  clear_breakpoint();
  kicks = 1;
  for (int i = 0; i < count && !wrong; i++) {
    where = steps[i];
    hit = 0;
    word_in_handler = late_breakpoint = 0;
    if (way->steps_from_trap && !way->traps)
      late_breakpoint = where;
    else
      set_breakpoint(where);
    wrong = call(way, flags[i % 4], waits(way) && i <= last_call);
    late_breakpoint = 0;
    clear_breakpoint();
    // Before the handler begins, if there is one and the kick came before it.
    uint32_t heard = word_in_handler && !handler_at_hit ? word_in_handler : get(SLOT + RF_REQUESTS);
    if (!wrong && hit && heard == word_at_hit) wrong = "the kick is forgotten";
    if (!wrong) wrong = call(way, flags[0], 0);
  }
  for (int i = 0; i < 20 && !wrong && waits(way); i++) {
    where = 0;
    kick_wanted = 1;
    wrong = call(way, flags[i % 4], 1);
  }
  if (wrong)
    printf("%s: %s, kicked at %#lx\n", way->name, wrong, where);
  else
    printf("%s: %d\n", way->name, count);
  fflush(stdout);
}

// ---- The place of it all ----

static void load_stub(const char *path) {
  int fd = open(path, O_RDONLY);
  Elf64_Ehdr header;
  Elf64_Phdr segment;
  if (fd < 0 || pread(fd, &header, sizeof header, 0) != sizeof header) die("the stub");
  if (pread(fd, &segment, sizeof segment, header.e_phoff) != sizeof segment) die("the stub");
  if (segment.p_vaddr != RF_STUB_TEXT) die("its first segment");
  void *at = mmap((void *)segment.p_vaddr, segment.p_memsz, PROT_READ | PROT_WRITE | PROT_EXEC,
                  MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED || pread(fd, at, segment.p_filesz, segment.p_offset) != (long)segment.p_filesz)
    die("its text");
  close(fd);
}

static void map(unsigned long at, unsigned long length) {
  if (mmap((void *)at, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) ==
      MAP_FAILED)
    die("mmap");
}

static void trap_calls(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RF_STUB_TEXT >> 32, 9, 0),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 6, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 5, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_kill, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_nanosleep, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
    die("seccomp");
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  load_stub(argv[1]);
  map(RF_KERNEL_PAGE, RF_KP_SIZE);
  map(RF_CHUNKS, RF_CHUNK_SIZE);
  set(RF_KERNEL_PAGE + RF_KP_SPIN, 20);
  *(uint64_t *)(RF_KERNEL_PAGE + RF_KP_VDSO + 2 * 8) = (uint64_t)clock_function;
  *(uint64_t *)(SLOT + RF_SELF) = SLOT;
  set(SLOT + RF_LOCAL, RF_LOCAL_CALLS);
  set(SLOT + RF_LOCAL_ASK, -1);
  set(SLOT + RF_LOCAL_UID, ID);
  pthread_t thread;
  if (pthread_create(&thread, NULL, kernel, NULL)) die("pthread_create");
  if (pthread_create(&thread, NULL, kick_later, (void *)(long)gettid())) die("pthread_create");
  begin = strtoul(argv[2], NULL, 16);
  restorer = strtoul(argv[5], NULL, 16);
  handle(SIGSYS, begin, 0);
  handle(SIGSEGV, strtoul(argv[3], NULL, 16), 1);
  handle(SIGKICK, strtoul(argv[4], NULL, 16), 1);
  handle(SIGTRAP, (uint64_t)on_trap, 1);
  _writegsbase_u64(SLOT);
  stack_t alternate = {.ss_sp = (void *)(SLOT + RF_ALT_STACK), .ss_size = RF_ALT_STACK_SIZE};
  if (sigaltstack(&alternate, NULL)) die("sigaltstack");
  handle(SIGUSR1, (uint64_t)on_first, 1);
  raise(SIGUSR1);
  // As the table of marshalling has it.
  *(uint64_t *)(RF_KERNEL_PAGE + RF_KP_MARSHAL + SYS_rt_sigreturn * 8) =
      RF_PIECE_CONTEXT | (uint64_t)RF_PIECE_FP_FORM << 16;
  trap_calls();
  static const struct way ways[] = {
      {"a patched number", 0, 0, SYS_getuid, ID, POSTED, 0},
      {"a patched clock", 0, 0, SYS_clock_gettime, 0, POSTED, 0},
      {"a patched wait", 0, 0, SYS_futex, -ETIMEDOUT, POSTED, FUTEX_WAIT_PRIVATE},
      {"a patched wait until then", 0, 0, SYS_futex, -ETIMEDOUT, POSTED, FUTEX_WAIT_BITSET_PRIVATE},
      {"a patched wake", 0, 0, SYS_futex, 0, POSTED, FUTEX_WAKE_PRIVATE},
      {"a patched sleep", 0, 0, SYS_nanosleep, 0, POSTED, 0},
      {"a patched request", 0, 0, SYS_getppid, POSTED, POSTED, 0},
      {"a trapped number", 1, 1, SYS_getuid, ID, POSTED, 0},
      {"a trapped clock", 1, 1, SYS_clock_gettime, 0, POSTED, 0},
      {"a trapped wait", 1, 1, SYS_futex, -ETIMEDOUT, POSTED, FUTEX_WAIT_PRIVATE},
      {"a trapped wait until then", 1, 1, SYS_futex, -ETIMEDOUT, POSTED, FUTEX_WAIT_BITSET_PRIVATE},
      {"a trapped wake", 1, 1, SYS_futex, 0, POSTED, FUTEX_WAKE_PRIVATE},
      {"a trapped sleep", 1, 1, SYS_nanosleep, 0, POSTED, 0},
      {"a trapped request", 1, 1, SYS_getppid, POSTED, POSTED, 0},
      {"a patched signal", 0, 0, SYS_kill, POSTED, POSTED, 0},
      {"a handler's return", 0, 1, SYS_kill, POSTED, POSTED, 0},
      {"a trapped signal", 1, 1, SYS_kill, POSTED, POSTED, 0},
  };
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
    try(&ways[i]);
  return 0;
}
