// mprotect: splits and merges mappings, errors leave what was done before the hole.
//@ needs: memory
#include "guest.h"

static void show(const char *what, char *area, int count) {
  char line[128] = "";
  for (int i = 0; i < count; i++) {
    char *page = area + i * PAGE;
    int r = readable(page), w = writable(page);
    strcat(line, w ? "W" : r ? "R" : ".");
  }
  say("%s: %s", what, line);
}

int main(void) {
  char *area = pages(12);
  outcome("read-only in the middle", SYS_3(SYS_mprotect, area + 4 * PAGE, 4 * PAGE, PROT_READ));
  show("then", area, 12);
  outcome("none in its middle", SYS_3(SYS_mprotect, area + 5 * PAGE, 2 * PAGE, PROT_NONE));
  show("then", area, 12);
  outcome("all writable", SYS_3(SYS_mprotect, area, 12 * PAGE, PROT_READ | PROT_WRITE));
  show("then", area, 12);
  outcome("hole", SYS_2(SYS_munmap, area + 6 * PAGE, PAGE));
  outcome("read-only across the hole", SYS_3(SYS_mprotect, area + 2 * PAGE, 8 * PAGE, PROT_READ));
  show("then", area, 12);
  outcome("unaligned", SYS_3(SYS_mprotect, area + 1, PAGE, PROT_READ));
  outcome("length 0", SYS_3(SYS_mprotect, area, 0, PROT_READ));
  outcome("length 0 where nothing is", SYS_3(SYS_mprotect, area + 6 * PAGE, 0, PROT_READ));
  outcome("length 1 covers a page", SYS_3(SYS_mprotect, area, 1, PROT_NONE));
  show("then", area, 12);
  outcome("length that wraps", SYS_3(SYS_mprotect, area, -1L, PROT_READ));
  outcome("nothing mapped", SYS_3(SYS_mprotect, 0x10000000, PAGE, PROT_READ));
  outcome("unknown bits", SYS_3(SYS_mprotect, area, PAGE, 0x100));
  outcome("PROT_GROWSDOWN and PROT_GROWSUP", SYS_3(SYS_mprotect, area, PAGE, PROT_READ | 0x03000000));
  outcome("PROT_GROWSDOWN on what does not grow", SYS_3(SYS_mprotect, area, PAGE, PROT_READ | 0x01000000));
  return 0;
}
