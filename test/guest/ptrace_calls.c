// A tracer sees each system call of its child before and behind, with its arguments and its result, and can have another one
// made, or none, with other arguments and another result (PTRACE_SYSCALL, PTRACE_SYSEMU, PTRACE_GET_SYSCALL_INFO).
//@ needs: tasks files
#include "tracing.h"
#include <fcntl.h>

static volatile int handled;
static void on_signal(int signo) {
  handled = signo;
}

// Results that are numbers of processes are not told.
static unsigned long long last_call;

static void info_is(int pid, int status) {
  struct ptrace_syscall_info info;
  memset(&info, 0xaa, sizeof info);
  long size = trace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info);
  siginfo_t si;
  memset(&si, 0, sizeof si);
  long error = trace(PTRACE_GETSIGINFO, pid, 0, &si);
  unsigned long message = 99;
  trace(PTRACE_GETEVENTMSG, pid, 0, &message);
  struct user_regs_struct regs = registers(pid);
  if (size < 0 || error < 0) {
    value("info", size);
    value("siginfo", error);
    return;
  }
  yes_no(" addresses agree", info.instruction_pointer == regs.rip && info.stack_pointer == regs.rsp);
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
    last_call = info.entry.nr;
    int known = info.entry.nr == SYS_write || info.entry.nr == SYS_openat || info.entry.nr == SYS_close;
    say(" entry of %llu, size %ld, message %lu, si_code %#x", info.entry.nr, size, message, si.si_code);
    if (known) say("  arguments %d %ld", (int)info.entry.args[0], (long)info.entry.args[2]);
    yes_no("  rax is ENOSYS", (long)regs.rax == -ENOSYS);
    yes_no("  orig_rax is it", regs.orig_rax == info.entry.nr);
  } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
    say(" exit, size %ld, message %lu, error %d, si_code %#x", size, message, info.exit.is_error, si.si_code);
    int is_number = last_call == SYS_getpid || last_call == SYS_vfork || last_call == SYS_gettid;
    if (info.exit.is_error || (!is_number && info.exit.rval >= 0 && info.exit.rval < 100))
      value("  result", info.exit.rval);
    yes_no("  rax is it", (long)regs.rax == info.exit.rval);
  } else
    say(" neither entry nor exit: %d, size %ld, signal %s", info.op, size,
        sigabbrev_np(WSTOPSIG(status) & 0x7f));
}

static void calls(void) {
  signal(SIGUSR1, on_signal);
  SYS_3(SYS_write, 1, "from the child\n", 15);
  SYS_4(SYS_openat, AT_FDCWD, "/nonexistent", O_RDONLY, 0);
  SYS_1(SYS_close, 77);
  SYS_2(SYS_kill, getpid(), SIGUSR1);
  struct timespec soon = {0, 1000};
  SYS_2(SYS_nanosleep, &soon, 0);
  SYS_0(SYS_sched_yield);
  SYS_0(999);
  int pid = vfork();
  if (pid == 0) _exit(handled == SIGUSR1 ? 5 : 6);
  SYS_1(SYS_exit_group, 3);
}

static void follow(void) {
  int pid;
  TRACED_CHILD(pid, calls());
  wait_for("first", pid);
  value("options", trace(PTRACE_SETOPTIONS, pid, 0, (void *)PTRACE_O_TRACESYSGOOD));
  int signal = 0;
  for (int i = 0; i < 60; i++) {
    if (trace(PTRACE_SYSCALL, pid, 0, (void *)(long)signal) < 0) say("it does not go on");
    int status = wait_for("then", pid);
    if (!WIFSTOPPED(status)) return;
    info_is(pid, status);
    signal = WSTOPSIG(status) & 0x80 ? 0 : WSTOPSIG(status);
  }
}

static char buffer[64] = "/nonexistent";

static void changed(void) {
  long results[6];
  results[0] = SYS_0(SYS_getppid);
  results[1] = SYS_4(SYS_openat, AT_FDCWD, buffer, O_RDONLY | O_DIRECTORY, 0);
  results[2] = SYS_3(SYS_write, 1, "one two three\n", 14);
  results[3] = SYS_0(SYS_getuid);
  results[4] = SYS_1(SYS_close, 55);
  results[5] = SYS_3(SYS_write, 1, "never seen\n", 11);
  for (int i = 0; i < 6; i++)
    value("what it was told", results[i]);
}

static int next_call(int pid, long how) {
  int status = 0;
  trace(how, pid, 0, 0);
  waitpid(pid, &status, 0);
  return status;
}

// Changes a call where it begins; which of `changed` it is.
static void at_entry(int pid, int which, struct user_regs_struct *regs) {
  switch (which) {
  case 0: // none at all
    regs->orig_rax = -1;
    break;
  case 1: // another path, behind the same pointer
    value("poke", trace(PTRACE_POKEDATA, pid, buffer, (void *)0x2fl));
    break;
  case 2: // fewer bytes, other ones
    regs->rdx = 4;
    regs->rsi += 4;
    break;
  case 3: // another call
    regs->orig_rax = SYS_close;
    regs->rdi = 66;
    break;
  }
}

static void change(void) {
  static const unsigned long long calls_changed[] = {SYS_getppid, SYS_openat, SYS_write, SYS_getuid,
                                                     SYS_close};
  int pid, which = 0;
  TRACED_CHILD(pid, changed());
  wait_for("changed", pid);
  trace(PTRACE_SETOPTIONS, pid, 0, (void *)PTRACE_O_TRACESYSGOOD);
  while (which < 5) {
    int status = next_call(pid, PTRACE_SYSCALL);
    struct user_regs_struct regs = registers(pid);
    if (!WIFSTOPPED(status) || regs.orig_rax != calls_changed[which]) {
      if (!WIFSTOPPED(status)) break;
      next_call(pid, PTRACE_SYSCALL);
      continue;
    }
    at_entry(pid, which, &regs);
    value("at its begin", trace(PTRACE_SETREGS, pid, 0, &regs));
    next_call(pid, PTRACE_SYSCALL);
    regs = registers(pid);
    say("call %d: orig_rax %lld", which, regs.orig_rax);
    if (which == 4) { // another result
      regs.rax = 42;
      value("at its end", trace(PTRACE_SETREGS, pid, 0, &regs));
    }
    which++;
  }
  // The last one is neither made nor told of behind: its result is set where it begins.
  int status = next_call(pid, PTRACE_SYSEMU);
  status_is("emulated", status);
  struct user_regs_struct regs = registers(pid);
  regs.rax = 11;
  trace(PTRACE_SETREGS, pid, 0, &regs);
  trace(PTRACE_CONT, pid, 0, 0);
  wait_for("end", pid);
}

// A call with what a register that it leaves alone has behind it.
static long with_register(long number, const void *argument) {
  register long kept __asm__("r12") = 1;
  long result = number;
  __asm__ volatile("syscall" : "+a"(result), "+r"(kept) : "D"(argument), "S"(0L) : "rcx", "r11", "memory");
  return result < 0 ? result : kept;
}

// Registers that are set before a call, or behind it, are there also if the tracer then lets go.
static void change_and_detach(const char *what, long number, int at_end) {
  say("-- %s", what);
  static const struct timespec soon = {0, 1000000};
  int pid;
  TRACED_CHILD(pid, _exit((int)with_register(number, number == SYS_nanosleep ? &soon : NULL)));
  wait_for("stopped", pid);
  trace(PTRACE_SETOPTIONS, pid, 0, (void *)PTRACE_O_TRACESYSGOOD);
  struct user_regs_struct regs;
  do {
    if (!WIFSTOPPED(next_call(pid, PTRACE_SYSCALL))) return;
    regs = registers(pid);
  } while ((long)regs.orig_rax != number);
  if (at_end) {
    next_call(pid, PTRACE_SYSCALL);
    regs = registers(pid);
  }
  regs.r12 = 23;
  value("set", trace(PTRACE_SETREGS, pid, 0, &regs));
  value("detach", trace(PTRACE_DETACH, pid, 0, 0));
  wait_for("end", pid);
}

int main(void) {
  follow();
  change();
  change_and_detach("let go before a call", SYS_getppid, 0);
  change_and_detach("let go before a call that waits", SYS_nanosleep, 0);
  change_and_detach("let go behind a call", SYS_getppid, 1);
  return 0;
}
