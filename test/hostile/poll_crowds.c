// Polls of as many pollfds as there may be, whose programs are killed at every moment of them: what they held is given
// back, and no turn of the kernel is one that others would feel.
//@ args: killed
//@ args: whole
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define MOST 1048576
#define KILLS 40

static struct pollfd *all;
static int count, ends[2];

static void prepare(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max > MOST) limit.rlim_max = MOST;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) || pipe(ends)) bad("a limit", -errno);
  count = (int)limit.rlim_cur;
  all = calloc(count, sizeof *all);
  for (int i = 0; i < count; i++)
    all[i] = (struct pollfd){i % 3 ? ends[0] : -1, POLLIN, 0};
}

static void killed(void) {
  for (int i = 0; i < KILLS; i++) {
    pid_t child = fork();
    if (child == 0)
      for (;;)
        poll(all, count, i % 2 ? -1 : 0);
    usleep(500 * i);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
}

static void whole(void) {
  for (int i = 0; i < 4; i++)
    if (fork() == 0) {
      for (int k = 0; k < 5; k++)
        poll(all, count, k);
      _exit(0);
    }
  while (wait(NULL) > 0)
    ;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  prepare();
  if (strcmp(argv[1], "killed") == 0)
    killed();
  else
    whole();
  return 0;
}
