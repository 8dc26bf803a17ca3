// Process groups and sessions: who may change what, and signals to a group.
//@ needs: fork signals
#include "guest.h"
#include <sys/wait.h>

int main(void) {
  int pid = fork(), status;
  if (pid == 0) {
    outcome("setsid", setsid() == getpid() ? 0 : -errno);
    yes_no("leads group and session", getpgrp() == getpid() && getsid(0) == getpid());
    value("setsid again", setsid() < 0 ? -errno : 0);
    value("setpgid of a session leader", setpgid(0, 0) ? -errno : 0);
    int a = fork();
    if (a == 0) {
      setpgid(0, 0);
      for (;;)
        pause();
    }
    setpgid(a, a);
    int b = fork();
    if (b == 0)
      for (;;)
        pause();
    value("the second joins the first's group", setpgid(b, a));
    yes_no("it is there", getpgid(b) == a && getsid(b) == getpid());
    value("kill of the group", kill(-a, SIGTERM));
    for (int i = 0; i < 2; i++) {
      int which = waitpid(-a, &status, 0);
      yes_no("one of the group", which == a || which == b);
      value(" signal", WTERMSIG(status));
    }
    value("no more of that group", waitpid(-a, &status, 0) < 0 ? -errno : 0);
    value("kill of an empty group", kill(-a, SIGTERM) ? -errno : 0);
    value("setpgid to a group elsewhere", setpgid(0, 0x3fffff) ? -errno : 0);
    value("setpgid of a stranger", setpgid(0x3fffff, 0) ? -errno : 0);
    value("setpgid negative", setpgid(0, -5) ? -errno : 0);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  value("status", status);
  return 0;
}
