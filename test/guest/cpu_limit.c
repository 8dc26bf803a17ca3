// RLIMIT_CPU: SIGXCPU at the soft limit, SIGKILL at the hard one.
//@ needs: fork signals rlimits timers
#include "guest.h"
#include <sys/resource.h>
#include <sys/wait.h>

static volatile sig_atomic_t came;

static void on_limit(int signo) {
  came += signo == SIGXCPU;
}

static const struct {
  rlim_t soft, hard;
  int handles, inherits;
} cases[] = {{1, 5, 0, 0}, {1, 5, 1, 0}, {1, 2, 2, 0}, {0, 1, 0, 0}, {1, 5, 0, 1}};
enum { COUNT = sizeof cases / sizeof *cases };

static _Noreturn void compute(int i) {
  struct rlimit limit = {cases[i].soft, cases[i].hard};
  int status;
  alarm(60);
  setrlimit(RLIMIT_CPU, &limit);
  if (cases[i].inherits && fork() != 0) {
    wait(&status);
    _exit(WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  }
  if (cases[i].handles) signal(SIGXCPU, on_limit);
  for (;;) {
    if (cases[i].handles == 1 && came) {
      getrlimit(RLIMIT_CPU, &limit);
      _exit(limit.rlim_cur > cases[i].soft ? 3 : 4); // whether the soft limit moves on
    }
  }
}

int main(void) {
  struct rlimit none = {0, 0};
  int pids[COUNT], status;
  setrlimit(RLIMIT_CORE, &none);
  // Side by side: each has a second or two of CPU time to use.
  for (int i = 0; i < COUNT; i++)
    if ((pids[i] = fork()) == 0) compute(i);
  for (int i = 0; i < COUNT; i++) {
    waitpid(pids[i], &status, 0);
    say("%d %d, handler %d: %s %d", (int)cases[i].soft, (int)cases[i].hard, cases[i].handles,
        WIFSIGNALED(status) ? "signal" : "exit",
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  }
  return 0;
}
