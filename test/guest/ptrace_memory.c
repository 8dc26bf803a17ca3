// What a tracer reads and writes of its child: memory of all kinds, the user area, general and floating-point registers.
//@ needs: tasks memory
#include "tracing.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

static const char constant[] __attribute__((aligned(4096))) = "a constant that nobody may write to";
static char writable_data[64] = "written once";

// Text that nobody executes.
extern const char text[];
__asm__(".text\n.balign 64\ntext: .ascii \"some instructions that are none\"\n.balign 64\n");

static char *shared, *mapped, *none;

static void child(void) {
  for (;;) {
    say("child: %s, %s, %s, %s, %.8s", constant, writable_data, shared, mapped, text);
    raise(SIGUSR1);
  }
}

static void round_trip(const char *what, int pid, const void *address) {
  long word = 0;
  long error = trace(PTRACE_PEEKDATA, pid, address, &word);
  if (error < 0) {
    value(what, error);
    return;
  }
  say("%s: %.8s", what, (char *)&word);
  error = trace(PTRACE_POKEDATA, pid, address, (void *)0x4847464544434241l);
  value(" poke", error);
}

static void user(int pid) {
  struct user_regs_struct regs = registers(pid);
  long word = 0;
  value("rip", trace(PTRACE_PEEKUSR, pid, (void *)offsetof(struct user, regs.rip), &word));
  yes_no(" the same", (unsigned long)word == regs.rip);
  yes_no(" in the call", regs.orig_rax == SYS_tgkill || (long)regs.orig_rax == -1);
  say(" cs %#llx ss %#llx ds %#llx gs_base %#llx", regs.cs, regs.ss, regs.ds, regs.gs_base);
  yes_no(" a thread pointer", regs.fs_base != 0);
  value("not a word", trace(PTRACE_PEEKUSR, pid, (void *)4, &word));
  value("beyond", trace(PTRACE_PEEKUSR, pid, (void *)sizeof(struct user), &word));
  value("what there is not", trace(PTRACE_POKEUSR, pid, (void *)offsetof(struct user, u_tsize), 0));
  value("r15",
        trace(PTRACE_POKEUSR, pid, (void *)offsetof(struct user, regs.r15), (void *)0x1234567890abcdefl));
  yes_no(" is it", registers(pid).r15 == 0x1234567890abcdef);
  value("back", trace(PTRACE_SETREGS, pid, 0, &regs));
  regs.eflags |= 0x3000 | 0x20000 | 0x100000;
  value("flags", trace(PTRACE_SETREGS, pid, 0, &regs));
  say(" %#llx", registers(pid).eflags & 0x3f3300);
  regs.fs_base = 1ul << 62;
  value("a base beyond memory", trace(PTRACE_SETREGS, pid, 0, &regs));
  value("to nowhere", trace(PTRACE_GETREGS, pid, 0, (void *)8));
  value("from nowhere", trace(PTRACE_SETREGS, pid, 0, (void *)8));
  value("debug register", trace(PTRACE_PEEKUSR, pid, (void *)offsetof(struct user, u_debugreg[7]), &word));
  say(" %#lx", word);
}

static void sets(int pid) {
  struct user_regs_struct regs, all = registers(pid);
  struct iovec iov = {&regs, sizeof regs};
  value("NT_PRSTATUS", trace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov));
  say(" %zu", iov.iov_len);
  yes_no(" the same", !memcmp(&regs, &all, sizeof regs));
  iov = (struct iovec){&regs, 16};
  value("the first two", trace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov));
  say(" %zu", iov.iov_len);
  iov = (struct iovec){&regs, 4096};
  value("more than there are", trace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov));
  say(" %zu", iov.iov_len);
  iov = (struct iovec){&regs, 13};
  value("an odd length", trace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov));
  iov = (struct iovec){&regs, sizeof regs};
  value("no such set", trace(PTRACE_GETREGSET, pid, (void *)0x7777, &iov));
  value("no iovec", trace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, (void *)8));
}

static void floating_point(int pid) {
  struct user_fpregs_struct fp = {0}, again = {0};
  value("fpregs", trace(PTRACE_GETFPREGS, pid, 0, &fp));
  say(" cwd %#x mxcsr %#x", fp.cwd, fp.mxcsr);
  fp.xmm_space[0] = 0x11223344;
  fp.xmm_space[63] = 0x55667788;
  value("set", trace(PTRACE_SETFPREGS, pid, 0, &fp));
  value("again", trace(PTRACE_GETFPREGS, pid, 0, &again));
  yes_no(" the same", !memcmp(fp.xmm_space, again.xmm_space, sizeof fp.xmm_space));
  fp.mxcsr = 0xffffffff;
  value("an mxcsr that there is not", trace(PTRACE_SETFPREGS, pid, 0, &fp));
  static char area[16384];
  struct iovec iov = {area, sizeof area};
  value("xstate", trace(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &iov));
  yes_no(" has a header", iov.iov_len >= 576 && iov.iov_len % 8 == 0);
  yes_no(" says what is in it", (*(uint64_t *)(area + 464) & 3) == 3);
  yes_no(" has what was set", *(uint32_t *)(area + 160) == 0x11223344);
  *(uint32_t *)(area + 160) = 0x99aabbcc;
  *(uint64_t *)(area + 512) |= 3;
  value("set", trace(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, &iov));
  value("again", trace(PTRACE_GETFPREGS, pid, 0, &again));
  yes_no(" has it", again.xmm_space[0] == 0x99aabbcc);
  *(uint64_t *)(area + 520) = 1;
  value("a header that the host does not take", trace(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, &iov));
}

// Reads to a page that it may not write to, and changes its protection, until it is told to end: how often it went wrong.
static int guarded(const volatile int *ends, char *page) {
  int zeros = open("/dev/zero", O_RDONLY), wrong = 0;
  while (!*ends) {
    wrong += SYS_3(SYS_read, zeros, page, 1) != -EFAULT;
    wrong += mprotect(page, PAGE, PROT_NONE) != 0;
    wrong += SYS_3(SYS_read, zeros, page, 1) != -EFAULT;
    wrong += mprotect(page, PAGE, PROT_READ) != 0;
  }
  wrong += SYS_3(SYS_read, zeros, page, 1) != -EFAULT;
  wrong += munmap(page, PAGE) != 0;
  return wrong > 100 ? 100 : wrong;
}

// Whatever it was at, what its tracee may do with the page is what it was.
static void killed_while_it_writes(int rounds) {
  say("-- a tracer is killed while it writes");
  volatile int *told = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int wrong = 0;
  for (int round = 0; round < rounds; round++) {
    told[0] = told[1] = 0;
    char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int target = fork();
    if (target == 0) _exit(guarded(&told[0], page));
    int tracer = fork(), status;
    if (tracer == 0) {
      if (trace(PTRACE_ATTACH, target, 0, 0)) _exit(1);
      waitpid(target, &status, 0);
      for (long i = 0;; i++)
        if (trace(PTRACE_POKEDATA, target, page, (void *)i) == 0) told[1] = 1;
    }
    while (!told[1])
      usleep(100);
    usleep(round * 53 % 1000);
    kill(tracer, SIGKILL);
    waitpid(tracer, NULL, 0);
    usleep(1000);
    told[0] = 1;
    kill(target, SIGCONT);
    waitpid(target, &status, 0);
    wrong += status != 0;
    munmap(page, PAGE);
  }
  value("went wrong", wrong);
}

int main(void) {
  shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  mapped = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  none = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(none + PAGE, PAGE);
  strcpy(shared, "shared memory");
  strcpy(mapped, "private memory");
  mprotect(mapped, PAGE, PROT_READ);
  int pid;
  TRACED_CHILD(pid, child());
  wait_for("first", pid);
  trace(PTRACE_CONT, pid, 0, 0);
  wait_for("then", pid);
  round_trip("a constant", pid, constant);
  round_trip("data", pid, writable_data);
  round_trip("shared", pid, shared);
  round_trip("what it may not write", pid, mapped);
  round_trip("text", pid, text);
  round_trip("across the end of memory", pid, none + PAGE - 4);
  round_trip("nothing", pid, none + PAGE);
  round_trip("beyond all memory", pid, (char *)0x7ffffffff000);
  round_trip("not aligned", pid, writable_data + 9);
  value("to nowhere", trace(PTRACE_PEEKDATA, pid, writable_data, (void *)8));
  say("ours: %s, %s, %s, %s", constant, writable_data, shared, mapped);
  user(pid);
  sets(pid);
  floating_point(pid);
  trace(PTRACE_CONT, pid, 0, 0);
  wait_for("then", pid);
  kill(pid, SIGKILL);
  wait_for("end", pid);
  killed_while_it_writes(30);
  return 0;
}
