// write from memory that cannot be read.
//@ needs: streams memory
#include "guest.h"

int main(void) {
  char *area = pages(1);
  value("null", SYS_3(SYS_write, 1, 0, 4));
  value("kernel address", SYS_3(SYS_write, 1, -4096L, 4));
  value("last byte of the address space", SYS_3(SYS_write, 1, -1L, 4));
  value("inaccessible", SYS_3(SYS_write, 1, area - PAGE, 4));
  value("not canonical", SYS_3(SYS_write, 1, 1L << 55, 4));
  value("count beyond the end of user space", SYS_3(SYS_write, 1, area, -1L));
  strcpy(area + PAGE - 6, "edge!");
  area[PAGE - 1] = '\n';
  value("up to the last byte", SYS_3(SYS_write, 1, area + PAGE - 6, 6));
  return 0;
}
