// A tracee that makes calls by the system call instruction of the host's vDSO, past the guest's own, which asks by it for the
// time alone: its tracer is told of them as of any other, at their beginning and at their end.
//@ args: syscall
//@ args: sysemu
//@ ends: 0
//@ deadline: 20
#include "hostile.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

static sigjmp_buf past;
static void fault(int signo) {
  siglongjmp(past, signo);
}

// The first such instruction; what stands behind it ends in a fault.
static const unsigned char *find_call(void) {
  signal(SIGSEGV, fault);
  signal(SIGBUS, fault);
  for (unsigned long page = RF_HOST_VDSO; page < RF_HOST_VDSO + 0x40000; page += PAGE) {
    if (sigsetjmp(past, 1)) continue;
    const volatile unsigned char *at = (void *)page;
    for (int i = 0; i < PAGE - 1; i++)
      if (at[i] == 0x0f && at[i + 1] == 0x05) return (void *)(at + i);
  }
  return NULL;
}

int main(int argc, char **argv) {
  int emulates = argc > 1 && strcmp(argv[1], "sysemu") == 0;
  const unsigned char *call = find_call();
  signal(SIGSEGV, SIG_DFL);
  signal(SIGBUS, SIG_DFL);
  if (!call) return 0;
  static const char text[] = "BAD a call that is to be emulated is made\n";
  int pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    long number = emulates ? SYS_write : SYS_getppid, result = number;
    __asm__ volatile("call *%[call]"
                     : "+a"(result)
                     : "D"(1L), "S"(text), "d"(sizeof text - 1), [call] "r"(call)
                     : "rcx", "r11", "memory", "cc");
    _exit(7);
  }
  int status, told = 0;
  long watched = emulates ? SYS_write : SYS_getppid;
  waitpid(pid, &status, 0);
  for (;;) {
    ptrace(emulates ? PTRACE_SYSEMU : PTRACE_SYSCALL, pid, 0, 0);
    if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status)) break;
    struct user_regs_struct registers = {0};
    ptrace(PTRACE_GETREGS, pid, 0, &registers);
    if (WSTOPSIG(status) != SIGTRAP)
      kill(pid, SIGKILL);
    else if ((long)registers.orig_rax == watched)
      told++;
    else if ((long)registers.orig_rax == SYS_exit_group)
      kill(pid, SIGKILL);
  }
  if (told < (emulates ? 1 : 2)) bad("stops at a call", told);
  say("done");
  return 0;
}
