// Breakpoints in text, steps over instructions, calls and into handlers, and watchpoints of the debug registers.
//@ needs: tasks signals
#include "tracing.h"

volatile long watched[2];

__attribute__((noinline, aligned(64))) long add(long a, long b) {
  __asm__ volatile("" ::: "memory");
  return a + b;
}

// Some instructions, a call among them.
void stepped(void);
extern const char stepped_call[], stepped_end[];
__asm__(".text\n.balign 64\nstepped:\nnop\nmov $110, %eax\nnop\nsyscall\nstepped_call: nop\nmov $1, %eax\n"
        "push %rbx\npop %rbx\nstepped_end: ret\n");

// A write to what is watched, another one beside it.
void writes(void);
extern const char writes_first[], writes_second[];
__asm__(".text\n.balign 64\nwrites:\nlea watched(%rip), %rax\nmovq $7, 8(%rax)\nmovq $5, "
        "(%rax)\nwrites_first: nop\n"
        "movl $6, (%rax)\nwrites_second: nop\nret\n");

static volatile int handled;
static void on_signal(int signo) {
  handled = signo;
}

static void child(void) {
  say("child: %ld", add(1, 2));
  say("child: %ld", add(3, 4));
  raise(SIGSTOP);
  stepped();
  raise(SIGSTOP);
  signal(SIGUSR1, on_signal);
  raise(SIGUSR1);
  say("child: handled %d", handled);
  raise(SIGSTOP);
  writes();
  say("child: watched %ld %ld", watched[0], watched[1]);
  _exit(0);
}

static void info_is(int pid) {
  siginfo_t info = {0};
  value(" siginfo", trace(PTRACE_GETSIGINFO, pid, 0, &info));
  say(" code %#x", info.si_code);
}

static void go(const char *what, long how, int pid, int signo) {
  long error = trace(how, pid, 0, (void *)(long)signo);
  if (error < 0) value(what, error);
  wait_for(what, pid);
}

static void breakpoint(int pid) {
  long word = peek(pid, (void *)add), changed = (word & ~0xffl) | 0xcc;
  value("breakpoint", trace(PTRACE_POKETEXT, pid, (void *)add, (void *)changed));
  go("run", PTRACE_CONT, pid, 0);
  info_is(pid);
  struct user_regs_struct regs = registers(pid);
  yes_no(" is behind it", regs.rip == (unsigned long)add + 1);
  say(" called with %llu and %llu", regs.rdi, regs.rsi);
  regs.rip--;
  regs.rsi = 20;
  trace(PTRACE_SETREGS, pid, 0, &regs);
  value("taken out", trace(PTRACE_POKETEXT, pid, (void *)add, (void *)word));
  go("step over it", PTRACE_SINGLESTEP, pid, 0);
  info_is(pid);
  value("put back", trace(PTRACE_POKETEXT, pid, (void *)add, (void *)changed));
  go("run", PTRACE_CONT, pid, 0);
  regs = registers(pid);
  yes_no(" is behind it", regs.rip == (unsigned long)add + 1);
  value("taken out", trace(PTRACE_POKETEXT, pid, (void *)add, (void *)word));
  regs.rip--;
  trace(PTRACE_SETREGS, pid, 0, &regs);
  go("run", PTRACE_CONT, pid, 0);
}

static void steps(int pid) {
  long word = peek(pid, (void *)stepped);
  trace(PTRACE_POKETEXT, pid, (void *)stepped, (void *)((word & ~0xffl) | 0xcc));
  go("run", PTRACE_CONT, pid, 0);
  trace(PTRACE_POKETEXT, pid, (void *)stepped, (void *)word);
  struct user_regs_struct regs = registers(pid);
  regs.rip--;
  trace(PTRACE_SETREGS, pid, 0, &regs);
  for (int i = 0; i < 20; i++) {
    trace(PTRACE_SINGLESTEP, pid, 0, 0);
    int status = 0;
    waitpid(pid, &status, 0);
    regs = registers(pid);
    siginfo_t info = {0};
    trace(PTRACE_GETSIGINFO, pid, 0, &info);
    long offset = regs.rip - (unsigned long)stepped;
    say(" at %ld, code %#x, trap flag %d", offset, info.si_code, !!(regs.eflags & 0x100));
    if ((char *)regs.rip == stepped_end) break;
  }
  go("run", PTRACE_CONT, pid, 0);
}

static void into_handler(int pid) {
  go("run", PTRACE_CONT, pid, 0);
  go("step into a handler", PTRACE_SINGLESTEP, pid, SIGUSR1);
  info_is(pid);
  struct user_regs_struct regs = registers(pid);
  yes_no(" is at its first instruction", regs.rip == (unsigned long)on_signal);
  say(" trap flag %d", !!(regs.eflags & 0x100));
  go("run", PTRACE_CONT, pid, 0);
}

#define DEBUG(n) ((void *)(offsetof(struct user, u_debugreg) + 8 * (n)))

static void debug_status(int pid) {
  long status = 0;
  trace(PTRACE_PEEKUSR, pid, DEBUG(6), &status);
  say(" debug status %#lx", status & 0xe00f);
  info_is(pid);
}

static void watch(int pid) {
  value("address", trace(PTRACE_POKEUSR, pid, DEBUG(0), (void *)watched));
  // Enabled for this thread, writes, eight bytes.
  value("control", trace(PTRACE_POKEUSR, pid, DEBUG(7), (void *)(1l | 9l << 16)));
  go("run", PTRACE_CONT, pid, 0);
  debug_status(pid);
  yes_no(" behind the first write", (char *)registers(pid).rip == writes_first);
  go("run", PTRACE_CONT, pid, 0);
  debug_status(pid);
  yes_no(" behind the second write", (char *)registers(pid).rip == writes_second);
  value("off", trace(PTRACE_POKEUSR, pid, DEBUG(7), 0));
  go("run", PTRACE_CONT, pid, 0);
}

int main(void) {
  int pid;
  TRACED_CHILD(pid, child());
  wait_for("first", pid);
  breakpoint(pid);
  steps(pid);
  into_handler(pid);
  watch(pid);
  return 0;
}
