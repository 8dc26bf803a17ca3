// wait4 and waitid: options, what is left of a child, stops and continues.
//@ needs: fork signals
#include "guest.h"
#include <sys/resource.h>
#include <sys/wait.h>

static void show(const char *what, int status) {
  if (WIFEXITED(status))
    say("%s: exited %d", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status))
    say("%s: signal %d", what, WTERMSIG(status));
  else if (WIFSTOPPED(status))
    say("%s: stopped by %d", what, WSTOPSIG(status));
  else if (WIFCONTINUED(status))
    say("%s: continued", what);
  else
    say("%s: status %x", what, status);
}

int main(void) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  int pid = fork(), status;
  if (pid == 0) {
    for (;;)
      pause();
  }
  value("WNOHANG", waitpid(pid, &status, WNOHANG));
  kill(pid, SIGSTOP);
  yes_no("WUNTRACED", waitpid(pid, &status, WUNTRACED) == pid);
  show("stop", status);
  value("told once", waitpid(pid, &status, WUNTRACED | WNOHANG));
  kill(pid, SIGCONT);
  yes_no("WCONTINUED", waitpid(pid, &status, WCONTINUED) == pid);
  show("continue", status);
  siginfo_t info;
  kill(pid, SIGTERM);
  memset(&info, 0, sizeof info);
  value("waitid WNOWAIT", waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
  say("signal %d code %d status %d, pid %d", info.si_signo, info.si_code, info.si_status, info.si_pid == pid);
  memset(&info, 0, sizeof info);
  value("waitid again", waitid(P_PID, pid, &info, WEXITED | WNOHANG));
  say("code %d, pid %d", info.si_code, info.si_pid == pid);
  value("then it is gone", waitid(P_PID, pid, &info, WEXITED) < 0 ? -errno : 0);
  pid = fork();
  if (pid == 0) abort();
  struct rusage usage;
  yes_no("wait4", SYS_4(SYS_wait4, -1, &status, 0, &usage) == pid);
  show("abort", status);
  yes_no("usage is plausible", usage.ru_utime.tv_sec < 10);
  value("wait4 bad option", SYS_4(SYS_wait4, -1, &status, 0x100, 0));
  value("waitid without what", waitid(P_ALL, 0, &info, 0) < 0 ? -errno : 0);
  value("waitid bad type", SYS_5(SYS_waitid, 99, 0, &info, WEXITED, 0));
  value("wait for a process that is no child", waitpid(getpid(), &status, 0) < 0 ? -errno : 0);
  pid = fork();
  if (pid == 0) _exit(77);
  value("bad status address", SYS_4(SYS_wait4, pid, 8, 0, 0) == -EFAULT ? -EFAULT : 0);
  value("and it is reaped all the same", waitpid(pid, &status, 0) < 0 ? -errno : 0);
  pid = fork();
  if (pid == 0) _exit(5);
  waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
  value("a stop of one that has ended", waitid(P_PID, pid, &info, WSTOPPED) < 0 ? -errno : 0);
  value("a continuation", waitid(P_ALL, 0, &info, WCONTINUED) < 0 ? -errno : 0);
  waitpid(pid, &status, 0);
  pid = fork();
  if (pid == 0) {
    usleep(50000);
    _exit(5);
  }
  value("a stop of one that ends meanwhile", waitid(P_PID, pid, &info, WSTOPPED) < 0 ? -errno : 0);
  waitpid(pid, &status, 0);
  signal(SIGCHLD, SIG_IGN);
  pid = fork();
  if (pid == 0) _exit(1);
  value("with SIGCHLD ignored", waitpid(pid, &status, 0) < 0 ? -errno : 0);
  return 0;
}
