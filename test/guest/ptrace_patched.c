// A program whose call sites have been executed often is the same to a tracer as any other: its text, steps through it, a call
// that is under way, and breakpoints where it calls.
//@ needs: tasks signals
#include "sites.h"
#include "tracing.h"

SITE(getppid_site, 110);
SITE_WITH((int fd, void *buffer, long size), read_site, 0);

static int ends[2];

static void warm(void) {
  for (int i = 0; i < 5 * WARM; i++)
    getppid_site();
}

static void text_is(const char *what, int pid, const void *at) {
  int same = 1;
  for (int i = 0; i < 4; i++)
    same &= peek(pid, (char *)at + 8 * i) == ((long *)at)[i];
  yes_no(what, same);
}

static void steps(int pid) {
  long word = peek(pid, (void *)getppid_site);
  trace(PTRACE_POKETEXT, pid, (void *)getppid_site, (void *)((word & ~0xffl) | 0xcc));
  trace(PTRACE_CONT, pid, 0, 0);
  wait_for("breakpoint", pid);
  trace(PTRACE_POKETEXT, pid, (void *)getppid_site, (void *)word);
  struct user_regs_struct regs = registers(pid);
  regs.rip--;
  trace(PTRACE_SETREGS, pid, 0, &regs);
  for (int i = 0; i < 6; i++) {
    int status = 0;
    long offset = registers(pid).rip - (unsigned long)getppid_site;
    if (offset < 0 || offset > 64) break;
    say(" at %ld", offset);
    trace(PTRACE_SINGLESTEP, pid, 0, 0);
    waitpid(pid, &status, 0);
  }
}

int main(void) {
  if (pipe(ends)) return 1;
  int pid;
  TRACED_CHILD(pid, warm(); raise(SIGUSR1); warm(); raise(SIGUSR1); for (;;) getppid_site());
  wait_for("first", pid);
  text_is("text before", pid, (void *)getppid_site);
  trace(PTRACE_CONT, pid, 0, 0);
  wait_for("signal", pid);
  text_is("text behind many calls", pid, (void *)getppid_site);
  steps(pid);
  trace(PTRACE_CONT, pid, 0, 0);
  wait_for("signal", pid);
  kill(pid, SIGKILL);
  wait_for("end", pid);

  // One that has called often before somebody looks.
  int told[2];
  if (pipe(told)) return 1;
  pid = fork();
  if (pid == 0) {
    char byte;
    warm();
    for (int i = 0; i < 5 * WARM; i++)
      read_site(-1, &byte, 1);
    if (write(told[1], "x", 1) != 1) _exit(1);
    read_site(ends[0], &byte, 1);
    for (;;)
      getppid_site();
  }
  char byte;
  if (read(told[0], &byte, 1) != 1) return 1;
  until_state(pid, 'S');
  value("attach", trace(PTRACE_ATTACH, pid, 0, 0));
  wait_for("stops", pid);
  text_is("its text", pid, (void *)getppid_site);
  struct user_regs_struct regs = registers(pid);
  yes_no("in the call", regs.orig_rax == SYS_read);
  say("behind the instruction: %lx", peek(pid, (char *)regs.rip - 2) & 0xffff);
  if (write(ends[1], "x", 1) != 1) return 1;
  steps(pid);
  value("detach", trace(PTRACE_DETACH, pid, 0, 0));
  usleep(10000);
  kill(pid, SIGTERM);
  wait_for("end", pid);
  return 0;
}
