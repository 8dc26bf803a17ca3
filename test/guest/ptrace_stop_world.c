// A task that shares all memory with a process stops its threads, looks at their registers, and lets them go: what leak
// sanitizers do when a program ends.
//@ needs: tasks threads
//@ cflags: -pthread
#include "tracing.h"
#include <pthread.h>
#include <sys/prctl.h>

#define THREADS 4
static volatile int tids[THREADS + 1], go_on, seen;
static volatile unsigned long stack_pointers[THREADS + 1], counts[THREADS + 1];
static char stack[65536] __attribute__((aligned(16)));
static const char *volatile problem = "none";

static void *thread(void *argument) {
  long i = (long)argument;
  tids[i] = SYS_0(SYS_gettid);
  while (!go_on) {
    counts[i]++;
    if (i & 1) usleep(100);
  }
  return NULL;
}

static int stopper(void *argument) {
  (void)argument;
  for (int i = 0; i <= THREADS; i++) {
    int status;
    if (trace(PTRACE_ATTACH, tids[i], 0, 0) < 0) problem = "attach";
    if (SYS_4(SYS_wait4, tids[i], &status, __WALL, 0) != tids[i]) problem = "wait";
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP) problem = "status";
  }
  unsigned long before[THREADS + 1];
  for (int i = 0; i <= THREADS; i++) {
    struct user_regs_struct regs;
    struct iovec iov = {&regs, sizeof regs};
    if (trace(PTRACE_GETREGSET, tids[i], (void *)NT_PRSTATUS, &iov) < 0) problem = "registers";
    stack_pointers[i] = regs.rsp;
    before[i] = counts[i];
  }
  struct timespec soon = {0, 20000000};
  SYS_2(SYS_nanosleep, &soon, 0);
  for (int i = 0; i <= THREADS; i++)
    if (counts[i] != before[i]) problem = "it runs";
  for (int i = 0; i <= THREADS; i++)
    if (trace(PTRACE_DETACH, tids[i], 0, 0) < 0) problem = "detach";
  seen = 1;
  return 0;
}

int main(void) {
  pthread_t ids[THREADS + 1];
  tids[0] = SYS_0(SYS_gettid);
  for (long i = 1; i <= THREADS; i++)
    pthread_create(&ids[i], NULL, thread, (void *)i);
  for (int i = 1; i <= THREADS; i++)
    while (!tids[i])
      usleep(100);
  for (int round = 0; round < 3; round++) {
    seen = 0;
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED;
    int pid = clone(stopper, stack + sizeof stack, flags, NULL);
    outcome("clone", pid < 0 ? -errno : 0);
    prctl(PR_SET_PTRACER, pid, 0, 0, 0);
    int status = 0;
    while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
      ;
    status_is("stopper", status);
    say("problem: %s, seen %d", problem, seen);
    for (int i = 0; i <= THREADS; i++)
      if (!stack_pointers[i]) say("no stack pointer of %d", i);
  }
  go_on = 1;
  for (int i = 1; i <= THREADS; i++)
    pthread_join(ids[i], NULL);
  say("over");
  return 0;
}
