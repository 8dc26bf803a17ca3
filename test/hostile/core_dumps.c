// Core files that are large, of many parts, or of a process that does something else meanwhile.
//@ args: parts
//@ args-once: endless
//@ ends: 0
//@ deadline: 60
//@ cflags: -pthread
#include "hostile.h"
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void limits(void) {
  struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_CORE, &all);
}

static void *executes(void *name) {
  char *args[] = {name, "ends", NULL};
  execv("/proc/self/exe", args);
  return NULL;
}

static void *leaves(void *unused) {
  usleep(2000);
  _exit((int)(long)unused);
}

static void *spins(void *unused) {
  for (;;)
    SYS_0(SYS_getppid);
  return unused;
}

static void many_parts(void) {
  char *at = (char *)map_at(NULL, 60000 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  for (long i = 0; i < 60000; i += 2) {
    at[i * PAGE] = 1;
    if (SYS_3(SYS_mprotect, at + i * PAGE, PAGE, PROT_READ)) break;
  }
  abort();
}

static void much(void) {
  size_t size = 192 << 20;
  memset((void *)map_at(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS), 1, size);
  abort();
}

static void reserved(void) {
  for (int i = 0; i < 64; i++)
    map_at(NULL, 1l << 37, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
  abort();
}

static void with_thread(void *(*routine)(void *)) {
  pthread_t thread;
  pthread_create(&thread, NULL, routine, "name");
  pthread_create(&thread, NULL, spins, NULL);
  for (int i = 0; i < 64; i++) {
    char *at = (char *)map_at(NULL, 256 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    if (i < 16) memset(at, 1, 256 * PAGE);
  }
  abort();
}

static void run(int which, int kill_after_us) {
  int pid = fork();
  if (pid == 0) {
    limits();
    if (which < 0) abort();
    if (which == 0) many_parts();
    if (which == 1) much();
    if (which == 2) reserved();
    if (which == 3) with_thread(executes);
    if (which == 4) with_thread(leaves);
    if (which == 5) with_thread(spins);
    _exit(0);
  }
  if (kill_after_us) {
    usleep(kill_after_us);
    kill(pid, SIGKILL);
  }
  waitpid(pid, NULL, 0);
  unlink("core");
}

// Shares the memory of a process that dumps, and spoils what its stub waits for.
static int spoils(void *unused) {
  for (;;)
    *word_at(RF_REPLY) = 0;
  return unused != NULL;
}

// Dumps that never end keep nobody else from ending.
static void endless(void) {
  enum { COUNT = 12 };
  int pids[COUNT];
  for (int i = 0; i < COUNT; i++)
    if ((pids[i] = fork()) == 0) {
      setpgid(0, 0);
      limits();
      static char stack[65536];
      memset((void *)map_at(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS), 1, 8 << 20);
      clone(spoils, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
      usleep(200000);
      abort();
    }
  sleep(3);
  run(-1, 0);
  for (int i = 0; i < COUNT; i++) {
    kill(pids[i], SIGKILL);
    waitpid(pids[i], NULL, 0);
    kill(-pids[i], SIGKILL);
  }
  unlink("core");
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "ends")) return 0;
  char directory[] = "/tmp/core-dumps-XXXXXX";
  if (!mkdtemp(directory) || chdir(directory)) return 1;
  if (argc > 1 && !strcmp(argv[1], "endless")) {
    endless();
    return rmdir(directory) ? 2 : 0;
  }
  run(0, 0);
  run(1, 0);
  for (int i = 1; i < 6; i++)
    run(1, i * 60000);
  run(2, 300000);
  for (int i = 0; i < 5; i++)
    for (int which = 3; which < 6; which++)
      run(which, which == 5 ? 20000 : 0);
  return rmdir(directory) ? 2 : 0;
}
