// F1: a file's descriptor exists in a stub for as long as it is mapped in pieces. A sibling thread closes it there; maps it
// itself at an offset of its own choice: it is the guest's own, for reading, and nothing else can be made of it; or has the
// kernel told of that: refused, and after sixteen times the end.
//@ args: close
//@ args: map
//@ args: tell
//@ ends: 0 137
//@ deadline: 20
#include "hostile.h"
#include <fcntl.h>
#include <pthread.h>

static const char *mode;
static volatile int over;

#define AT 0x100000000
#define TOLD 0x800 /* MAP_DENYWRITE */

static void map_anew(int fd) {
  long at = HOST_6(SYS_mmap, AT, 16 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
  if (at == AT) {
    if (memcmp((void *)AT, "\177ELF", 4) != 0) bad("another file was mapped by its number", fd);
  } else if (at != -EBADF)
    bad("mmap of a donated descriptor", at);
  at = HOST_6(SYS_mmap, AT, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
  if (at != -EBADF && at != -EACCES) bad("a shared mapping that can be written to", at);
}

static void *attack(void *none) {
  (void)none;
  long refused = 0;
  while (!over) {
    for (int fd = RF_DONATED_FD; fd < RF_DONATED_FD + 4; fd++) {
      if (mode[0] == 'c')
        HOST_1(SYS_close, fd);
      else if (mode[0] == 'm')
        map_anew(fd);
      else {
        long at = HOST_6(SYS_mmap, AT, 16 * PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED | TOLD, fd, 0);
        if (at != -EPERM) bad("mmap of a donated descriptor", at);
        if (++refused > 1000) bad("a thousand refused mappings", 0);
      }
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
