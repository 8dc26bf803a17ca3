// Steps through calls of the vDSO end in the vDSO or behind it: a tracer sees no address that is none of the program's.
//@ needs: tasks clocks
#include "tracing.h"

__attribute__((noinline)) long reads(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  time_t now = time(NULL);
  return t.tv_nsec + now;
}

static volatile long kept;

int main(void) {
  int pid;
  kept = reads();
  TRACED_CHILD(pid, for (int i = 0; i < 3; i++) kept = reads(); raise(SIGUSR1));
  wait_for("first", pid);
  long word = peek(pid, (void *)reads);
  trace(PTRACE_POKETEXT, pid, (void *)reads, (void *)((word & ~0xffl) | 0xcc));
  trace(PTRACE_CONT, pid, 0, 0);
  wait_for("breakpoint", pid);
  trace(PTRACE_POKETEXT, pid, (void *)reads, (void *)word);
  struct user_regs_struct regs = registers(pid);
  regs.rip--;
  trace(PTRACE_SETREGS, pid, 0, &regs);
  // Up to the instruction behind the call.
  unsigned long behind = peek(pid, (void *)regs.rsp), steps = 0, hidden = 0, others = 0;
  for (; registers(pid).rip != behind && steps < 20000; steps++) {
    int status = 0;
    trace(PTRACE_SINGLESTEP, pid, 0, 0);
    waitpid(pid, &status, 0);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) others++;
    unsigned long rip = registers(pid).rip;
    hidden += rip >= 0x552000000000 && rip < 0x554000000000;
  }
  yes_no("it has come back", steps > 10 && steps < 20000);
  value("other stops", others);
  value("addresses that are none of its own", hidden);
  trace(PTRACE_CONT, pid, 0, 0);
  wait_for("signal", pid);
  trace(PTRACE_CONT, pid, 0, 0);
  wait_for("end", pid);
  return 0;
}
