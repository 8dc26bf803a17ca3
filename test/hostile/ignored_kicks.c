// F14: a guest that blocks the host's signals, so that no kick reaches it, and runs on, or sleeps on. After
// 100 ms of CPU time, or a second asleep, it is killed; its death, exec and group exit do not wait for it
// when nobody else is in its memory.
//@ args: handler
//@ args: thread
//@ args: exec
//@ args: exit
//@ args: shared-memory
//@ args: handler asleep
//@ args: thread asleep
//@ args: exec asleep
//@ args: exit asleep
//@ args: shared-memory asleep
//@ ends: 0 137
//@ deadline: 15
#include "hostile.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

struct shared {
  volatile int ready;
  volatile unsigned long turns;
};
static struct shared *shared;

static void ignore(int signo) {
  (void)signo;
}

static int asleep;

// From here on a system call of the guest's own would be its end.
static void *run_on(void *none) {
  unsigned long all = -1ul;
  find_gadget();
  HOST_4(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8);
  shared->ready = 1;
  for (;;) {
    static uint32_t word;
    if (asleep) HOST_6(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, 0, 0, 1);
    shared->turns++;
  }
  return none;
}

static int run_on_in_shared_memory(void *none) {
  run_on(none);
  return 0;
}

static void sleep_ms(int ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000l};
  nanosleep(&t, NULL);
}

static void await_ready(void) {
  while (!shared->ready)
    sleep_ms(1);
}

static int ended(int pid) {
  int status = -1;
  for (int i = 0; i < 1000; i++, sleep_ms(10))
    if (waitpid(pid, &status, WNOHANG) == pid) return status;
  bad("it did not end", 0);
  return status;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "handler";
  asleep = argc > 2;
  if (strcmp(mode, "execed") == 0) return 0;
  shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  signal(SIGUSR1, ignore);
  pthread_t thread;
  int pid, status;
  if (strcmp(mode, "handler") == 0) {
    if ((pid = fork()) == 0) run_on(NULL);
    await_ready();
    kill(pid, SIGUSR1);
    if (!WIFSIGNALED(status = ended(pid)) || WTERMSIG(status) != SIGKILL) bad("wait status", status);
  }
  if (strcmp(mode, "thread") == 0) {
    pthread_create(&thread, NULL, run_on, NULL);
    await_ready();
    pthread_kill(thread, SIGUSR1);
    sleep_ms(10000);
    bad("a thread that ignores kicks lives", shared->turns);
  }
  if (strcmp(mode, "exec") == 0 || strcmp(mode, "exit") == 0) {
    if ((pid = fork()) == 0) {
      pthread_create(&thread, NULL, run_on, NULL);
      await_ready();
      if (mode[2] == 'e') execl("/proc/self/exe", argv[0], "execed", NULL);
      _exit(0);
    }
    if ((status = ended(pid)) != 0) bad("wait status", status);
    unsigned long turns = shared->turns;
    sleep_ms(100);
    if (shared->turns != turns) bad("a thread outlives its process", shared->turns - turns);
  }
  if (strcmp(mode, "shared-memory") == 0) {
    pid = clone(run_on_in_shared_memory, pages(4) + 4 * PAGE, CLONE_VM | SIGCHLD, NULL);
    await_ready();
    kill(pid, SIGKILL);
    if (!WIFSIGNALED(status = ended(pid)) || WTERMSIG(status) != SIGKILL) bad("wait status", status);
    sleep_ms(5000);
    unsigned long turns = shared->turns;
    sleep_ms(100);
    if (shared->turns != turns) bad("a process runs after its death", shared->turns - turns);
  }
  say("done");
  return 0;
}
