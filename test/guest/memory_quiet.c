// A process changes its memory and calls nothing more: what it has done is seen by others in /proc all the same, by itself
// when it makes its next call, and its end, by itself or by a signal, leaves nothing behind.
//@ needs: memory shared-memory fork signals timers proc
#include "guest.h"
#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#define ROUNDS 40
#define KINDS 5

// What child and parent tell each other without calls.
static volatile struct {
  int done, seen;
  char *at;
} * shared;

static void rest(long us) {
  struct timespec time = {0, us * 1000};
  nanosleep(&time, NULL);
}

// The protection of the mapping that has the address, "none" where there is none.
static void protection_of(int pid, const char *at, char *found) {
  char path[64], line[512];
  unsigned long start, end;
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE *maps = fopen(path, "r");
  strcpy(found, "none");
  while (maps && fgets(line, sizeof line, maps)) {
    char protection[8];
    if (sscanf(line, "%lx-%lx %4s", &start, &end, protection) != 3) continue;
    if (start <= (unsigned long)at && (unsigned long)at < end) strcpy(found, protection);
  }
  if (maps) fclose(maps);
}

static char *change(int kind, char *area, int file) {
  switch (kind) {
  case 0:
    return mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  case 1:
    mprotect(area + PAGE, PAGE, PROT_READ);
    return area + PAGE;
  case 2:
    munmap(area + PAGE, PAGE);
    return area + PAGE;
  case 3:
    return mmap(area, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file, 0);
  default:
    return sbrk(5 * PAGE);
  }
}

static const char *const expected[KINDS] = {"r--p", "r--p", "none", "r-xp", "rw-p"};

// Says what it has done, and then runs without a call until it is told to go on.
static void child(int kind, int ends) {
  int file = open("/proc/self/exe", O_RDONLY);
  char *area = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  shared->at = change(kind, area, file);
  shared->done = 1;
  while (!shared->seen)
    ;
  if (ends == 1)
    for (;;)
      ;
  _exit(kind == 2 && SYS_2(SYS_getrlimit, 7, area + PAGE) != -EFAULT);
}

int main(void) {
  shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int wrong = 0, ended = 0, killed = 0;
  for (int round = 0; round < ROUNDS; round++) {
    int kind = round % KINDS, ends = round % 3, status;
    char found[8];
    shared->done = shared->seen = 0;
    pid_t pid = fork();
    if (pid == 0) child(kind, ends);
    while (!shared->done)
      rest(200);
    rest(2000); // whoever could have been told by now sleeps
    protection_of(pid, shared->at, found);
    if (strcmp(found, expected[kind]) != 0 && wrong++ == 0) say("kind %d: %s", kind, found);
    if (ends == 2) kill(pid, SIGKILL);
    shared->seen = 1;
    if (ends == 1) kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status))
      killed++;
    else if (WEXITSTATUS(status) == 0)
      ended++;
  }
  say("wrong %d ended %d killed %d", wrong, ended, killed);
  return 0;
}
