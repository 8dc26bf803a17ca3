// A program with another C library, whose functions have no unwind entries and whose system calls stand
// behind short instructions: what it calls often, and what signals interrupt, goes on as at first.
//@ needs: files pipes poll signals timers threads
//@ link: musl
//@ cflags: -pthread
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 120

static volatile long alarms;
static void on_alarm(int signo) {
  (void)signo;
  alarms++;
}

static int ends[2], wrong;

static void once(unsigned char value) {
  unsigned char got = 0;
  struct stat st;
  if (write(ends[1], &value, 1) != 1) wrong++;
  struct pollfd polled = {ends[0], POLLIN, 0};
  while (poll(&polled, 1, 1000) < 0 && errno == EINTR) {
  }
  if (polled.revents != POLLIN) wrong++;
  if (read(ends[0], &got, 1) != 1 || got != value) wrong++;
  int fd = open("/etc/passwd", O_RDONLY);
  if (fd < 0 || fstat(fd, &st) || lseek(fd, 5, SEEK_SET) != 5 || close(fd)) wrong++;
  if (stat("/nonexistent", &st) != -1 || errno != ENOENT) wrong++;
  struct timespec brief = {0, 1};
  nanosleep(&brief, NULL);
  char *memory = malloc(1 << 20);
  memset(memory, value, 1 << 20);
  free(memory);
}

static void *beside(void *unused) {
  pid_t parent = getppid();
  for (int i = 0; i < ROUNDS * 10; i++)
    if (getppid() != parent) wrong++;
  return unused;
}

int main(void) {
  if (pipe(ends)) return 1;
  signal(SIGALRM, on_alarm);
  struct itimerval timer = {{0, 2000}, {0, 2000}};
  setitimer(ITIMER_REAL, &timer, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, beside, NULL);
  for (int i = 0; i < ROUNDS; i++)
    once(i);
  pthread_join(thread, NULL);
  while (alarms < 5)
    getppid();
  memset(&timer, 0, sizeof timer);
  setitimer(ITIMER_REAL, &timer, NULL);
  DIR *directory = opendir("/etc");
  int names = 0;
  while (readdir(directory))
    names++;
  closedir(directory);
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    once(1);
    _exit(wrong == 0 ? 7 : 8);
  }
  waitpid(child, &status, 0);
  printf("wrong %d, names %d, child %d\n", wrong, names > 2, WEXITSTATUS(status));
  return 0;
}
