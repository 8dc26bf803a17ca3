// fork: memory is copied, pids belong together, the exit status comes back.
//@ needs: fork
#include "guest.h"
#include <sys/wait.h>

static int data = 1;

int main(void) {
  char *area = pages(100);
  memset(area, 7, 100 * PAGE);
  char *heap = malloc(1 << 20);
  heap[12345] = 9;
  int parent = getpid();
  for (int round = 0; round < 3; round++) {
    int pid = fork();
    if (pid == 0) {
      int good = data == 1 && area[5 * PAGE] == 7 && heap[12345] == 9 && getppid() == parent &&
                 getpid() != parent && SYS_0(SYS_gettid) == getpid();
      data = 2;
      memset(area, 8, 100 * PAGE);
      heap[12345] = 10;
      munmap(area, 50 * PAGE);
      _exit(good ? 10 + round : 99);
    }
    int status = -1;
    yes_no("wait gives the child", waitpid(pid, &status, 0) == pid);
    say("exited %d with %d", WIFEXITED(status), WEXITSTATUS(status));
    say("parent's memory: %d %d %d", data, area[5 * PAGE], heap[12345]);
  }
  value("wait without children", waitpid(-1, NULL, 0) < 0 ? -errno : 0);
  int pid = fork();
  if (pid == 0) {
    int inner = fork();
    if (inner == 0) _exit(3);
    int status;
    waitpid(inner, &status, 0);
    _exit(WEXITSTATUS(status) + 1);
  }
  int status;
  waitpid(pid, &status, 0);
  value("a grandchild's status passed on", WEXITSTATUS(status));
  return 0;
}
