// F14: a tracee whose stub serves nothing while it stands, since its guest has posted the call at which it stops and runs on,
// or sleeps on: its tracer does not wait for ever for what is read, written or saved there. The tracee is killed.
//@ args: peek
//@ args: poke
//@ args: registers
//@ args: peek asleep
//@ args: poke asleep
//@ ends: 0
//@ deadline: 20
#include "hostile.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

static void run_on(int asleep) {
  static uint32_t word;
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  raise(SIGSTOP);
  *quad_at(RF_ORIG_RAX) = SYS_getppid;
  forge(1);
  for (;;)
    if (asleep)
      HOST_6(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, 0, 0, 1);
    else
      HOST_0(SYS_sched_yield);
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "peek";
  find_gadget();
  // Nobody but its own stub reads what a file has there.
  int fd = open("/proc/self/exe", O_RDONLY);
  const char *text = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
  int pid = fork(), status;
  if (pid == 0) run_on(argc > 2);
  waitpid(pid, &status, 0);
  struct user_regs_struct registers = {0};
  for (int i = 0; i < 8 && (long)registers.orig_rax != SYS_getppid; i++) {
    ptrace(PTRACE_SYSCALL, pid, 0, 0);
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return 1;
    ptrace(PTRACE_GETREGS, pid, 0, &registers);
  }
  double began = seconds();
  struct user_fpregs_struct fp;
  long word = 0;
  long error = how[0] == 'r'   ? SYS_4(SYS_ptrace, PTRACE_GETFPREGS, pid, 0, &fp)
               : how[1] == 'o' ? SYS_4(SYS_ptrace, PTRACE_POKEDATA, pid, text, 1)
                               : SYS_4(SYS_ptrace, PTRACE_PEEKDATA, pid, text, &word);
  if (error != -ESRCH && error != -EIO) bad("what nobody serves", error);
  if (seconds() - began > 10) bad("seconds that its tracer waited", (long)(seconds() - began));
  if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
    bad("its end", status);
  say("done");
  return 0;
}
