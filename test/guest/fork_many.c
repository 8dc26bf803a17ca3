// Many children at once, each with its own status; and a chain of generations.
//@ needs: fork
#include "guest.h"
#include <sys/wait.h>

int main(void) {
  enum { COUNT = 60 };
  int pids[COUNT], statuses[COUNT] = {0}, status;
  for (int i = 0; i < COUNT; i++) {
    pids[i] = fork();
    if (pids[i] == 0) _exit(i);
  }
  int reaped = 0, pid;
  while ((pid = wait(&status)) > 0)
    for (int i = 0; i < COUNT; i++)
      if (pids[i] == pid) statuses[i] = WEXITSTATUS(status), reaped++;
  value("reaped", reaped);
  int right = 0;
  for (int i = 0; i < COUNT; i++)
    right += statuses[i] == i;
  value("with their own status", right);
  int distinct = 1;
  for (int i = 0; i < COUNT; i++)
    for (int k = 0; k < i; k++)
      distinct &= pids[i] != pids[k];
  yes_no("pids are distinct", distinct);
  for (int depth = 0; depth < 20; depth++) {
    pid = fork();
    if (pid != 0) {
      waitpid(pid, &status, 0);
      if (depth > 0) _exit(WEXITSTATUS(status));
      value("from the 20th generation", WEXITSTATUS(status));
      return 0;
    }
  }
  _exit(20);
}
