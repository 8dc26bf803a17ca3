// poll and ppoll on pipes, files that are always ready, bad descriptors and bad memory.
//@ needs: pipes poll
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

static int p[2];

static void one(const char *what, int fd, int events, int ms) {
  struct pollfd f = {fd, events, 0x7777};
  long n = SYS_3(SYS_poll, &f, 1, ms);
  say("%s: %ld %x", what, n, (unsigned short)f.revents);
}

int main(void) {
  char page[5000] = "";
  pipe(p);
  fcntl(p[1], F_SETPIPE_SZ, 4096);
  one("empty, read", p[0], POLLIN, 0);
  one("empty, write", p[1], POLLOUT, 0);
  one("empty, write at the reading end", p[0], POLLOUT, 0);
  one("empty, all", p[0], 0x7fff, 0);
  one("empty, all at the writing end", p[1], 0x7fff, 0);
  write(p[1], page, 10);
  one("some, read", p[0], POLLIN, 0);
  one("some, normal", p[0], POLLRDNORM, 0);
  one("some, no events", p[0], 0, 0);
  one("some, write", p[1], POLLOUT | POLLWRNORM, 0);
  read(p[0], page, 10);
  write(p[1], page, 4096);
  one("full, write", p[1], POLLOUT, 0);
  one("full, time-out", p[1], POLLOUT, 5);
  close(p[1]);
  one("no writer, some", p[0], POLLIN, -1);
  read(p[0], page, 5000);
  one("no writer", p[0], POLLIN, -1);
  one("no writer, no events", p[0], 0, -1);
  close(p[0]);
  one("closed", p[0], POLLIN, -1);
  one("negative", -5, POLLIN, 0);
  pipe(p);
  close(p[0]);
  one("no reader", p[1], POLLOUT, -1);
  one("no reader, no events", p[1], 0, -1);
  close(p[1]);

  int path = open("/", O_PATH), dir = open("/", O_RDONLY), file = open("/proc/self/exe", O_RDONLY);
  one("O_PATH", path, POLLIN, 0);
  one("directory", dir, 0x7fff, 0);
  one("file", file < 0 ? dir : file, 0x7fff, 0);

  pipe(p);
  struct pollfd f[4] = {{p[0], POLLIN, 1}, {p[1], POLLOUT, 2}, {77, POLLIN, 3}, {-1, POLLIN, 4}};
  value("several", SYS_3(SYS_poll, f, 4, -1));
  say("%x %x %x %x", f[0].revents, f[1].revents, f[2].revents, f[3].revents);
  value("none, no time", SYS_3(SYS_poll, 0, 0, 0));
  value("none, 5 ms", SYS_3(SYS_poll, 0, 0, 5));
  value("null", SYS_3(SYS_poll, 0, 1, 0));
  value("bad address", SYS_3(SYS_poll, 8, 1, 0));
  value("kernel address", SYS_3(SYS_poll, -4096L, 1, 0));
  struct rlimit r = {300, 300};
  setrlimit(RLIMIT_NOFILE, &r);
  static struct pollfd many[301];
  for (int i = 0; i < 301; i++)
    many[i] = (struct pollfd){p[i & 1], POLLIN | POLLOUT, 0};
  value("as many as the limit", SYS_3(SYS_poll, many, 300, 0));
  value("more than the limit", SYS_3(SYS_poll, many, 301, 0));
  value("far more", SYS_3(SYS_poll, many, -1, 0));
  char *ro = pages(1);
  memcpy(ro, f, sizeof f);
  mprotect(ro, PAGE, PROT_READ);
  value("read-only", SYS_3(SYS_poll, ro, 4, 0));

  struct timespec t = {0, 0}, bad = {0, -1}, ten = {0, 5000000};
  unsigned long mask = 0;
  value("ppoll, no time", SYS_5(SYS_ppoll, f, 1, &t, 0, 0));
  value("ppoll, 5 ms", SYS_5(SYS_ppoll, f, 1, &ten, &mask, 8));
  yes_no("nothing is left", ten.tv_sec == 0 && ten.tv_nsec == 0);
  value("ppoll, null time", SYS_5(SYS_ppoll, f, 3, 0, 0, 0));
  ten.tv_sec = 5;
  value("ppoll, ready", SYS_5(SYS_ppoll, f, 3, &ten, 0, 0));
  yes_no("most is left", ten.tv_sec == 4 && ten.tv_nsec > 500000000);
  value("ppoll, bad time", SYS_5(SYS_ppoll, f, 1, &bad, 0, 0));
  value("ppoll, bad time address", SYS_5(SYS_ppoll, f, 1, 8, 0, 0));
  value("ppoll, bad mask size", SYS_5(SYS_ppoll, f, 1, &t, &mask, 4));
  value("ppoll, bad mask address", SYS_5(SYS_ppoll, f, 1, &t, 8, 8));
  value("ppoll, null fds", SYS_5(SYS_ppoll, 0, 1, &t, 0, 0));
  value("ppoll, many", SYS_5(SYS_ppoll, many, 300, &t, &mask, 8));
  struct timespec *rot = (struct timespec *)pages(1);
  rot->tv_nsec = 5000000;
  mprotect(rot, PAGE, PROT_READ);
  value("ppoll, time in read-only memory", SYS_5(SYS_ppoll, f, 1, rot, 0, 0));
  return 0;
}
