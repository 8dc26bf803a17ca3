// The end of threads: exit of the first one, exit_group by another, return from main.
//@ args: first-leaves
//@ args: other-exits-group
//@ args: return
//@ args: fault
//@ cflags: -pthread
//@ needs: threads futex
#include "guest.h"
#include <pthread.h>

static const char *mode;

static void *run(void *argument) {
  (void)argument;
  struct timespec t = {0, 30000000};
  nanosleep(&t, NULL);
  if (mode[0] == 'o') _exit(21);
  if (mode[1] == 'a') *(volatile int *)0 = 1;
  say("the other thread is still there");
  if (mode[1] == 'i') exit(22);
  for (;;)
    pause();
  return NULL;
}

int main(int argc, char **argv) {
  mode = argc > 1 ? argv[1] : "return";
  pthread_t thread;
  pthread_create(&thread, NULL, run, NULL);
  say("%s", mode);
  if (mode[1] == 'i') SYS_1(SYS_exit, 7);
  if (mode[0] == 'r') return 23;
  for (;;)
    pause();
}
