// A child whose parent ends gets another parent; PR_SET_CHILD_SUBREAPER decides which.
//@ needs: fork signals pipes
#include "guest.h"
#include <sys/prctl.h>
#include <sys/wait.h>

int main(void) {
  value("be a subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
  int fds[2], status;
  if (pipe(fds)) return 1;
  int parent = fork();
  if (parent == 0) {
    int middle = getpid();
    if (fork() == 0) {
      while (getppid() == middle) {
        struct timespec t = {0, 1000000};
        nanosleep(&t, NULL);
      }
      int now = getppid();
      if (write(fds[1], &now, sizeof now) != sizeof now) _exit(97);
      _exit(12);
    }
    _exit(11);
  }
  waitpid(parent, &status, 0);
  value("the parent's status", WEXITSTATUS(status));
  int adopted = 0;
  yes_no("told", read(fds[0], &adopted, sizeof adopted) == sizeof adopted);
  yes_no("the grandparent is the parent now", adopted == getpid());
  yes_no("it is waited for", wait(&status) > 0);
  value("its status", WEXITSTATUS(status));
  return 0;
}
