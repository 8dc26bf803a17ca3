// Signals to many processes at once (kill(2)): all of a group get it, the caller among them, and nobody escapes by making
// another process and ending. What a call answers whose caller may not signal them.
//@ needs: fork signals pipes shared-memory credentials
#include "pid_namespace.h"
#include <sys/prctl.h>

enum { CROWD = 120, CHAINS = 24, GENERATIONS = 150, USER = 65000 };

static struct { int count, stop, generations; } * shared;

static void waits(void) {
  for (;;)
    pause();
}

static void counts(int signo) {
  (void)signo;
  __atomic_add_fetch(&shared->count, 1, __ATOMIC_RELAXED);
}

static void ends(int signo) {
  (void)signo;
  _exit(3);
}

static void until(int *value, int wanted) {
  for (int i = 0; i < 20000 && __atomic_load_n(value, __ATOMIC_RELAXED) < wanted; i++)
    milliseconds(1);
  yes_no(" all have come", __atomic_load_n(value, __ATOMIC_RELAXED) >= wanted);
}

// Children of the caller in one process group, whose number it returns.
static int crowd(int size, void (*act)(void)) {
  int group = 0;
  for (int i = 0; i < size; i++) {
    int pid = fork();
    if (pid == 0) {
      if (setpgid(0, group)) _exit(9);
      act();
      _exit(0);
    }
    setpgid(pid, group);
    if (!group) group = pid;
  }
  return group;
}

static void waited(const char *what, int group, int signo) {
  int status, all = 0, ended = 0;
  while (waitpid(-group, &status, 0) > 0) {
    all++;
    ended += WIFSIGNALED(status) && WTERMSIG(status) == signo;
  }
  say("%s: %d, by that signal %d", what, all, ended);
}

static void other_group(void) {
  int group = crowd(CROWD, waits);
  value("nothing is sent", kill(-group, 0));
  value("SIGTERM", kill(-group, SIGTERM));
  waited("ended", group, SIGTERM);
  value("nobody is left", kill(-group, SIGTERM) ? -errno : 0);
  signal(SIGUSR1, counts);
  group = crowd(CROWD, waits);
  value("SIGUSR1", kill(-group, SIGUSR1));
  until(&shared->count, CROWD);
  value("SIGSTOP", kill(-group, SIGSTOP));
  int stopped = 0, status;
  for (int i = 0; i < CROWD; i++)
    stopped += waitpid(-group, &status, WUNTRACED) > 0 && WIFSTOPPED(status);
  value("stopped", stopped);
  value("SIGKILL", kill(-group, SIGKILL));
  waited("ended", group, SIGKILL);
}

static void own_group(void) {
  shared->count = 0;
  signal(SIGUSR1, counts);
  setpgid(0, 0);
  for (int i = 0; i < CROWD; i++)
    if (fork() == 0) waits();
  value("SIGUSR1 to all and oneself", kill(0, SIGUSR1));
  until(&shared->count, CROWD + 1);
  value("not reached", kill(0, SIGKILL));
}

// A process that makes another one and ends, which does the same.
static void chain(void) {
  for (;;) {
    if (__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) _exit(0);
    // The C library's blocks signals: who gets one then escapes natively, too.
    int pid = (int)SYS_0(SYS_fork);
    if (pid > 0) _exit(0);
    if (pid == 0) __atomic_add_fetch(&shared->generations, 1, __ATOMIC_RELAXED);
  }
}

static void chains(const char *what, int signo, void (*handler)(int)) {
  shared->stop = shared->generations = 0;
  signal(signo, handler);
  int group = crowd(CHAINS, chain);
  signal(signo, SIG_DFL);
  until(&shared->generations, GENERATIONS);
  value(what, kill(-group, signo));
  // Those that had ended are waited for as well; whoever has escaped goes on for ever.
  int left = __atomic_load_n(&shared->generations, __ATOMIC_RELAXED) + 4 * CHAINS + 200;
  int reaped = 0;
  while (waitpid(-1, NULL, 0) > 0)
    if (++reaped == left) __atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
  yes_no(" nobody has escaped", reaped < left);
}

static void as_user(void) {
  if (setresuid(USER, USER, USER)) _exit(9);
}

// In a PID namespace of its own: what is sent to all is sent to nobody else.
static void everybody(void) {
  int pid = fork();
  if (pid == 0) {
    value("there is nobody else", kill(-1, 0) ? -errno : 0);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  for (int i = 0; i < CROWD; i++)
    if (fork() == 0) waits();
  pid = fork();
  if (pid == 0) {
    as_user();
    value("all of another user", kill(-1, SIGKILL) ? -errno : 0);
    value("their group", kill(-getpgrp(), 0) ? -errno : 0);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  int group = crowd(2, waits);
  pid = fork();
  if (pid == 0) {
    as_user();
    value("a group of another user", kill(-group, SIGKILL) ? -errno : 0);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  pid = fork();
  if (pid == 0) {
    value("all but the caller and the init", kill(-1, SIGKILL));
    _exit(4);
  }
  int status, killed = 0, exited = 0;
  while (wait(&status) > 0) {
    killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    exited += WIFEXITED(status) && WEXITSTATUS(status) == 4;
  }
  say("killed %d, the caller %d", killed, exited);
}

int main(void) {
  shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  in_child("another group", other_group);
  int status, killed = 0, pid = fork();
  if (pid == 0) {
    own_group();
    _exit(0);
  }
  while (wait(&status) > 0)
    killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  value("its own group, itself included", killed);
  chains("SIGKILL to who makes others", SIGKILL, SIG_DFL);
  chains("SIGTERM to who makes others", SIGTERM, SIG_DFL);
  chains("one that is caught", SIGUSR2, ends);
  inside("everybody", everybody);
  return 0;
}
