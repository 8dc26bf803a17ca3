// F16: tasks that are signalled, killed or left alone before they have posted STARTED, as threads, processes,
// and processes in shared memory.
//@ args: threads
//@ args: processes
//@ args: shared-memory
//@ args: exit
//@ ends: 0
//@ deadline: 30
#include "hostile.h"
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

static volatile int handled;

static void count(int signo) {
  (void)signo;
  __atomic_fetch_add(&handled, 1, __ATOMIC_SEQ_CST);
}

static void *nothing(void *none) {
  return none;
}

static int nothing_in_shared_memory(void *none) {
  (void)none;
  for (;;)
    SYS_0(SYS_sched_yield);
  return 0;
}

static int spawn(int shares, char *stack) {
  if (shares) return clone(nothing_in_shared_memory, stack, CLONE_VM | SIGCHLD, NULL);
  int pid = fork();
  if (pid == 0) nothing_in_shared_memory(NULL);
  return pid;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "threads";
  signal(SIGUSR1, count);
  char *stack = pages(16) + 16 * PAGE;
  for (int i = 0; i < 200; i++) {
    int status, pid = 0;
    if (strcmp(mode, "threads") == 0) {
      pthread_t thread;
      pthread_create(&thread, NULL, nothing, NULL);
      pthread_kill(thread, SIGUSR1);
      kill(getpid(), SIGUSR1);
      pthread_join(thread, NULL);
      continue;
    }
    if (strcmp(mode, "exit") == 0) {
      // The process ends while its thread is being made.
      if ((pid = fork()) == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, nothing, NULL);
        _exit(9);
      }
      if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 9) bad("wait status", status);
      continue;
    }
    pid = spawn(strcmp(mode, "shared-memory") == 0, stack);
    if (i % 2) kill(pid, SIGUSR1);
    if (i % 3) kill(pid, SIGSTOP);
    kill(pid, SIGKILL);
    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
      bad("wait status", status);
  }
  say("done");
  return 0;
}
