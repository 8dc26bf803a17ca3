// close: standard streams too, and only once.
//@ needs: streams
#include "guest.h"

int main(void) {
  value("close 0", SYS_1(SYS_close, 0));
  value("close 0 again", SYS_1(SYS_close, 0));
  char c;
  value("read 0", SYS_3(SYS_read, 0, &c, 1));
  value("close 2", SYS_1(SYS_close, 2));
  value("write 2", SYS_3(SYS_write, 2, "x", 1));
  value("close_range 5 to 9", SYS_3(SYS_close_range, 5, 9, 0));
  value("close_range backwards", SYS_3(SYS_close_range, 9, 5, 0));
  value("close_range bad flag", SYS_3(SYS_close_range, 5, 9, 64));
  say("still here");
  if (SYS_1(SYS_close, 1) != 0) return 6;
  return SYS_3(SYS_write, 1, "x", 1) == -EBADF ? 7 : 8;
}
