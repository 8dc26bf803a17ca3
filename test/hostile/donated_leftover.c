// F1: where the host refuses a mapping, the descriptor that was given for it does not stay: a child that has dropped its
// privileges could map the file that its parent had open.
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <fcntl.h>
#include <sys/wait.h>

#define AT 0x100000000
#define FILL 200000

static void fill(void) {
  char *memory = mmap((void *)0x200000000, (size_t)FILL * PAGE, PROT_READ,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  for (long i = 0; i < FILL; i += 2)
    if (mprotect(memory + i * PAGE, PAGE, PROT_READ | PROT_WRITE) != 0) return;
}

int main(void) {
  find_gadget();
  int fd = open("/tmp/secret", O_RDWR | O_CREAT, 0600);
  if (write(fd, "secret", 6) != 6) bad("write", errno);
  fill();
  long refused = 0;
  for (int i = 0; i < 100; i++)
    if (mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED) refused++;
  if (refused == 0) bad("the host has refused no mapping", 0);
  munmap((void *)0x200000000, (size_t)FILL * PAGE);
  close(fd);
  for (int number = 0; number < RF_DOORBELL_FD; number++) {
    long at = HOST_6(SYS_mmap, AT, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, number, 0);
    if (at == AT) bad("a descriptor was left", number);
    if (number < RF_DONATED_FD)
      number = RF_DONATED_FD - 1; // what lies below is told, and ends a process soon
  }
  unlink("/tmp/secret");
  say("done");
  return 0;
}
