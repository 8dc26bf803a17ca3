// epoll on pipes and eventfds: level, edge, one-shot, changes, order, limits, the end of files.
//@ needs: events pipes
#include "guest.h"
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

static int ep;
static char page[4096];

static void show(const char *what, int max, int ms) {
  struct epoll_event e[16];
  memset(e, 0x55, sizeof e);
  long n = SYS_4(SYS_epoll_wait, ep, e, max, ms);
  if (failed(n)) {
    say("%s: %s", what, error_name(n));
    return;
  }
  char text[300] = "";
  for (long i = 0; i < n; i++)
    sprintf(text + strlen(text), " %x:%lx", e[i].events, (long)e[i].data.u64);
  say("%s: %ld%s", what, n, text);
}

static void ctl(const char *what, int op, int fd, unsigned events, unsigned long data) {
  struct epoll_event e = {.events = events, .data.u64 = data};
  value(what, SYS_4(SYS_epoll_ctl, ep, op, fd, &e));
}

#define ADD EPOLL_CTL_ADD
#define MOD EPOLL_CTL_MOD
#define DEL EPOLL_CTL_DEL

int main(void) {
  int p[2], q[2];
  ep = SYS_1(SYS_epoll_create1, EPOLL_CLOEXEC);
  say("flags %o %d", fcntl(ep, F_GETFL), fcntl(ep, F_GETFD));
  struct stat s;
  fstat(ep, &s);
  say("mode %o", s.st_mode);
  pipe2(p, O_NONBLOCK), pipe2(q, O_NONBLOCK);
  show("empty", 10, 0);
  ctl("add", ADD, p[0], EPOLLIN, 0x123456789abcdef0);
  show("nothing", 10, 5);
  write(p[1], page, 10);
  show("level", 10, -1);
  show("level again", 10, -1);
  read(p[0], page, 4096);
  show("read", 10, 0);

  ctl("edge", MOD, p[0], EPOLLIN | EPOLLET, 1);
  show("edge, nothing", 10, 0);
  write(p[1], page, 10);
  show("edge", 10, 0);
  show("edge again", 10, 0);
  write(p[1], page, 10);
  show("edge, more", 10, 0);
  read(p[0], page, 5);
  show("edge, read in part", 10, 0);
  ctl("edge, changed", MOD, p[0], EPOLLIN | EPOLLET, 2);
  show("edge after a change", 10, 0);
  show("edge again", 10, 0);

  ctl("one-shot", MOD, p[0], EPOLLIN | EPOLLONESHOT, 3);
  show("one-shot", 10, 0);
  show("one-shot again", 10, 0);
  write(p[1], page, 1);
  show("one-shot, more", 10, 0);
  ctl("armed again", MOD, p[0], EPOLLIN | EPOLLONESHOT, 4);
  show("armed again", 10, 0);

  ctl("add again", ADD, p[0], EPOLLIN, 0);
  ctl("change what is not there", MOD, q[0], EPOLLIN, 0);
  ctl("take out what is not there", DEL, q[0], 0, 0);
  value("take out, no event", SYS_4(SYS_epoll_ctl, ep, DEL, p[0], 0));
  value("add, no event", SYS_4(SYS_epoll_ctl, ep, ADD, p[0], 0));
  ctl("bad operation", 9, p[0], EPOLLIN, 0);
  ctl("closed descriptor", ADD, 77, EPOLLIN, 0);
  ctl("itself", ADD, ep, EPOLLIN, 0);
  int dir = open("/", O_RDONLY);
  ctl("directory", ADD, dir, EPOLLIN, 0);
  ctl("O_PATH", ADD, open("/", O_PATH), EPOLLIN, 0);
  struct epoll_event e = {.events = EPOLLIN};
  value("not an epoll", SYS_4(SYS_epoll_ctl, p[0], ADD, q[0], &e));
  value("wait on no epoll", SYS_4(SYS_epoll_wait, p[0], &e, 1, 0));
  value("wait on nothing", SYS_4(SYS_epoll_wait, 77, &e, 1, 0));
  show("no room", 0, 0);
  value("negative room", SYS_4(SYS_epoll_wait, ep, &e, -1, 0));
  value("too much room", SYS_4(SYS_epoll_wait, ep, &e, 0x7fffffff, 0));
  value("kernel address", SYS_4(SYS_epoll_wait, ep, -4096L, 1, 0));
  value("create 0", SYS_1(SYS_epoll_create, 0));
  value("create1 bad flags", SYS_1(SYS_epoll_create1, 1));
  outcome("create 1", SYS_1(SYS_epoll_create, 1));

  // Order, and fewer places than events.
  int ev[4];
  for (int i = 0; i < 4; i++) {
    ev[i] = eventfd(i != 2, EFD_NONBLOCK);
    ctl("eventfd", ADD, ev[i], EPOLLIN, 10 + i);
  }
  show("order", 10, 0);
  show("two", 2, 0);
  show("two", 2, 0);
  show("all", 10, 0);
  eventfd_write(ev[2], 1);
  show("all", 10, 0);
  eventfd_t n;
  eventfd_read(ev[0], &n);
  show("without the first", 10, 0);
  ctl("write readiness", MOD, ev[0], EPOLLOUT, 20);
  show("with the first", 10, 0);
  ctl("no events", MOD, ev[0], 0, 20);
  show("without it", 10, 0);
  // A bad address takes nothing away.
  value("bad address", SYS_4(SYS_epoll_wait, ep, 8, 2, 0));
  show("all", 10, 0);
  ctl("one-shot", MOD, ev[1], EPOLLIN | EPOLLONESHOT, 21);
  value("bad address", SYS_4(SYS_epoll_wait, ep, 8, 4, 0));
  show("one-shot was not spent", 10, 0);
  show("now it is", 10, 0);

  // Files that end leave the set; a duplicate keeps them there.
  int copy = dup(ev[2]);
  close(ev[2]);
  show("a duplicate is open", 10, 0);
  value("out by the old number", SYS_4(SYS_epoll_ctl, ep, DEL, ev[2], &e));
  close(copy);
  show("closed", 10, 0);
  close(ev[3]);
  show("closed", 10, 0);

  // The same file under two numbers.
  copy = dup(q[0]);
  ctl("one", ADD, q[0], EPOLLIN, 30);
  ctl("two", ADD, copy, EPOLLIN, 31);
  write(q[1], page, 1);
  show("both", 10, 0);
  close(q[1]);
  show("hang-up", 10, 0);
  read(q[0], page, 10);
  show("hang-up alone", 10, 0);
  ctl("nothing asked", MOD, q[0], 0, 32);
  show("hang-up always", 10, 0);
  close(q[0]), close(copy);
  show("gone", 10, 0);

  // The writing end.
  pipe2(q, O_NONBLOCK);
  ctl("writer", ADD, q[1], EPOLLOUT | EPOLLET, 40);
  show("room", 10, 0);
  show("edge", 10, 0);
  while (write(q[1], page, 4096) > 0)
    continue;
  show("full", 10, 0);
  read(q[0], page, 4096);
  show("room again", 10, 0);
  close(q[0]);
  show("no reader", 10, 0);
  show("edge", 10, 0);

  ctl("exclusive", ADD, p[0], EPOLLIN | EPOLLEXCLUSIVE, 50);
  show("exclusive", 10, 0);
  ctl("exclusive change", MOD, p[0], EPOLLIN, 50);
  ctl("change to exclusive", MOD, q[1], EPOLLIN | EPOLLEXCLUSIVE, 50);
  ctl("exclusive one-shot", ADD, ev[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 50);
  struct timespec t = {0, 3000000}, bad = {0, -5};
  value("pwait2", SYS_6(SYS_epoll_pwait2, ep, &e, 1, &t, 0, 8));
  value("pwait2, bad time", SYS_6(SYS_epoll_pwait2, ep, &e, 1, &bad, 0, 8));
  value("pwait2, bad time address", SYS_6(SYS_epoll_pwait2, ep, &e, 1, 8, 0, 8));
  value("pwait, bad mask size", SYS_6(SYS_epoll_pwait, ep, &e, 1, 0, &n, 4));
  value("pwait, bad mask", SYS_6(SYS_epoll_pwait, ep, &e, 1, 0, 8, 8));
  value("read", SYS_3(SYS_read, ep, page, 10));
  return 0;
}
