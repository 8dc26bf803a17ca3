// sigaltstack: handlers run there if they ask for it, and the errors.
//@ needs: signals
#include "guest.h"

static char *stack_low, *stack_high;

static void handler(int signo) {
  char here;
  stack_t now;
  sigaltstack(NULL, &now);
  say("signal %d, on the alternate stack %d, flags %d", signo, &here >= stack_low && &here < stack_high,
      now.ss_flags);
  stack_t other = {.ss_sp = stack_low, .ss_size = 8192};
  value("changed while on it", sigaltstack(&other, NULL) ? -errno : 0);
}

int main(void) {
  char *area = pages(16);
  stack_low = area, stack_high = area + 16 * PAGE;
  stack_t s = {.ss_sp = area, .ss_size = 16 * PAGE}, old;
  value("before", sigaltstack(NULL, &old));
  say("flags %d size %zu", old.ss_flags, old.ss_size);
  value("set", sigaltstack(&s, &old));
  sigaltstack(NULL, &old);
  say("flags %d size %zu, pointer as set %d", old.ss_flags, old.ss_size, old.ss_sp == area);
  struct sigaction a = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &a, NULL);
  raise(SIGUSR1);
  a.sa_flags = 0;
  sigaction(SIGUSR2, &a, NULL);
  raise(SIGUSR2);
  s = (stack_t){.ss_sp = area, .ss_size = 100};
  value("too small", sigaltstack(&s, NULL) ? -errno : 0);
  s = (stack_t){.ss_sp = area, .ss_size = 16 * PAGE, .ss_flags = 0x100};
  value("unknown flag", sigaltstack(&s, NULL) ? -errno : 0);
  value("bad address", SYS_2(SYS_sigaltstack, 8, 0));
  value("bad old address", SYS_2(SYS_sigaltstack, 0, 8));
  s = (stack_t){.ss_flags = SS_DISABLE};
  value("disable", sigaltstack(&s, NULL));
  sigaltstack(NULL, &old);
  say("flags %d", old.ss_flags);
  a.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &a, NULL);
  raise(SIGUSR1);
  return 0;
}
