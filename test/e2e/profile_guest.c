// A guest whose calls are counted: so many of each kind, by functions that keep frame pointers. With a number as its second
// argument it begins again until that many seconds have passed.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOSTILE "/tmp/\033[31mred\033[0m\n\\ \xff"

static long call(long nr, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

__attribute__((noinline)) void inner_function(int times) {
  for (int i = 0; i < times; i++)
    getppid();
}

__attribute__((noinline)) void outer_function(int times) {
  inner_function(times);
  __asm__ volatile("");
}

static void round_of_calls(void) {
  char bytes[100];
  int fd = open("/dev/zero", O_RDONLY), pipes[2];
  outer_function(1000);
  for (int i = 0; i < 600; i++)
    call(SYS_read, fd, (long)bytes, 100);
  for (int i = 0; i < 200; i++)
    call(SYS_access, (long)HOSTILE, 0, 0);
  if (pipe(pipes)) exit(1);
  for (int i = 0; i < 100; i++)
    if (write(pipes[1], "x", 1) != 1) exit(1);
  close(pipes[0]);
  close(pipes[1]);
  close(fd);
}

int main(int argc, char **argv) {
  struct timespec now, end = {0, 0};
  clock_gettime(CLOCK_MONOTONIC, &now);
  end.tv_sec = now.tv_sec + (argc > 1 ? atoi(argv[1]) : 0);
  int pid = fork();
  if (pid == 0) {
    for (;;) {
      round_of_calls();
      clock_gettime(CLOCK_MONOTONIC, &now);
      if (now.tv_sec >= end.tv_sec) _exit(0);
    }
  }
  // A wait that takes as long as the child.
  waitpid(pid, 0, 0);
  return 7;
}
