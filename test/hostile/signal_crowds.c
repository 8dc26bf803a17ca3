// Thousands of processes that are signalled at once, by one or by many: nobody else waits for that (F26), and what is kept of
// it is bounded (F25).
//@ args: killed
//@ args: caught
//@ args: each other
//@ args: hung up
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <sys/prctl.h>
#include <sys/wait.h>

enum { CROWD = 3000, FEW = 300, TIMES = 20 };

static struct { int ready, count; } * shared;

static void waits(void) {
  __atomic_add_fetch(&shared->ready, 1, __ATOMIC_RELAXED);
  for (;;)
    pause();
}

static void counts(int signo) {
  (void)signo;
  __atomic_add_fetch(&shared->count, 1, __ATOMIC_RELAXED);
}

// A group of as many as there may be, whose number it returns.
static int crowd(int size, int *made, void (*act)(void)) {
  int group = 0;
  for (*made = 0; *made < size; ++*made) {
    int pid = fork();
    if (pid < 0) break;
    if (pid == 0) {
      setpgid(0, group);
      act();
    }
    setpgid(pid, group);
    if (!group) group = pid;
  }
  while (__atomic_load_n(&shared->ready, __ATOMIC_RELAXED) < *made)
    usleep(1000);
  return group;
}

static void killed(void) {
  int made, ended = 0, status;
  int group = crowd(CROWD, &made, waits);
  if (kill(-group, SIGKILL)) bad("kill", -errno);
  while (wait(&status) > 0)
    ended += WIFSIGNALED(status);
  if (ended != made) bad("ended", ended);
}

static void caught(void) {
  signal(SIGUSR1, counts);
  int made;
  int group = crowd(CROWD, &made, waits);
  if (kill(-group, SIGUSR1)) bad("kill", -errno);
  while (__atomic_load_n(&shared->count, __ATOMIC_RELAXED) < made)
    usleep(1000);
  kill(-group, SIGKILL);
  while (wait(NULL) > 0)
    ;
}

static void signals_all(void) {
  __atomic_add_fetch(&shared->ready, 1, __ATOMIC_RELAXED);
  for (int i = 0; i < TIMES; i++)
    if (kill(0, SIGUSR1)) bad("kill", -errno);
  for (;;)
    pause();
}

static void each_other(void) {
  signal(SIGUSR1, counts);
  int made;
  int group = crowd(FEW, &made, signals_all);
  sleep(1);
  kill(-group, SIGKILL);
  while (wait(NULL) > 0)
    ;
}

static void stops(void) {
  raise(SIGTSTP);
  waits();
}

// All of a group are stopped when its last link ends.
static void hung_up(void) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int shell = fork();
  if (shell == 0) {
    setsid();
    int made = 0, group = 0;
    for (; made < CROWD; made++) {
      int pid = fork();
      if (pid < 0) break;
      if (pid == 0) {
        setpgid(0, group);
        stops();
      }
      setpgid(pid, group);
      if (!group) group = pid;
    }
    for (int i = 0; i < made; i++)
      waitpid(-group, NULL, WUNTRACED);
    _exit(0);
  }
  int status, ended = 0;
  while (wait(&status) > 0)
    ended += WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP;
  if (ended < FEW) bad("hung up", ended);
}

int main(int argc, char **argv) {
  shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const char *mode = argc > 1 ? argv[1] : "";
  if (strcmp(mode, "killed") == 0) killed();
  if (strcmp(mode, "caught") == 0) caught();
  if (strcmp(mode, "each") == 0) each_other();
  if (strcmp(mode, "hung") == 0) hung_up();
  return 0;
}
