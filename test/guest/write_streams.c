// write to standard output and standard error: both arrive, each in order.
//@ needs: streams
#include "guest.h"

int main(void) {
  for (int i = 0; i < 20; i++) {
    char line[32];
    int n = snprintf(line, sizeof line, "line %d\n", i);
    if (write(i % 3 == 0 ? 2 : 1, line, n) != n) return 1;
  }
  value("0 bytes", SYS_3(SYS_write, 1, "x", 0));
  value("0 bytes from nowhere", SYS_3(SYS_write, 1, 0, 0));
  value("bytes with NULs", SYS_3(SYS_write, 1, "a\0b\0\xff\n", 6));
  return 0;
}
