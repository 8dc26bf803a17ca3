// A program that ends for its parent, and whose process does not leave when it is told to: it is killed before long.
//@ ends: 0
//@ deadline: 20
#include "hostile.h"
#include <sys/mman.h>
#include <sys/wait.h>

// As often as there are looks for it, and more than one look takes.
#define GRACE_US 1000000

int main(void) {
  find_gadget();
  volatile uint64_t *turns = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t child = fork();
  if (child == 0) {
    *quad_at(RF_ORIG_RAX) = SYS_exit_group;
    *quad_at(RF_RDI) = 7;
    forge(1);
    for (;;)
      ++*turns;
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
    bad("the child's end", status);
  if (*turns == 0) say("it was not there to stay");
  usleep(GRACE_US);
  uint64_t then = *turns;
  usleep(GRACE_US / 5);
  if (*turns != then) bad("it is there still", (long)(*turns - then));
  return 0;
}
