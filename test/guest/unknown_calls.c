// System call numbers that do not exist give ENOSYS, whatever the arguments.
#include "guest.h"

int main(void) {
  // Entries of the x86-64 table that were never, or are no longer, implemented.
  static const int gone[] = {156, 174, 177, 178, 180, 181, 182, 183, 184, 185, 205, 211, 214, 215, 236};
  for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
    char what[32];
    snprintf(what, sizeof what, "%d", gone[i]);
    value(what, SYS_0(gone[i]));
  }
  int others = 0;
  for (int nr = 337; nr < 424; nr++)
    others += SYS_6(nr, -1, -1, -1, -1, -1, -1) != -ENOSYS;
  for (int nr = 500; nr < 600; nr++)
    others += SYS_6(nr, -1, -1, -1, -1, -1, -1) != -ENOSYS;
  value("of 337 to 423 and 500 to 599, not ENOSYS", others);
  static const long odd[] = {512, 547, 548, 1000, 4096, 21062, 65535, 0x7fffffff, 0x3fffffff};
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    char what[32];
    snprintf(what, sizeof what, "%ld", odd[i]);
    value(what, SYS_0(odd[i]));
  }
  value("-1", SYS_0(-1L));
  value("-2", SYS_0(-2L));
  value("0x80000000", SYS_0(0x80000000L));
  value("x32 getpid", SYS_0(0x40000000 | SYS_getpid));
  value("x32 write", SYS_3(0x40000000 | SYS_write, 1, "x", 1));
  value("x32 512", SYS_0(0x40000000 | 512));
  yes_no("upper half of the number does not count", SYS_0((7L << 32) | SYS_getpid) == SYS_0(SYS_getpid));
  return 0;
}
