// Events of a traced process that its tracer asks for, and how new processes and threads are traced from their first moment
// (PTRACE_O_TRACEFORK, ..., PTRACE_GETEVENTMSG).
//@ needs: tasks threads exec
//@ args: fork
//@ args: seized
#include "tracing.h"
#include <pthread.h>

#define ALL                                                                                                  \
  (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |                  \
   PTRACE_O_TRACEEXEC | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT)

static int seized;
static char stack[65536] __attribute__((aligned(16)));

static int thread(void *argument) {
  (void)argument;
  SYS_1(SYS_exit, 0);
  return 0;
}

static void work(void) {
  int pid = fork();
  if (pid == 0) _exit(21);
  waitpid(pid, NULL, 0);
  pid = vfork();
  if (pid == 0) _exit(22);
  waitpid(pid, NULL, 0);
  int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  clone(thread, stack + sizeof stack, flags, NULL);
  usleep(50000);
  pid = clone(thread, stack + sizeof stack, SIGWINCH, NULL);
  waitpid(pid, NULL, __WALL);
  pid = SYS_5(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(23);
  waitpid(pid, NULL, 0);
  char *args[] = {"/proc/self/exe", "executed", NULL};
  execv("/proc/self/exe", args);
  _exit(99);
}

// Told in the order of one thread each: what several do at once has no order.
#define KNOWN 16
static struct {
  int pid;
  char text[2048];
} known[KNOWN];
static int count;

static char *of(int pid) {
  for (int i = 0; i < count; i++)
    if (known[i].pid == pid) return known[i].text;
  if (count == KNOWN) _exit(97);
  known[count].pid = pid;
  return known[count++].text;
}

static void note(int pid, const char *format, ...) {
  char *text = of(pid);
  size_t used = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + used, sizeof known->text - used, format, arguments);
  va_end(arguments);
}

static void stopped(int pid, int main_pid, int status) {
  int event = status >> 16, signo = WSTOPSIG(status);
  unsigned long message = 0;
  if (event && event != PTRACE_EVENT_STOP) {
    trace(PTRACE_GETEVENTMSG, pid, 0, &message);
    note(pid, " [%s", event_name(event));
    if (event == PTRACE_EVENT_EXIT)
      note(pid, " %#lx", message);
    else if (event == PTRACE_EVENT_EXEC)
      note(pid, message == (unsigned long)main_pid ? " of the same" : " of another");
    else
      note(pid, " %s", message > 1 ? "of a child" : "of nobody");
    note(pid, "]");
  } else
    note(pid, " %s%s", sigabbrev_np(signo & 0x7f), event ? " (stop)" : "");
  int given = event || signo == SIGSTOP || signo == SIGTRAP ? 0 : signo;
  if (trace(PTRACE_CONT, pid, 0, (void *)(long)given) < 0) note(pid, " (cannot go on)");
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "executed")) _exit(33);
  seized = argc > 1 && !strcmp(argv[1], "seized");
  int ends[2];
  if (pipe(ends)) return 1;
  int pid = fork();
  if (pid == 0) {
    char byte;
    if (!seized) {
      trace(PTRACE_TRACEME, 0, 0, 0);
      raise(SIGSTOP);
    } else if (read(ends[0], &byte, 1) != 1)
      _exit(98);
    work();
  }
  if (seized) {
    value("seize", trace(PTRACE_SEIZE, pid, 0, (void *)ALL));
    if (write(ends[1], "x", 1) != 1) return 1;
  } else {
    wait_for("first", pid);
    value("options", trace(PTRACE_SETOPTIONS, pid, 0, (void *)ALL));
    value("go on", trace(PTRACE_CONT, pid, 0, 0));
  }
  of(pid);
  for (;;) {
    int status, got = waitpid(-1, &status, __WALL);
    if (got < 0) break;
    if (WIFSTOPPED(status))
      stopped(got, pid, status);
    else if (WIFEXITED(status))
      note(got, " exits %d", WEXITSTATUS(status));
    else
      note(got, " killed by %d", WTERMSIG(status));
  }
  for (int i = 0; i < count; i++)
    say("%d:%s", i, known[i].text);
  return 0;
}
