// Attaching to what sleeps, waits, runs and has stopped; seizing, interrupting and listening; what is refused, and what /proc
// tells of it (PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_LISTEN, PTRACE_DETACH).
//@ needs: tasks proc
#include "tracing.h"

static int child(int kind) {
  int pid = fork();
  if (pid != 0) return pid;
  struct timespec long_time = {1000, 0};
  switch (kind) {
  case 0:
    pause();
    break;
  case 1:
    for (;;)
      ;
  case 2:
    nanosleep(&long_time, NULL);
    break;
  default:
    raise(SIGSTOP);
  }
  _exit(7);
}

static void end(int pid) {
  kill(pid, SIGKILL);
  wait_for("end", pid);
}

static void traced_by(const char *what, int pid) {
  char text[64] = "";
  status_line(pid, "TracerPid", text, sizeof text);
  int tracer = atoi(text);
  say("%s: traced by %s", what, tracer == 0 ? "nobody" : tracer == getpid() ? "us" : "somebody");
}

static void attach(const char *what, int kind) {
  say("-- %s", what);
  int pid = child(kind);
  if (kind == 3) until_state(pid, 'T');
  if (kind == 0 || kind == 2) until_state(pid, 'S');
  traced_by("before", pid);
  value("not ours yet", trace(PTRACE_CONT, pid, 0, 0));
  value("attach", trace(PTRACE_ATTACH, pid, 0, 0));
  value("twice", trace(PTRACE_ATTACH, pid, 0, 0));
  value("seize", trace(PTRACE_SEIZE, pid, 0, 0));
  wait_for("stops", pid);
  until_state(pid, 't');
  traced_by("then", pid);
  value("interrupt is for those that are seized", trace(PTRACE_INTERRUPT, pid, 0, 0));
  value("listen, too", trace(PTRACE_LISTEN, pid, 0, 0));
  siginfo_t info = {0};
  long error = trace(PTRACE_GETSIGINFO, pid, 0, &info);
  value("siginfo", error);
  if (error == 0) say("signal %s, code %d", sigabbrev_np(info.si_signo), info.si_code);
  if (kind == 3) {
    value("go on", trace(PTRACE_CONT, pid, 0, 0));
    wait_for("stops for what has attached", pid);
  }
  if (kind == 2) {
    struct user_regs_struct regs = registers(pid);
    yes_no("a sleep that is gone on with", regs.orig_rax == SYS_clock_nanosleep && (long)regs.rax < 0);
  }
  value("a signal that there is not", trace(PTRACE_DETACH, pid, 0, (void *)65));
  value("detach", trace(PTRACE_DETACH, pid, 0, 0));
  value("not ours any more", trace(PTRACE_CONT, pid, 0, 0));
  traced_by("after", pid);
  end(pid);
}

static void detach_with_signal(void) {
  say("-- detached with a signal");
  int pid = child(0);
  value("attach", trace(PTRACE_ATTACH, pid, 0, 0));
  wait_for("stops", pid);
  value("detach", trace(PTRACE_DETACH, pid, 0, (void *)SIGTERM));
  wait_for("end", pid);
}

static void stopped_again(void) {
  say("-- detached while its group is stopped");
  int pid = child(0);
  value("attach", trace(PTRACE_ATTACH, pid, 0, 0));
  wait_for("stops", pid);
  value("stop", trace(PTRACE_DETACH, pid, 0, (void *)SIGSTOP));
  int status = 0;
  value("wait", waitpid(pid, &status, WUNTRACED) == pid);
  status_is("as a child", status);
  until_state(pid, 'T');
  end(pid);
}

static void event(const char *what, int pid) {
  siginfo_t info = {0};
  wait_for(what, pid);
  long error = trace(PTRACE_GETSIGINFO, pid, 0, &info);
  value(" siginfo", error);
  if (error == 0) say(" signal %s, code %#x", sigabbrev_np(info.si_signo), info.si_code);
}

static void seize(void) {
  say("-- seized");
  int pid = child(0);
  until_state(pid, 'S');
  value("with an address", trace(PTRACE_SEIZE, pid, (void *)8, 0));
  value("with unknown options", trace(PTRACE_SEIZE, pid, 0, (void *)0x10000000));
  value("seize", trace(PTRACE_SEIZE, pid, 0, (void *)PTRACE_O_TRACESYSGOOD));
  int status = 0;
  value("does not stop", waitpid(pid, &status, WNOHANG | __WALL));
  value("and is not to be looked at", trace(PTRACE_GETSIGINFO, pid, 0, &status));
  traced_by("but", pid);
  value("interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0));
  event("interrupted", pid);
  value("listen", trace(PTRACE_LISTEN, pid, 0, 0));
  value("listens", trace(PTRACE_CONT, pid, 0, 0));
  value("interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0));
  event("interrupted", pid);
  value("go on", trace(PTRACE_CONT, pid, 0, 0));
  kill(pid, SIGSTOP);
  event("a signal", pid);
  value("give it", trace(PTRACE_CONT, pid, 0, (void *)SIGSTOP));
  event("its group stops", pid);
  value("listen", trace(PTRACE_LISTEN, pid, 0, 0));
  kill(pid, SIGCONT);
  event("its group goes on", pid);
  value("go on", trace(PTRACE_CONT, pid, 0, 0));
  event("the signal itself", pid);
  value("go on", trace(PTRACE_CONT, pid, 0, (void *)SIGCONT));
  kill(pid, SIGCONT);
  event("once more", pid);
  value("detach", trace(PTRACE_DETACH, pid, 0, 0));
  end(pid);
}

static void refused(void) {
  say("-- refused");
  value("itself", trace(PTRACE_ATTACH, getpid(), 0, 0));
  value("nobody", trace(PTRACE_ATTACH, 32767, 0, 0));
  value("number 0", trace(PTRACE_ATTACH, 0, 0, 0));
  value("a negative number", trace(PTRACE_ATTACH, -1, 0, 0));
  value("no such request", trace(0x4fff, getpid(), 0, 0));
  int pid;
  TRACED_CHILD(pid, _exit(trace(PTRACE_TRACEME, 0, 0, 0) == -EPERM ? 4 : 5));
  wait_for("traced", pid);
  value("unknown options", trace(PTRACE_SETOPTIONS, pid, 0, (void *)0x10000000));
  value("a request that there is not", trace(0x4fff, pid, 0, 0));
  value("a signal that there is not", trace(PTRACE_CONT, pid, 0, (void *)70));
  value("go on", trace(PTRACE_CONT, pid, 0, 0));
  wait_for("traced twice", pid);
  value("one that has ended", trace(PTRACE_ATTACH, pid, 0, 0));
  // Somebody of less rights.
  pid = fork();
  if (pid == 0) {
    int parent = getppid();
    if (setresuid(1000, 1000, 1000)) _exit(9);
    _exit(trace(PTRACE_ATTACH, parent, 0, 0) == -EPERM ? 4 : 5);
  }
  wait_for("of another user", pid);
}

int main(void) {
  attach("one that waits", 0);
  attach("one that runs", 1);
  attach("one that sleeps", 2);
  attach("one that has stopped", 3);
  detach_with_signal();
  stopped_again();
  seize();
  refused();
  return 0;
}
