// Threads and children that end at once, while others keep the machine busy: the end of one that its
// creator has not heard of yet is not the end of all.
//@ cflags: -pthread
//@ needs: threads futex tasks
#include "guest.h"
#include <pthread.h>
#include <sys/wait.h>

#define PROCESSES 6
#define ROUNDS 100

static void *end(void *argument) {
  return argument;
}

static int rounds(void) {
  for (int i = 0; i < ROUNDS; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, end, NULL) || pthread_join(thread, NULL)) return 1;
    if (i % 10) continue;
    int status;
    pid_t child = fork();
    if (child == 0) _exit(5);
    if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 5) return 2;
  }
  return 7;
}

int main(void) {
  for (int i = 0; i < PROCESSES; i++)
    if (fork() == 0) _exit(rounds());
  int ends[256] = {0}, status;
  while (wait(&status) > 0)
    ends[WIFEXITED(status) ? WEXITSTATUS(status) : 255]++;
  for (int i = 0; i < 256; i++)
    if (ends[i]) say("%d processes ended with %d", ends[i], i);
  return 0;
}
