// A program that steps through itself with the trap flag sees the same addresses at a site that was executed
// often as at any other, and so does the handler of a fault in the instruction before a syscall.
//@ needs: signals
#include "sites.h"
#include <ucontext.h>

SITE(getppid_site, 110);
CHAINED_SITE(chained_site, 110);
SITE(getpid_site, 39);
SITE(yield_site, 24);

// long loading(long *at): its last instruction before the syscall loads what it may not reach.
long loading(long *at);
extern const char loading_load[], loading_call[];
__asm__(".text\n.balign 64\n.type loading, @function\nloading:\n.cfi_startproc\n"
        "mov $39, %eax\nloading_load: mov 0x1000(%rdi), %rdx\nloading_call: syscall\nret\n.cfi_endproc\n");

static int steps[64], count, stepping;
long (*stepped)(void); // named in the assembly

static void on_trap(int signo, siginfo_t *info, void *context) {
  (void)signo;
  ucontext_t *uc = context;
  long rip = uc->uc_mcontext.gregs[REG_RIP], offset = rip - (long)stepped;
  if (offset >= 0 && offset < 32 && count < 64) {
    steps[count++] = offset;
    if ((long)info->si_addr != rip) steps[count++] = -1;
  }
  if (!stepping) uc->uc_mcontext.gregs[REG_EFL] &= ~0x100l;
}

static void step(const char *what, long (*site)(void)) {
  stepped = site;
  count = 0;
  stepping = 1;
  __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq\n call *stepped(%%rip)\n"
                   "pushfq; andl $~0x100, (%%rsp); popfq" ::
                       : "rax", "rcx", "r11", "memory", "cc");
  stepping = 0;
  char line[256];
  int n = 0;
  for (int i = 0; i < count; i++)
    n += snprintf(line + n, sizeof line - n, " %d", steps[i]);
  say("%s:%s", what, line);
}

static long fault_rip, fault_address, fault_rax;
static void on_fault(int signo, siginfo_t *info, void *context) {
  (void)signo;
  ucontext_t *uc = context;
  fault_rip = uc->uc_mcontext.gregs[REG_RIP];
  fault_address = (long)info->si_addr;
  fault_rax = uc->uc_mcontext.gregs[REG_RAX];
  uc->uc_mcontext.gregs[REG_RIP] = (long)loading_call;
}

int main(void) {
  struct sigaction trap = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
  struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
  sigaction(SIGTRAP, &trap, NULL);
  sigaction(SIGSEGV, &fault, NULL);
  step("the first time", getppid_site);
  step("a chain", chained_site);
  step("without the kernel", getpid_site);
  for (int i = 0; i < 5 * WARM; i++)
    getppid_site(), getpid_site(), yield_site();
  for (int i = 0; i < WARM; i++)
    chained_site();
  step("after many calls", getppid_site);
  step("and again", getppid_site);
  step("without the kernel", getpid_site);
  step("and again", getpid_site);
  step("on the host", yield_site);
  step("a chain after many calls", chained_site);
  step("and again", chained_site);

  char *area = pages(2);
  for (int i = 0; i < WARM; i++)
    loading((long *)area);
  mprotect(area + PAGE, PAGE, PROT_NONE);
  yes_no("the call behind a fault", loading((long *)area) == getpid());
  yes_no("the fault's instruction", fault_rip == (long)loading_load);
  yes_no("its address", fault_address == (long)area + PAGE);
  say("its number: %ld", fault_rax);
  return 0;
}
