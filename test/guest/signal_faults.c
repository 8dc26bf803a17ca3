// Faults with a handler: code, address and trap number, and going on behind the instruction.
//@ needs: signals
#include "guest.h"
#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf back;
static char *expected_address;

static void handler(int signo, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  greg_t *r = uc->uc_mcontext.gregs;
  int at_instruction = (long)info->si_addr == r[REG_RIP];
  say("signal %d code %d, address as expected %d, address is rip %d, trap %lld err %lld", signo,
      info->si_code, (char *)info->si_addr == expected_address, at_instruction, r[REG_TRAPNO], r[REG_ERR]);
  if (signo == SIGSEGV && r[REG_TRAPNO] == 14)
    yes_no(" cr2 is the address", r[REG_CR2] == (long)info->si_addr);
  siglongjmp(back, 1);
}

#define TRY(what, expected, statement)                                                                       \
  do {                                                                                                       \
    say("%s", what);                                                                                         \
    expected_address = (char *)(expected);                                                                   \
    if (sigsetjmp(back, 1) == 0) {                                                                           \
      statement;                                                                                             \
      say("no fault");                                                                                       \
    }                                                                                                        \
  } while (0)

static volatile int sink;
static volatile int zero;

int main(void) {
  struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  for (int i = 0; i < 5; i++)
    sigaction(signals[i], &a, NULL);
  char *area = pages(2);
  TRY("null read", 0, sink = *(volatile int *)0);
  TRY("null write", 8, *(volatile int *)8 = 1);
  TRY("unmapped", 0x10000000, sink = *(volatile char *)0x10000000);
  TRY("guard page", area - 1, sink = *(volatile char *)(area - 1));
  mprotect(area, PAGE, PROT_READ);
  TRY("read-only", area + 5, *(volatile char *)(area + 5) = 1);
  TRY("execute data", area, ((void (*)(void))area)());
  TRY("not canonical", 0, sink = *(volatile char *)0x8000000000000000);
  TRY("kernel address", 0xffff888000000000, sink = *(volatile char *)0xffff888000000000);
  TRY("divide by zero", 0, sink = 1 / zero);
  TRY("ud2", 0, __asm__ volatile("ud2"));
  TRY("int3", 0, __asm__ volatile("int3"));
  TRY("hlt", 0, __asm__ volatile("hlt"));
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  value("masked afterwards", sigismember(&mask, SIGSEGV) + sigismember(&mask, SIGFPE));
  return 0;
}
