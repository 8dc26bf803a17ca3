// A signal of a traced process stops it before it is delivered: its tracer may take it away, give another one, and say
// otherwise what comes with it (PTRACE_GETSIGINFO, PTRACE_SETSIGINFO, PTRACE_PEEKSIGINFO, PTRACE_SETSIGMASK, group-stops).
//@ needs: tasks signals
#include "tracing.h"

static void handler(int signo, siginfo_t *info, void *context) {
  (void)context;
  say("child: %s, code %d, value %d", sigabbrev_np(signo), info->si_code,
      info->si_code == SI_QUEUE ? info->si_value.sival_int : 0);
}

static void handle(int signo) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(signo, &action, NULL);
}

static void send(int signo, int number) {
  union sigval value = {.sival_int = number};
  sigqueue(getpid(), signo, value);
}

static void receive(void) {
  handle(SIGUSR1);
  handle(SIGUSR2);
  handle(SIGTERM);
  signal(SIGHUP, SIG_IGN);
  send(SIGUSR1, 1);        // as it is
  send(SIGUSR1, 2);        // none
  send(SIGUSR1, 3);        // another one
  send(SIGUSR1, 4);        // the same with something else
  kill(getpid(), SIGHUP);  // ignored
  kill(getpid(), SIGCHLD); // ignored by default
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
  send(SIGUSR1, 5);
  send(SIGUSR2, 6);
  kill(getpid(), SIGTERM); // meanwhile they are looked at, and let in
  sigprocmask(SIG_SETMASK, NULL, &set);
  say("child: masked %d %d", sigismember(&set, SIGUSR1), sigismember(&set, SIGUSR2));
  int zero = *(volatile int *)4096; // a fault, which is taken away, goes on faulting
  _exit(zero);
}

static void infos(int pid, unsigned flags) {
  struct ptrace_peeksiginfo_args args = {.off = 0, .flags = flags, .nr = 10};
  siginfo_t list[10];
  long n = SYS_4(SYS_ptrace, PTRACE_PEEKSIGINFO, pid, &args, list);
  value("pending", n);
  for (int i = 0; i < n; i++)
    say(" %s, value %d", sigabbrev_np(list[i].si_signo), list[i].si_value.sival_int);
  args.off = 1;
  value("behind the first", SYS_4(SYS_ptrace, PTRACE_PEEKSIGINFO, pid, &args, list));
  args.flags = 8;
  value("unknown flags", SYS_4(SYS_ptrace, PTRACE_PEEKSIGINFO, pid, &args, list));
}

static int next(int pid, int signo) {
  if (trace(PTRACE_CONT, pid, 0, (void *)(long)signo) < 0) say("it does not go on");
  int status = wait_for("then", pid);
  siginfo_t info = {0};
  if (WIFSTOPPED(status) && trace(PTRACE_GETSIGINFO, pid, 0, &info) == 0) say(" code %d", info.si_code);
  return status;
}

static void take(void) {
  int pid;
  TRACED_CHILD(pid, receive());
  wait_for("first", pid);
  next(pid, 0);
  next(pid, SIGUSR1);
  next(pid, 0);
  next(pid, SIGUSR2);
  siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE, .si_value.sival_int = 44};
  value("another siginfo", trace(PTRACE_SETSIGINFO, pid, 0, &info));
  next(pid, SIGUSR1);
  next(pid, SIGHUP);
  next(pid, SIGCHLD);
  infos(pid, PTRACE_PEEKSIGINFO_SHARED);
  infos(pid, 0);
  unsigned long mask = 0;
  value("mask", trace(PTRACE_GETSIGMASK, pid, (void *)8, &mask));
  say(" %#lx", mask);
  value("of another size", trace(PTRACE_GETSIGMASK, pid, (void *)4, &mask));
  mask = 1ul << (SIGUSR2 - 1);
  value("set", trace(PTRACE_SETSIGMASK, pid, (void *)8, &mask));
  next(pid, 0);
  next(pid, SIGUSR1);
  next(pid, 0);
  next(pid, SIGSEGV);
}

// Stops of the whole group, of one that was not seized, and what its parent, which traces it, hears of it.
static void group_stop(void) {
  int pid;
  TRACED_CHILD(pid, for (;;) pause());
  wait_for("first", pid);
  trace(PTRACE_CONT, pid, 0, 0);
  kill(pid, SIGSTOP);
  wait_for("a signal", pid);
  trace(PTRACE_CONT, pid, 0, (void *)SIGSTOP);
  siginfo_t info = {0};
  value("waitid", waitid(P_PID, pid, &info, WSTOPPED));
  say(" code %d, status %d", info.si_code, info.si_status);
  value("no siginfo", trace(PTRACE_GETSIGINFO, pid, 0, &info));
  value("it goes on though its group is stopped", trace(PTRACE_CONT, pid, 0, 0));
  kill(pid, SIGCONT);
  wait_for("to go on", pid);
  trace(PTRACE_CONT, pid, 0, (void *)SIGCONT);
  kill(pid, SIGTERM);
  wait_for("another signal", pid);
  value("as if for one more stop", trace(PTRACE_CONT, pid, 0, (void *)SIGSTOP));
  wait_for("then", pid);
  kill(pid, SIGKILL);
  wait_for("end", pid);
}

int main(void) {
  take();
  group_stop();
  return 0;
}
