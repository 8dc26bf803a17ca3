// vfork: the parent waits, memory is the same, until the child ends.
//@ needs: fork
#include "guest.h"
#include <sys/wait.h>

static volatile int shared;

int main(void) {
  int pid = vfork();
  if (pid == 0) {
    shared = 42;
    struct timespec t = {0, 30000000};
    nanosleep(&t, NULL);
    shared++;
    _exit(5);
  }
  value("the child's write is there when vfork returns", shared);
  int status;
  yes_no("wait", waitpid(pid, &status, 0) == pid);
  value("status", WEXITSTATUS(status));
  return 0;
}
