// What becomes of a traced process when its tracer ends, of a tracer's right to wait for it, and of the parent's.
//@ needs: tasks proc
//@ cflags: -pthread
#include "tracing.h"
#include <pthread.h>
#include <signal.h>

// A process that another child of ours traces, which then ends as it is told.
static void tracer_ends(const char *what, long options, int how, int waits) {
  say("-- %s", what);
  int ends[2];
  if (pipe(ends)) _exit(1);
  int target = fork();
  if (target == 0)
    for (;;)
      pause();
  int tracer = fork();
  if (tracer == 0) {
    if (trace(PTRACE_SEIZE, target, 0, (void *)options) < 0) _exit(5);
    if (waits) {
      int status;
      trace(PTRACE_INTERRUPT, target, 0, 0);
      waitpid(target, &status, __WALL);
    }
    if (write(ends[1], "x", 1) != 1) _exit(6);
    if (how == 0) pause();
    if (how == 1) _exit(3);
    for (;;)
      ;
  }
  char byte;
  if (read(ends[0], &byte, 1) != 1) _exit(1);
  if (how != 1) kill(tracer, SIGKILL);
  wait_for("tracer", tracer);
  if (options & PTRACE_O_EXITKILL)
    wait_for("target", target);
  else {
    char text[64] = "";
    status_line(target, "TracerPid", text, sizeof text);
    say("target is traced by %s", text);
    kill(target, SIGTERM);
    wait_for("target", target);
  }
  close(ends[0]);
  close(ends[1]);
}

static void tracer_waits_first(void) {
  say("-- the tracer waits before the parent");
  int ends[2], back[2];
  if (pipe(ends) || pipe(back)) _exit(1);
  int target = fork();
  if (target == 0) {
    pause();
    _exit(0);
  }
  int tracer = fork();
  if (tracer == 0) {
    char byte;
    if (trace(PTRACE_SEIZE, target, 0, 0) < 0) _exit(5);
    if (write(ends[1], "x", 1) != 1 || read(back[0], &byte, 1) != 1) _exit(6);
    int status;
    siginfo_t info = {0};
    if (waitid(P_PID, target, &info, WEXITED | WNOWAIT) || info.si_code != CLD_KILLED) _exit(7);
    if (waitpid(target, &status, 0) != target || !WIFSIGNALED(status)) _exit(8);
    if (waitpid(target, &status, 0) != -1) _exit(9);
    _exit(4);
  }
  char byte;
  if (read(ends[0], &byte, 1) != 1) _exit(1);
  kill(target, SIGKILL);
  until_state(target, 'Z');
  int status = 0;
  value("not yet", waitpid(target, &status, WNOHANG));
  if (write(back[1], "x", 1) != 1) _exit(1);
  wait_for("tracer", tracer);
  wait_for("target", target);
}

static void *idle(void *argument) {
  for (;;)
    pause();
  return argument;
}

static volatile int tids[3];
static void *named(void *argument) {
  tids[(long)argument] = SYS_0(SYS_gettid);
  return idle(NULL);
}

static void threads(void) {
  say("-- all threads of a process");
  int ends[2];
  if (pipe(ends)) _exit(1);
  int pid = fork();
  if (pid == 0) {
    pthread_t id;
    for (long i = 0; i < 3; i++)
      pthread_create(&id, NULL, named, (void *)i);
    while (!tids[0] || !tids[1] || !tids[2])
      usleep(1000);
    if (write(ends[1], (void *)tids, sizeof tids) != sizeof tids) _exit(1);
    idle(NULL);
  }
  int all[4] = {pid};
  if (read(ends[0], all + 1, sizeof tids) != sizeof tids) _exit(1);
  for (int i = 0; i < 4; i++) {
    value("attach", trace(PTRACE_ATTACH, all[i], 0, 0));
    wait_for("thread", all[i]);
  }
  int status = 0;
  value("nothing more", waitpid(-1, &status, __WALL | WNOHANG));
  value("one goes on", trace(PTRACE_CONT, all[1], 0, 0));
  until_thread(pid, all[1], 'S');
  value("and is not to be looked at", trace(PTRACE_PEEKDATA, all[1], all, &status));
  // Of the whole process: one that does not stand takes it.
  kill(pid, SIGUSR1);
  wait_for("a signal", all[1]);
  value("suppressed", trace(PTRACE_CONT, all[1], 0, 0));
  value("killed", trace(PTRACE_KILL, all[2], 0, 0));
  for (int i = 1; i < 4; i++)
    wait_for("thread", all[i]);
  wait_for("process", pid);
  value("one that has gone", trace(PTRACE_KILL, all[2], 0, 0));
}

static void flags(void) {
  say("-- flags of wait");
  int pid;
  TRACED_CHILD(pid, for (;;) pause());
  siginfo_t info = {0};
  value("only ends are asked for", waitid(P_PID, pid, &info, WEXITED));
  say(" code %d, status %d", info.si_code, info.si_status);
  value("it was told", waitid(P_PID, pid, &info, WEXITED | WNOHANG));
  trace(PTRACE_CONT, pid, 0, 0);
  kill(pid, SIGUSR1);
  until_state(pid, 't');
  value("to look alone", waitid(P_ALL, 0, &info, WSTOPPED | WNOWAIT));
  value("and once more", waitid(P_PGID, 0, &info, WSTOPPED));
  say(" code %d, status %d", info.si_code, info.si_status);
  trace(PTRACE_CONT, pid, 0, (void *)SIGUSR1);
  wait_for("end", pid);
}

static int told;
static void on_child(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)context;
  if (told < 8) say("SIGCHLD: code %d, status %d", info->si_code, info->si_status);
  told++;
}

static void sigchld(void) {
  say("-- SIGCHLD");
  struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART}, before;
  sigaction(SIGCHLD, &action, &before);
  int pid;
  TRACED_CHILD(pid, raise(SIGUSR2); _exit(2));
  wait_for("first", pid);
  trace(PTRACE_CONT, pid, 0, 0);
  wait_for("signal", pid);
  action.sa_flags |= SA_NOCLDSTOP;
  sigaction(SIGCHLD, &action, NULL);
  trace(PTRACE_CONT, pid, 0, 0);
  wait_for("end", pid);
  sigaction(SIGCHLD, &before, NULL);
}

int main(void) {
  tracer_ends("a tracer is killed", 0, 0, 0);
  tracer_ends("a tracer is killed, whose tracee stands", 0, 0, 1);
  tracer_ends("a tracer exits", 0, 1, 1);
  tracer_ends("a tracer that takes it along", PTRACE_O_EXITKILL, 1, 0);
  tracer_ends("a tracer that takes along what stands", PTRACE_O_EXITKILL, 0, 1);
  tracer_waits_first();
  threads();
  flags();
  sigchld();
  return 0;
}
