// F1: a file's descriptor exists in a stub for the length of one list. A sibling thread closes it there,
// and maps it itself at an offset of its own choice: refused, and after sixteen times the end.
//@ args: close
//@ args: map
//@ ends: 0 137
//@ deadline: 20
#include "hostile.h"
#include <fcntl.h>
#include <pthread.h>

static const char *mode;
static volatile int over;

static void *attack(void *none) {
  (void)none;
  long refused = 0;
  while (!over) {
    for (int fd = RF_DONATED_FD; fd < RF_DONATED_FD + 4; fd++) {
      if (mode[0] == 'c') {
        HOST_1(SYS_close, fd);
        continue;
      }
      long at = HOST_6(SYS_mmap, 0x100000000, 16 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
      if (at != -EPERM) bad("mmap of a donated descriptor", at);
      if (++refused > 1000) bad("a thousand refused mappings", 0);
    }
  }
  return NULL;
}

int main(int argc, char **argv) {
  mode = argc > 1 ? argv[1] : "close";
  find_gadget();
  int fd = open("/proc/self/exe", O_RDONLY);
  pthread_t thread;
  pthread_create(&thread, NULL, attack, NULL);
  for (int i = 0; i < 3000; i++) {
    char *at = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) continue; // the sibling was quicker
    if (memcmp(at, "\177ELF", 4) != 0) bad("the mapping shows something else", i);
    munmap(at, PAGE);
  }
  over = 1;
  pthread_join(thread, NULL);
  say("done");
  return 0;
}
