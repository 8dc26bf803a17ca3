// Threads that wait in different calls, for a test of `debug`: each of them is known by its name. Prints "ready", and ends with its
// standard input.
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int pipes[2];
static int word;

// A call in a chain of functions that keep frame pointers, whatever the C library does.
__attribute__((noinline)) static long inner(long number, long a, long b, long c) {
  long result;
  register long r10 __asm__("r10") = 0, r8 __asm__("r8") = 0, r9 __asm__("r9") = 0;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

__attribute__((noinline)) static long outer(long number, long a, long b, long c) {
  long result = inner(number, a, b, c);
  __asm__ volatile("" ::: "memory"); // no tail call
  return result;
}

static void *reads(void *name) {
  prctl(PR_SET_NAME, name);
  outer(SYS_read, pipes[0], (long)&(char){0}, 1);
  return NULL;
}

static void *shares(void *name) {
  prctl(PR_SET_NAME, name);
  outer(SYS_futex, (long)&word, FUTEX_WAIT, 0);
  return NULL;
}

static void *accepts(void *name) {
  prctl(PR_SET_NAME, name);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  listen(fd, 1);
  outer(SYS_accept, fd, 0, 0);
  return NULL;
}

// Another kernel thread may have it: its arguments are told all the same, not those of the call before.
static void *receives(void *name) {
  prctl(PR_SET_NAME, name);
  struct sockaddr_in any = {.sin_family = AF_INET};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  bind(fd, (void *)&any, sizeof any);
  outer(SYS_recvfrom, fd, (long)&(char){0}, 1);
  return NULL;
}

static void *polls(void *name) {
  prctl(PR_SET_NAME, name);
  struct pollfd polled = {.fd = pipes[0], .events = POLLIN};
  outer(SYS_poll, (long)&polled, 1, -1);
  return NULL;
}

static void *spins(void *name) {
  prctl(PR_SET_NAME, name);
  for (volatile int i = 0;; i++)
    continue;
  return NULL;
}

int main(void) {
  static void *(*const all[])(void *) = {reads, shares, accepts, receives, polls, spins};
  static const char *const names[] = {"reads", "shares", "accepts", "receives", "polls", "spins"};
  pipe(pipes);
  for (int i = 0; i < 6; i++) {
    pthread_t thread;
    pthread_create(&thread, NULL, all[i], (void *)names[i]);
  }
  if (fork() == 0) {
    prctl(PR_SET_NAME, "pauses");
    outer(SYS_pause, 0, 0, 0);
    _exit(0);
  }
  if (fork() == 0) {
    prctl(PR_SET_NAME, "parent");
    if (fork() == 0) {
      pause();
      _exit(0);
    }
    outer(SYS_wait4, -1, 0, 0);
    _exit(0);
  }
  printf("ready\n");
  fflush(stdout);
  while (read(0, &(char){0}, 1) > 0)
    continue;
  kill(0, 9);
}
