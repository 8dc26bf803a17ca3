// munmap of parts of mappings, of several mappings with holes, and of what is not mapped.
//@ needs: memory
#include "guest.h"

static void show(const char *what, char *area, int count) {
  char line[64] = "";
  for (int i = 0; i < count; i++)
    strcat(line, readable(area + i * PAGE) ? "+" : ".");
  say("%s: %s", what, line);
}

int main(void) {
  char *area = pages(16);
  show("all", area, 16);
  outcome("two in the middle", SYS_2(SYS_munmap, area + 7 * PAGE, 2 * PAGE));
  show("then", area, 16);
  outcome("first and last", SYS_2(SYS_munmap, area, PAGE) | SYS_2(SYS_munmap, area + 15 * PAGE, PAGE));
  show("then", area, 16);
  outcome("across the hole", SYS_2(SYS_munmap, area + 5 * PAGE, 6 * PAGE));
  show("then", area, 16);
  outcome("length that is no multiple of a page", SYS_2(SYS_munmap, area + PAGE, 1));
  show("then", area, 16);
  outcome("again", SYS_2(SYS_munmap, area + PAGE, 1));
  outcome("all of it", SYS_2(SYS_munmap, area, 16 * PAGE));
  show("then", area, 16);
  char *again =
      (char *)map_at(area, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED);
  yes_no("mapped again", again == area);
  long set = 0;
  for (size_t i = 0; i < 16 * PAGE; i++)
    set += area[i] != 0;
  value("bytes that are not zero", set);
  return 0;
}
