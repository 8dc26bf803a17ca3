// Bad memory: what cannot be delivered stays in the pipe, what cannot be fetched never gets there.
//@ needs: pipes memory
#include "guest.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

static int p[2];

static void state(void) {
  int n = 0;
  ioctl(p[0], FIONREAD, &n);
  say("  in the pipe: %d", n);
}

static void fresh(void) {
  if (p[0]) close(p[0]), close(p[1]);
  pipe2(p, O_NONBLOCK);
}

int main(void) {
  char *area = pages(20), *edge = area + 20 * PAGE;
  for (long i = 0; i < 20 * PAGE; i++)
    area[i] = 'a' + i % 26;
  fresh();
  value("write 10", SYS_3(SYS_write, p[1], area, 10));
  value("read to nowhere", SYS_3(SYS_read, p[0], edge, 10));
  state();
  value("read across the edge", SYS_3(SYS_read, p[0], edge - 4, 10));
  state();
  value("read up to the edge", SYS_3(SYS_read, p[0], edge - 4, 4));
  state();
  say("  %.4s", edge - 4);
  value("read the rest, across", SYS_3(SYS_read, p[0], edge - 4, 6));
  state();
  char c[20] = "";
  value("read the rest", SYS_3(SYS_read, p[0], c, 20));
  say("  %s", c);

  fresh();
  for (long i = 0; i < 20 * PAGE; i++)
    area[i] = 'a' + i % 26;
  value("write 3 pages and 10", SYS_3(SYS_write, p[1], area, 3 * PAGE + 10));
  value("read across after 2 pages", SYS_3(SYS_read, p[0], edge - 2 * PAGE - 100, 4 * PAGE));
  state();
  value("read across in the first", SYS_3(SYS_read, p[0], edge - 100, 4 * PAGE));
  state();
  value("read 20", SYS_3(SYS_read, p[0], c, 19));
  say("  %s", c);
  value("read across, the first used in part", SYS_3(SYS_read, p[0], edge - PAGE + 19, 4 * PAGE));
  state();

  fresh();
  for (long i = 0; i < 20 * PAGE; i++)
    area[i] = 'a' + i % 26;
  value("write 16 pages", SYS_3(SYS_write, p[1], area, 16 * PAGE));
  value("read across after 9 pages", SYS_3(SYS_read, p[0], edge - 9 * PAGE, 16 * PAGE));
  state();
  value("write 1 page", SYS_3(SYS_write, p[1], area, PAGE));
  struct iovec v[3] = {{c, 10}, {edge, 10}, {c, 10}};
  value("readv with a hole", SYS_3(SYS_readv, p[0], v, 3));
  state();
  value("readv from a hole on", SYS_3(SYS_readv, p[0], v + 1, 2));
  state();

  fresh();
  value("write from nowhere", SYS_3(SYS_write, p[1], edge, 10));
  state();
  value("write across", SYS_3(SYS_write, p[1], edge - 5, 10));
  state();
  value("write across after 2 pages", SYS_3(SYS_write, p[1], edge - 2 * PAGE - 5, 4 * PAGE));
  state();
  struct iovec w[3] = {{area, 10}, {edge, 10}, {area, 10}};
  value("writev with a hole", SYS_3(SYS_writev, p[1], w, 3));
  state();
  value("writev from a hole on", SYS_3(SYS_writev, p[1], w + 1, 2));
  state();
  return 0;
}
