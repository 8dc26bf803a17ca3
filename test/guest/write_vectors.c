// writev and pwritev: order of the pieces, limits, and errors of the vector.
//@ needs: streams memory
#include "guest.h"
#include <limits.h>
#include <sys/mman.h>
#include <sys/uio.h>

// Lengths that no memory has: of a single piece what is more than a call moves is cut off before it is looked at.
static void lengths(void) {
  static char room[8];
  int fd = memfd_create("six bytes", 0);
  write(fd, "abcdef", 6);
  struct iovec long_one[] = {{room, LONG_MAX}, {room, 1}}, longer = {room, 1ul << 63};
  value("the longest piece", SYS_5(SYS_preadv, fd, long_one, 1, 0, 0));
  value("and another", SYS_5(SYS_preadv, fd, long_one, 2, 0, 0));
  value("longer than that", SYS_5(SYS_preadv, fd, &longer, 1, 0, 0));
  close(fd);
}

int main(void) {
  struct iovec v[] = {{"one ", 4}, {NULL, 0}, {"two ", 4}, {"three\n", 6}};
  value("writev", SYS_3(SYS_writev, 1, v, 4));
  value("no vector", SYS_3(SYS_writev, 1, v, 0));
  value("null vector", SYS_3(SYS_writev, 1, 0, 2));
  value("count 1025", SYS_3(SYS_writev, 1, v, 1025));
  value("count -1", SYS_3(SYS_writev, 1, v, -1));
  struct iovec many[1024];
  for (int i = 0; i < 1024; i++)
    many[i] = (struct iovec){i % 64 == 63 ? "\n" : ".", 1};
  value("1024 pieces", SYS_3(SYS_writev, 1, many, 1024));
  struct iovec negative[] = {{"a", 1}, {"b", -1ul}};
  value("negative length", SYS_3(SYS_writev, 1, negative, 2));
  struct iovec first[] = {{(void *)8, 2}, {"b\n", 2}};
  value("bad first piece", SYS_3(SYS_writev, 1, first, 2));
  value("pwritev on a pipe", SYS_5(SYS_pwritev, 1, v, 1, 0, 0));
  value("pwritev2 at -1", SYS_6(SYS_pwritev2, 1, v, 4, -1L, -1L, 0));
  value("pwritev negative offset", SYS_5(SYS_pwritev, 1, v, 1, -5L, -1L));
  lengths();
  return 0;
}
