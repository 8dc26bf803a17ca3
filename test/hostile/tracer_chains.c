// Processes that each trace the next, and a process that traces very many, all of which are to end with their tracers
// (PTRACE_O_EXITKILL): nobody's end is nested into another's, and nobody else waits for all of them.
//@ args-once: chain 1500
//@ args: chain 100
//@ args: many 500
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static volatile int *shared;
enum { READY, WRONG };

static void wait_for_end(void) {
  for (;;)
    pause();
}

static void seize(int pid) {
  if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL)) shared[WRONG] = errno;
  shared[READY]++;
}

// All in the process group of the first.
static void chain(int n) {
  int ends[2];
  while (n-- > 0) {
    if (pipe(ends)) _exit(1);
    int pid = fork();
    if (pid < 0) shared[WRONG] = errno;
    if (pid != 0) {
      seize(pid);
      if (write(ends[1], "x", 1) != 1) shared[WRONG] = errno;
      wait_for_end();
    }
    char byte;
    if (read(ends[0], &byte, 1) != 1) _exit(1);
    close(ends[0]);
    close(ends[1]);
  }
  wait_for_end();
}

static void many(int n) {
  for (; n > 0; n--) {
    int pid = fork();
    if (pid == 0) wait_for_end();
    if (pid < 0) shared[WRONG] = errno;
    seize(pid);
  }
  wait_for_end();
}

int main(int argc, char **argv) {
  int n = argc > 2 ? atoi(argv[2]) : 100;
  shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int first = fork();
  if (first == 0) {
    setpgid(0, 0);
    if (argc > 1 && argv[1][0] == 'm') many(n);
    chain(n);
  }
  while (shared[READY] < n && !shared[WRONG])
    usleep(1000);
  if (shared[WRONG]) bad("error of a tracer", shared[WRONG]);
  kill(first, SIGKILL);
  int status;
  if (waitpid(first, &status, 0) != first || WTERMSIG(status) != SIGKILL) bad("the first one", status);
  double end = seconds() + 20;
  while (kill(-first, 0) == 0 && seconds() < end)
    usleep(10000);
  if (kill(-first, 0) == 0) bad("some live on", n);
  say("done");
  return 0;
}
