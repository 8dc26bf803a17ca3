// Threads that are made and end one after the other: each begins with what its creator has, and nothing of the one
// before it.
//@ args: state
//@ args: signals
//@ args: many
//@ args: fork
//@ args: exec
//@ args: again
//@ needs: threads
#include "guest.h"
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static __thread int own = 7;
static volatile int handled, hold;
static pthread_barrier_t met;

static void on_signal(int signo) {
  handled = signo;
}

// Of SSE and of x87: 0 to 3.
static int rounding(void) {
  unsigned mxcsr;
  unsigned short control;
  __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(control));
  return (mxcsr >> 13 & 3) * 10 + (control >> 10 & 3);
}

static void set_rounding(int way) {
  unsigned mxcsr = 0x1f80 | way << 13;
  unsigned short control = 0x37f | way << 10;
  __asm__ volatile("ldmxcsr %0; fldcw %1" ::"m"(mxcsr), "m"(control));
}

static long cpu_ms(void) {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

static void burn(long ms) {
  while (cpu_ms() < ms)
    for (volatile int i = 0; i < 100000; i++)
      continue;
}

// Says what it began with, and leaves something else of all of it.
static void *look(void *argument) {
  stack_t stack;
  sigset_t mask;
  char name[16], list_is_own;
  void *robust;
  size_t size;
  pthread_sigmask(SIG_BLOCK, NULL, &mask);
  sigaltstack(NULL, &stack);
  prctl(PR_GET_NAME, name);
  SYS_3(SYS_get_robust_list, 0, &robust, &size);
  list_is_own = (char *)robust - (char *)pthread_self() < PAGE;
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  long seen = cpu_ms(), counted = usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000;
  say("own %d, name %s, rounding %d, USR1 %d USR2 %d, stack %d, list %d, new %d, busy %d %d, priority %d",
      own, name, rounding(), sigismember(&mask, SIGUSR1), sigismember(&mask, SIGUSR2), stack.ss_flags,
      list_is_own, gettid() != getpid(), seen >= 100, counted >= 100, getpriority(PRIO_PROCESS, 0));
  own = 8;
  prctl(PR_SET_NAME, "another");
  set_rounding(2);
  sigaddset(&mask, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
  stack = (stack_t){.ss_sp = malloc(65536), .ss_size = 65536};
  sigaltstack(&stack, NULL);
  setpriority(PRIO_PROCESS, 0, 5);
  burn(150);
  return argument;
}

static void *stay(void *argument) {
  pthread_barrier_wait(&met);
  pthread_barrier_wait(&met);
  return argument;
}

static void *nothing(void *argument) {
  return argument;
}

static void *wait_for_signal(void *argument) {
  while (!handled)
    usleep(1000);
  return argument;
}

static void one(void *(*what)(void *)) {
  pthread_t thread;
  void *result;
  int error = pthread_create(&thread, NULL, what, (void *)&handled);
  if (error) say("pthread_create: %s", error_name(-error));
  pthread_join(thread, &result);
  if (result != &handled) say("another result");
}

static void many(int count) {
  pthread_t threads[32];
  int done = 0;
  pthread_barrier_init(&met, NULL, count + 1);
  for (int i = 0; i < count; i++)
    pthread_create(&threads[i], NULL, stay, NULL);
  pthread_barrier_wait(&met);
  pthread_barrier_wait(&met);
  for (int i = 0; i < count; i++)
    done += pthread_join(threads[i], NULL) == 0;
  say("%d of %d", done, count);
}

static int status_of(pid_t child) {
  int status;
  waitpid(child, &status, 0);
  return status;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  signal(SIGUSR1, on_signal);
  if (strcmp(mode, "state") == 0) {
    prctl(PR_SET_NAME, "creator");
    for (int i = 0; i < 4; i++) {
      sigset_t mask;
      sigemptyset(&mask);
      if (i % 2) sigaddset(&mask, SIGUSR1);
      pthread_sigmask(SIG_SETMASK, &mask, NULL);
      set_rounding(i);
      one(look);
      if (i == 2) usleep(100000); // longer than a host thread waits
    }
  }
  if (strcmp(mode, "signals") == 0)
    for (int i = 0; i < 200; i++) {
      pthread_t thread;
      handled = 0;
      pthread_create(&thread, NULL, wait_for_signal, NULL);
      pthread_kill(thread, SIGUSR1);
      pthread_join(thread, NULL);
      if (handled != SIGUSR1) say("not handled");
    }
  if (strcmp(mode, "many") == 0)
    for (int i = 1; i <= 32; i = i * 2 + 1)
      many(i), one(nothing), many(32 - i % 7);
  if (strcmp(mode, "fork") == 0)
    for (int i = 0; i < 50; i++) {
      one(nothing);
      pid_t child = fork();
      if (child == 0) {
        one(nothing);
        many(2);
        _exit(i);
      }
      one(nothing);
      int status = status_of(child);
      if (WEXITSTATUS(status) != i) say("status %x", status);
    }
  if (strcmp(mode, "exec") == 0) {
    one(nothing);
    many(6);
    execl("/proc/self/exe", argv[0], "again", NULL);
  }
  if (strcmp(mode, "again") == 0) {
    for (int i = 0; i < 2000; i++)
      one(nothing);
    many(5);
    for (int i = 0; i < 5; i++)
      one(nothing), usleep(25000);
    if (SYS_2(SYS_tgkill, getpid(), getpid()) == 0) say("no signal was sent");
  }
  if (strcmp(mode, "rest") == 0) { // for test/e2e/host_threads.test.ts
    many(3);
    sleep(60);
  }
  say("end");
  return 0;
}
