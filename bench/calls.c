/* Times one thing in a loop and prints nanoseconds each: `calls getppid 200000` or `calls fork 1000`.
   getppid goes through syscall(3), whose instruction no runtime patches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fork_once(void) {
  pid_t child = fork();
  if (child == 0) _exit(0);
  if (child < 0 || waitpid(child, NULL, 0) != child) exit(1);
}

static void getppid_once(void) { syscall(SYS_getppid); }

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  void (*once)(void) = strcmp(argv[1], "fork") ? getppid_once : fork_once;
  long count = atol(argv[2]);
  for (long i = 0; i < count / 10; i++) once(); /* warm */
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (long i = 0; i < count; i++) once();
  clock_gettime(CLOCK_MONOTONIC, &to);
  printf("%ld\n", ((to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec) / count);
}
