// RLIMIT_CPU: SIGXCPU at the soft limit, SIGKILL at the hard one.
//@ needs: fork signals rlimits timers
#include "guest.h"
#include <sys/resource.h>
#include <sys/wait.h>

static volatile sig_atomic_t came;

static void on_limit(int signo) {
  came += signo == SIGXCPU;
}

static void child(rlim_t soft, rlim_t hard, int handles, int inherits) {
  int pid = fork(), status;
  if (pid == 0) {
    alarm(60);
    struct rlimit limit = {soft, hard};
    setrlimit(RLIMIT_CPU, &limit);
    if (inherits && fork() != 0) {
      wait(&status);
      _exit(WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    }
    if (handles) signal(SIGXCPU, on_limit);
    for (;;) {
      if (handles == 1 && came) {
        getrlimit(RLIMIT_CPU, &limit);
        yes_no("the soft limit moves on", limit.rlim_cur > soft);
        _exit(3);
      }
    }
  }
  waitpid(pid, &status, 0);
  say("%d %d, handler %d: %s %d", (int)soft, (int)hard, handles, WIFSIGNALED(status) ? "signal" : "exit",
      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

int main(void) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  child(1, 5, 0, 0);
  child(1, 5, 1, 0);
  child(1, 2, 2, 0);
  child(0, 1, 0, 0);
  child(1, 5, 0, 1);
  return 0;
}
