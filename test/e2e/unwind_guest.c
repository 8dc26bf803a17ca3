// Calls from the same two functions, without frame pointers: by main, by a thread, and by a handler of a signal on a stack of its own,
// which has interrupted a function that was in the middle of something. With an argument it waits where it would make
// them, until its standard input ends, having printed "ready".
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int waits;
static int pipes[2];
static volatile int done;
static char stack[65536];

// What is done behind each call keeps it from becoming a jump.
#define AFTER __asm__ volatile("" ::: "memory")

__attribute__((noipa)) static int inner_function(int times) {
  char bytes[100];
  int sum = 0;
  memset(bytes, times, sizeof bytes);
  __asm__ volatile("" : "+m"(bytes));
  if (waits)
    sum += (int)read(pipes[0], bytes, 1);
  else
    for (int i = 0; i < times; i++)
      sum += getppid();
  return sum + bytes[times & 63];
}

__attribute__((noipa)) static int outer_function(int times) {
  int sum = inner_function(times);
  AFTER;
  return sum + times;
}

__attribute__((noipa)) static void *thread_function(void *name) {
  prctl(PR_SET_NAME, name);
  outer_function(3000);
  AFTER;
  return NULL;
}

__attribute__((noipa)) static void handler_function(int signal) {
  done = signal + (outer_function(3000) & 0);
  AFTER;
}

__attribute__((noipa)) static int spinning_function(int from) {
  volatile int turns = from;
  while (!done)
    turns++;
  return turns;
}

static void *signalled_function(void *name) {
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_handler = handler_function, .sa_flags = SA_ONSTACK};
  struct itimerval soon = {.it_value = {.tv_usec = 20000}};
  sigset_t set;
  prctl(PR_SET_NAME, name);
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigaltstack(&alternate, NULL);
  sigaction(SIGALRM, &action, NULL);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  setitimer(ITIMER_REAL, &soon, NULL);
  spinning_function(1);
  AFTER;
  return NULL;
}

// A clock that the vDSO cannot read: the call is made there.
__attribute__((noipa)) static long clock_function(int times) {
  struct timespec now = {0, 0};
  for (int i = 0; i < times; i++)
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_nsec;
}

int main(int argc, char **argv) {
  static void *(*const all[])(void *) = {thread_function, signalled_function};
  static char *const names[] = {"thread", "signalled"};
  pthread_t threads[2];
  sigset_t set;
  (void)argv;
  waits = argc > 1;
  if (pipe(pipes)) return 1;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  for (int i = 0; i < 2; i++)
    if (pthread_create(&threads[i], NULL, all[i], names[i])) return 1;
  if (waits) {
    printf("ready\n");
    fflush(stdout);
    while (read(0, &(char){0}, 1) > 0)
      continue;
    _exit(0);
  }
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  outer_function(3000);
  clock_function(10000);
  AFTER;
  return 7;
}
