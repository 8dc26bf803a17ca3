// Many threads that fork at once, where there is room for a few: all find it before the first has taken it, and wait for
// each other. No more come into being than one after the other.
//@ ends: 0
//@ deadline: 20
//@ cflags: -pthread
#include "hostile.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { THREADS = 40, MORE = 6, PIECES = 4000 };

static pthread_barrier_t all;
static pid_t children[THREADS];

static pid_t child(void) {
  pid_t pid = SYS_5(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid == 0)
    for (;;)
      SYS_0(SYS_pause);
  return pid;
}

static void *forks(void *number) {
  pthread_barrier_wait(&all);
  children[(long)number] = child();
  pthread_barrier_wait(&all); // who has not got one counts as well until all have tried
  return NULL;
}

static int end_all(void) {
  int made = 0;
  for (int i = 0; i < THREADS; i++) {
    if (children[i] <= 0) continue;
    made++;
    kill(children[i], SIGKILL);
    waitpid(children[i], NULL, 0);
  }
  return made;
}

// RLIMIT_NPROC, at which so many more have room: found by trying, since it counts all that the sandbox has.
static int leave_room(int more) {
  struct rlimit now;
  getrlimit(RLIMIT_NPROC, &now);
  for (rlim_t limit = 1; limit < 4096; limit++) {
    now.rlim_cur = limit;
    setrlimit(RLIMIT_NPROC, &now);
    pid_t pid = child();
    if (pid < 0) continue;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    now.rlim_cur = limit + more - 1;
    return setrlimit(RLIMIT_NPROC, &now);
  }
  return -1;
}

int main(void) {
  pthread_t threads[THREADS];
  // What takes its time to be copied.
  char *area = mmap(NULL, 2l * PIECES * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (int i = 0; i < PIECES; i++)
    mprotect(area + 2l * i * PAGE, PAGE, PROT_NONE);
  pthread_barrier_init(&all, NULL, THREADS);
  for (long i = 0; i < THREADS - 1; i++)
    pthread_create(threads + i, NULL, forks, (void *)i);
  usleep(100000);
  setuid(1000);
  if (leave_room(MORE)) return 1;
  forks((void *)(long)(THREADS - 1));
  int made = end_all();
  if (made > MORE) bad("more children than there is room for", made);
  if (made == 0) bad("no child", made);
  say("survived");
  return 0;
}
