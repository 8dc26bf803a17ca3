// Stopped processes and who is told when their relatives end: a process group that is orphaned gets SIGHUP
// and SIGCONT, one that is not is left alone; and signals that a stopped process takes when it goes on.
//@ needs: fork signals pipes
#include "guest.h"
#include <sys/prctl.h>
#include <sys/wait.h>

static void stopped_child(void) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  raise(SIGSTOP);
  _exit(7);
}

static void tell(const char *what, int pid) {
  int status = 0;
  yes_no(what, waitpid(pid, &status, WUNTRACED) == pid);
  if (WIFSTOPPED(status))
    say(" stopped by %d", WSTOPSIG(status));
  else if (WIFSIGNALED(status))
    say(" signal %d", WTERMSIG(status));
  else
    say(" exited %d", WEXITSTATUS(status));
}

// The end of some process of the session is not the end of a link.
static int others_end(void) {
  setsid();
  int pid = fork();
  if (pid == 0) stopped_child();
  tell("stopped", pid);
  for (int i = 0; i < 3; i++) {
    int brief = fork();
    if (brief == 0) _exit(i);
    tell("another child", brief);
  }
  // One in a group of its own, and its child there.
  int job = fork();
  if (job == 0) {
    setpgid(0, 0);
    int inner = fork();
    if (inner == 0) _exit(3);
    waitpid(inner, NULL, 0);
    raise(SIGTSTP);
    _exit(4);
  }
  tell("a job stops", job);
  int brief = fork();
  if (brief == 0) _exit(9);
  tell("another child", brief);
  kill(-job, SIGCONT);
  tell("the job goes on", job);
  kill(pid, SIGCONT);
  tell("the first goes on", pid);
  return 0;
}

static void on_hangup(int signo) {
  char byte = (char)signo;
  if (write(9, &byte, 1) != 1) _exit(96);
}

// The shell ends while its job is stopped: the job was in a group of its own, in the shell's session.
static int shell_ends(void) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int fds[2];
  if (pipe(fds) || dup2(fds[1], 9) < 0) return 1;
  int shell = fork();
  if (shell == 0) {
    setsid();
    int job = fork();
    if (job == 0) {
      setpgid(0, 0);
      struct sigaction action = {.sa_handler = on_hangup};
      sigaction(SIGHUP, &action, NULL);
      sigaction(SIGCONT, &action, NULL);
      raise(SIGSTOP);
      for (;;)
        pause();
    }
    waitpid(job, NULL, WUNTRACED);
    if (write(fds[1], &job, sizeof job) != sizeof job) _exit(95);
    _exit(0);
  }
  int job = 0;
  char signals[2] = {0};
  if (read(fds[0], &job, sizeof job) != sizeof job) return 1;
  tell("the shell", shell);
  if (read(fds[0], signals, 1) != 1 || read(fds[0], signals + 1, 1) != 1) return 1;
  yes_no("SIGHUP and SIGCONT came", signals[0] + signals[1] == SIGHUP + SIGCONT);
  kill(job, SIGKILL);
  tell("the job", job);
  return 0;
}

// As timeout(1) does with a command that is stopped.
static int ends_when_continued(void) {
  int pid = fork();
  if (pid == 0) stopped_child();
  tell("stopped", pid);
  value("SIGTERM", kill(pid, SIGTERM));
  value("SIGCONT", kill(pid, SIGCONT));
  tell("ends", pid);
  pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    stopped_child();
  }
  tell("stopped", pid);
  value("SIGTERM to the group", kill(-pid, SIGTERM));
  value("SIGCONT to the group", kill(-pid, SIGCONT));
  tell("ends", pid);
  return 0;
}

// A process whose child is stopped ends: the child goes on with another parent.
static int parent_ends(void) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int fds[2];
  if (pipe(fds)) return 1;
  int parent = fork();
  if (parent == 0) {
    setsid();
    int child = fork();
    if (child == 0) {
      raise(SIGSTOP);
      _exit(6);
    }
    waitpid(child, NULL, WUNTRACED);
    if (write(fds[1], &child, sizeof child) != sizeof child) _exit(95);
    for (;;)
      pause();
  }
  int child = 0;
  if (read(fds[0], &child, sizeof child) != sizeof child) return 1;
  kill(parent, SIGKILL);
  tell("the parent", parent);
  kill(child, SIGCONT);
  tell("the child", child);
  return 0;
}

int main(void) {
  int (*const parts[])(void) = {others_end, shell_ends, ends_when_continued, parent_ends};
  for (int i = 0; i < 4; i++) {
    int pid = fork(), status = 0;
    if (pid == 0) _exit(parts[i]());
    waitpid(pid, &status, 0);
    say("part %d: status %d", i, status);
  }
  return 0;
}
