// Waiters that are moved to other futexes and end there by a time-out, a signal or death: no queue is left.
//@ ends: 0
//@ deadline: 10
#include "hostile.h"
#include <linux/futex.h>
#include <sys/wait.h>

int main(void) {
  int *words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  enum { CHILDREN = 6 };
  int pids[CHILDREN];
  for (int i = 0; i < CHILDREN; i++) {
    pids[i] = fork();
    if (pids[i] == 0) {
      struct timespec short_time = {0, 300000000};
      _exit(SYS_4(SYS_futex, &words[i], FUTEX_WAIT, 0, i % 2 ? &short_time : NULL) == -ETIMEDOUT ? 1 : 0);
    }
  }
  for (int moved = 0, tries = 0; moved < CHILDREN && tries < 500; tries++) {
    usleep(2000);
    for (int i = 0; i < CHILDREN; i++) {
      long n = SYS_5(SYS_futex, &words[i], FUTEX_REQUEUE, 0, 100, &words[100 + i]);
      if (n > 0) moved += n;
    }
  }
  for (int i = 0; i < CHILDREN; i += 2)
    kill(pids[i], SIGTERM);
  for (int i = 0; i < CHILDREN; i++)
    waitpid(pids[i], NULL, 0);
  return 0;
}
