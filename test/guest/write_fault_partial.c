// write across the end of the memory: a pipe takes whole pages or nothing of what it could not copy.
//@ needs: streams memory
#include "guest.h"

int main(void) {
  char *area = pages(3);
  memset(area, 'x', 3 * PAGE);
  area[PAGE - 1] = area[2 * PAGE - 1] = area[3 * PAGE - 1] = '\n';
  value("half is readable", SYS_3(SYS_write, 2, area + 3 * PAGE - 8, 16));
  value("three pages of four are readable", SYS_3(SYS_write, 2, area, 4 * PAGE));
  return 0;
}
