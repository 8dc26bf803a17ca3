// A function as the init of a new PID namespace.
#ifndef RINGFENCE_PID_NAMESPACE_H
#define RINGFENCE_PID_NAMESPACE_H

#include "guest.h"
#include <sched.h>
#include <sys/wait.h>

// Like fork(), into namespaces of its own: CLONE_NEW*.
__attribute__((unused)) static int fork_into(unsigned long flags) {
  return SYS_5(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

// One process says to another by a pipe that it may go on.
__attribute__((unused)) static void wait_for(int *pipe) {
  char c;
  if (read(pipe[0], &c, 1) != 1) _exit(9);
}

__attribute__((unused)) static void let(int *pipe) {
  if (write(pipe[1], "", 1) != 1) _exit(9);
}

__attribute__((unused)) static void told(const char *what, int status) {
  if (WIFEXITED(status))
    say("%s: exited with %d", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status))
    say("%s: ended by %s", what, sigabbrev_np(WTERMSIG(status)));
  else if (WIFSTOPPED(status))
    say("%s: stopped by %s", what, sigabbrev_np(WSTOPSIG(status)));
  else
    say("%s: continued", what);
}

// Says how the child ended; -1: any.
__attribute__((unused)) static void reaped(const char *what, int pid) {
  int status, done;
  do
    done = waitpid(pid, &status, 0);
  while (done < 0 && errno == EINTR);
  if (done < 0)
    say("%s: %s", what, strerrorname_np(errno));
  else
    told(what, status);
}

__attribute__((unused)) static void inside(const char *what, void (*act)(void)) {
  say("-- %s", what);
  int pid = fork_into(CLONE_NEWPID);
  if (pid < 0) {
    value("clone", pid);
    return;
  }
  if (pid == 0) {
    act();
    _exit(0);
  }
  reaped("the init", pid);
}

// A child that does something, waited for.
__attribute__((unused)) static void in_child(const char *what, void (*act)(void)) {
  int pid = fork();
  if (pid == 0) {
    act();
    _exit(0);
  }
  reaped(what, pid);
}

__attribute__((unused)) static void milliseconds(long count) {
  struct timespec t = {count / 1000, count % 1000 * 1000000};
  nanosleep(&t, NULL);
}

#endif
