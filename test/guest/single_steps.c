// A program that steps through itself with the trap flag: calls of each kind end as elsewhere, with the next
// trap where the processor raises it, and the flag is among what the handler sees.
//@ needs: signals
#include "guest.h"
#include <ucontext.h>

// long stepped(long nr, long a, long b, long c, long d): steps from its second instruction to its return.
long stepped(long nr, long a, long b, long c, long d);
extern const char stepped_end[];
__asm__(".text\n.balign 64\n.type stepped, @function\nstepped:\n"
        "mov %rdi, %rax\nmov %rsi, %rdi\nmov %rdx, %rsi\nmov %rcx, %rdx\nmov %r8, %r10\n"
        "pushfq\norl $0x100, (%rsp)\npopfq\n"
        "nop\nsyscall\nnop\nmov %rax, %rax\nsyscall_again: mov $110, %eax\nsyscall\nnop\n"
        "pushfq\nandl $~0x100, (%rsp)\npopfq\nret\nstepped_end:\n");

static struct { int offset, traps, r11; } steps[64];
static int count;

static void on_trap(int signo, siginfo_t *info, void *context) {
  (void)signo;
  ucontext_t *uc = context;
  long rip = uc->uc_mcontext.gregs[REG_RIP], offset = rip - (long)stepped;
  if (offset < 0 || offset >= stepped_end - (char *)stepped || count == 64) return;
  steps[count].offset = offset;
  steps[count].traps = info->si_code == TRAP_TRACE && (uc->uc_mcontext.gregs[REG_EFL] & 0x10100) == 0x100;
  steps[count++].r11 = uc->uc_mcontext.gregs[REG_R11] >> 8 & 1;
}

static void step(const char *what, long nr, long a, long b, long c, long d) {
  count = 0;
  stepped(nr, a, b, c, d);
  char line[512];
  int n = 0;
  for (int i = 0; i < count; i++)
    n += snprintf(line + n, sizeof line - n, " %d%s%s", steps[i].offset, steps[i].traps ? "" : "!",
                  steps[i].r11 ? "r" : "");
  say("%s:%s", what, line);
}

static void on_usr1(int signo) {
  (void)signo;
}

int main(void) {
  struct sigaction trap = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
  sigaction(SIGTRAP, &trap, NULL);
  signal(SIGUSR1, on_usr1);
  char *area = pages(2);
  long none = 0;
  for (int i = 0; i < 3; i++) {
    step("a number of the process", SYS_getpid, 0, 0, 0, 0);
    step("a call", SYS_umask, 022, 0, 0, 0);
    step("a call that fails", SYS_close, -1, 0, 0, 0);
    step("a call with a buffer", SYS_getcwd, (long)area, PAGE, 0, 0);
    step("a call that maps", SYS_mprotect, (long)area, PAGE, PROT_READ | PROT_WRITE, 0);
    step("a call that is no call", 100000, 0, 0, 0, 0);
    step("a mask", SYS_rt_sigprocmask, SIG_BLOCK, (long)&none, 0, 8);
    step("a sleep", SYS_nanosleep, (long)&(struct timespec){0, 1000}, 0, 0, 0);
    step("a futex of nobody", SYS_futex, (long)area, 0x81, 1, 0);
    step("a signal to oneself", SYS_kill, getpid(), SIGUSR1, 0, 0);
  }
  return 0;
}
