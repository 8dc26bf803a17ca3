// Shared anonymous memory between parent and child, and a futex in it.
//@ needs: fork futex shared-memory
#include "guest.h"
#include <linux/futex.h>
#include <sys/wait.h>

int main(void) {
  volatile int *words = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  outcome("mmap", words == MAP_FAILED ? -errno : 0);
  int pid = fork();
  if (pid == 0) {
    while (words[0] == 0)
      SYS_4(SYS_futex, &words[0], FUTEX_WAIT, 0, 0);
    words[1] = words[0] + 1;
    words[PAGE / 4] = 77;
    SYS_3(SYS_futex, &words[1], FUTEX_WAKE, 1);
    _exit(0);
  }
  struct timespec t = {0, 20000000};
  nanosleep(&t, NULL);
  words[0] = 41;
  value("woken", SYS_3(SYS_futex, &words[0], FUTEX_WAKE, 1) >= 0);
  while (words[1] == 0)
    SYS_4(SYS_futex, &words[1], FUTEX_WAIT, 0, 0);
  value("the child's answer", words[1]);
  int status;
  waitpid(pid, &status, 0);
  value("its other word", words[PAGE / 4]);
  value("status", status);
  return 0;
}
