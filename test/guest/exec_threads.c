// A program that was executed makes threads and processes of every kind, as if it had been the first.
//@ needs: fork exec threads
//@ cflags: -pthread
#include "guest.h"
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

static void *thread(void *argument) {
  return argument;
}

static int child(void *argument) {
  _exit((int)(long)argument);
}

static void makes(int depth) {
  pthread_t id;
  value("thread", -pthread_create(&id, NULL, thread, NULL));
  pthread_join(id, NULL);
  static char stack[65536] __attribute__((aligned(16)));
  int status = 0, pid = clone(child, stack + sizeof stack, CLONE_FS | SIGCHLD, (void *)7L);
  outcome("process with shared fs", pid < 0 ? -errno : 0);
  waitpid(pid, &status, 0);
  say("depth %d: %x", depth, status);
}

int main(int argc, char **argv) {
  int depth = argc > 1 ? atoi(argv[1]) : 0, status = 0;
  makes(depth);
  if (depth == 3) return 0;
  char next[16];
  snprintf(next, sizeof next, "%d", depth + 1);
  char *args[] = {argv[0], next, NULL};
  // By fork, by vfork, and in place.
  int pid = depth == 0 ? fork() : depth == 1 ? vfork() : 0;
  if (pid == 0) {
    execv("/proc/self/exe", args);
    _exit(99);
  }
  waitpid(pid, &status, 0);
  say("depth %d's child: %x", depth, status);
  return 0;
}
