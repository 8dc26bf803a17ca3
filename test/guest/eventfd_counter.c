// eventfd: the counter, its limits, semaphores, readiness, waiting.
//@ needs: events
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

static void ready(int fd) {
  struct pollfd f = {fd, 0x7fff, 0};
  poll(&f, 1, 0);
  say("  ready: %x", f.revents);
}

static void add(int fd, uint64_t n) {
  char what[40];
  sprintf(what, "add %lx", n);
  value(what, SYS_3(SYS_write, fd, &n, 8));
}

static void take(int fd) {
  uint64_t n = 0x5555;
  long r = SYS_3(SYS_read, fd, &n, 8);
  if (failed(r))
    say("take: %s", error_name(r));
  else
    say("take: %ld, %lx", r, n);
}

int main(void) {
  uint64_t two[2] = {1, 2};
  int fd = SYS_2(SYS_eventfd2, 5, EFD_NONBLOCK | EFD_CLOEXEC);
  say("flags %o %d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
  struct stat s;
  fstat(fd, &s);
  say("mode %o links %ld size %ld", s.st_mode, (long)s.st_nlink, (long)s.st_size);
  ready(fd);
  take(fd);
  ready(fd);
  take(fd);
  add(fd, 3), add(fd, 4);
  take(fd);
  add(fd, 0);
  take(fd);
  add(fd, 0xfffffffffffffffe);
  ready(fd);
  add(fd, 1);
  add(fd, 0);
  take(fd);
  add(fd, 0xffffffffffffffff);
  add(fd, 0xffffffff), add(fd, 0xffffffff), add(fd, 2);
  take(fd);
  value("read 4", SYS_3(SYS_read, fd, two, 4));
  value("write 4", SYS_3(SYS_write, fd, two, 4));
  value("write 16", SYS_3(SYS_write, fd, two, 16));
  add(fd, 9);
  value("read 16", SYS_3(SYS_read, fd, two, 16));
  say("got %ld %ld", two[0], two[1]);
  struct iovec v[2] = {{two, 4}, {two + 1, 4}};
  add(fd, 0x700000006);
  value("readv", SYS_3(SYS_readv, fd, v, 2));
  say("got %x %x", (unsigned)two[0], (unsigned)two[1]);
  add(fd, 1);
  value("read to nowhere", SYS_3(SYS_read, fd, 8, 8));
  take(fd);
  value("write from nowhere", SYS_3(SYS_write, fd, 8, 8));
  value("lseek", SYS_3(SYS_lseek, fd, 0, SEEK_SET));
  value("pread", SYS_4(SYS_pread64, fd, two, 8, 0));
  value("bad flags", SYS_2(SYS_eventfd2, 0, 0x100));
  close(fd);

  fd = SYS_2(SYS_eventfd2, 2, EFD_SEMAPHORE | EFD_NONBLOCK);
  take(fd), take(fd), take(fd);
  add(fd, 0x100000000);
  take(fd);
  ready(fd);
  close(fd);

  fd = SYS_1(SYS_eventfd, 0);
  say("flags %o %d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
  if (fork() == 0) {
    usleep(20000);
    eventfd_write(fd, 7);
    _exit(0);
  }
  take(fd);
  wait(0);
  add(fd, 0xfffffffffffffffe);
  if (fork() == 0) {
    usleep(20000);
    take(fd);
    _exit(0);
  }
  uint64_t six = 6;
  long r = SYS_3(SYS_write, fd, &six, 8);
  wait(0);
  value("add 6", r);
  take(fd);
  return 0;
}
