// How much a pipe takes depends on how it is written: pages, odd bytes, packets.
//@ needs: pipes
#include "guest.h"
#include <fcntl.h>

static char bytes[200000];

static void fill(const char *what, int flags, size_t size, size_t each) {
  int p[2];
  pipe2(p, O_NONBLOCK | flags);
  if (size) fcntl(p[1], F_SETPIPE_SZ, size);
  long total = 0, writes = 0, last, n;
  while ((last = SYS_3(SYS_write, p[1], bytes, each)) > 0)
    total += last, writes++;
  say("%s: %ld bytes in %ld writes, then %s", what, total, writes, error_name(last));
  value("  one byte more", SYS_3(SYS_write, p[1], bytes, 1));
  if (size) value("  smaller", fcntl(p[1], F_SETPIPE_SZ, 4096));
  value("  read 1", SYS_3(SYS_read, p[0], bytes, 1));
  value("  write 4096", SYS_3(SYS_write, p[1], bytes, 4096));
  value("  read 4096", SYS_3(SYS_read, p[0], bytes, 4096));
  value("  write 4096", SYS_3(SYS_write, p[1], bytes, 4096));
  value("  write 8192", SYS_3(SYS_write, p[1], bytes, 8192));
  long reads = 0;
  total = 0;
  while ((n = SYS_3(SYS_read, p[0], bytes, 5000)) > 0)
    total += n, reads++;
  say("  drained: %ld bytes in %ld reads", total, reads);
  close(p[0]);
  close(p[1]);
}

int main(void) {
  fill("4096", 0, 0, 4096);
  fill("1", 0, 0, 1);
  fill("3000", 0, 0, 3000);
  fill("2048", 0, 0, 2048);
  fill("5000", 0, 0, 5000);
  fill("65536", 0, 0, 65536);
  fill("200000", 0, 0, 200000);
  fill("4096 of 2 pages", 0, 8192, 4096);
  fill("100 of 4 pages", 0, 16384, 100);
  fill("packets of 10", O_DIRECT, 0, 10);
  fill("packets of 5000", O_DIRECT, 0, 5000);

  int p[2];
  pipe2(p, O_NONBLOCK | O_DIRECT);
  SYS_3(SYS_write, p[1], "first", 5);
  SYS_3(SYS_write, p[1], "second", 6);
  value("packet", SYS_3(SYS_read, p[0], bytes, 100));
  value("part of a packet", SYS_3(SYS_read, p[0], bytes, 3));
  value("the rest is gone", SYS_3(SYS_read, p[0], bytes, 3));
  fcntl(p[1], F_SETFL, O_NONBLOCK);
  SYS_3(SYS_write, p[1], "first", 5);
  SYS_3(SYS_write, p[1], "second", 6);
  value("no packets", SYS_3(SYS_read, p[0], bytes, 100));
  return 0;
}
