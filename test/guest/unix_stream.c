// Stream sockets of AF_UNIX: pairs, read and write, flags, shutdown, ends, readiness.
//@ needs: sockets
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

static char big[300000];
static int s[2];

static void fresh(int type) {
  if (s[0]) close(s[0]), close(s[1]);
  socketpair(AF_UNIX, type, 0, s);
}

static int ready(int fd) {
  struct pollfd f = {fd, 0x7fff, 0};
  poll(&f, 1, 0);
  return f.revents;
}

static void take(const char *what, int fd, size_t size, int flags) {
  char c[64] = "";
  long n = SYS_6(SYS_recvfrom, fd, c, size, flags, 0, 0);
  if (failed(n))
    say("%s: %s", what, error_name(n));
  else
    say("%s: %ld %.*s", what, n, (int)(n > 60 ? 60 : n), c);
}

static void left(const char *what) {
  int n = -1;
  ioctl(s[1], FIONREAD, &n);
  say("%s: %d bytes", what, n);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  value("pair", SYS_4(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s));
  say("descriptors %d %d flags %o %d", s[0], s[1], fcntl(s[0], F_GETFL), fcntl(s[1], F_GETFD));
  struct stat st;
  fstat(s[0], &st);
  say("mode %o links %ld size %ld blksize %ld", st.st_mode, (long)st.st_nlink, (long)st.st_size,
      (long)st.st_blksize);
  say("ready %x", ready(s[0]));
  take("empty", s[0], 10, 0);
  value("write", SYS_3(SYS_write, s[0], "hello world", 11));
  say("ready %x", ready(s[1]));
  left("after the write");
  take("peek", s[1], 5, MSG_PEEK);
  take("some", s[1], 5, 0);
  value("send", SYS_6(SYS_sendto, s[0], "+more", 5, 0, 0, 0));
  left("two writes");
  take("peek over both", s[1], 50, MSG_PEEK);
  take("both at once", s[1], 50, 0);
  take("empty", s[1], 50, MSG_DONTWAIT);
  value("write of nothing", SYS_3(SYS_write, s[0], "", 0));
  value("read of nothing", SYS_3(SYS_read, s[1], big, 0));
  struct iovec v[3] = {{"ab", 2}, {"", 0}, {"cde", 3}}, w[2] = {{big, 1}, {big + 1, 9}};
  value("writev", SYS_3(SYS_writev, s[1], v, 3));
  value("readv", SYS_3(SYS_readv, s[0], w, 2));
  say("got %.5s", big);
  value("lseek", SYS_3(SYS_lseek, s[0], 0, SEEK_SET));
  value("pread", SYS_4(SYS_pread64, s[0], big, 1, 0));
  value("MSG_OOB on an empty queue", SYS_6(SYS_recvfrom, s[0], big, 1, 0x4000000, 0, 0) == -EAGAIN ? 0 : 1);

  // Memory.
  value("write from nowhere", SYS_3(SYS_write, s[0], 8, 4));
  char *area = pages(1), *edge = area + PAGE - 4;
  SYS_3(SYS_write, s[0], "0123456789", 10);
  value("read to nowhere", SYS_3(SYS_read, s[1], 8, 4));
  left("still there");
  value("read across the edge", SYS_3(SYS_read, s[1], edge, 8));
  left("still there");
  value("read up to the edge", SYS_3(SYS_read, s[1], edge, 4));
  take("the rest", s[1], 50, 0);
  value("write across the edge", SYS_3(SYS_write, s[0], edge, 8));
  take("nothing came", s[1], 50, 0);

  // A large transfer.
  for (unsigned i = 0; i < sizeof big; i++)
    big[i] = i * 7 + i / 1000;
  long n = write(s[0], big, sizeof big);
  yes_no("much, but not all", n > 100000 && n < (long)sizeof big);
  say("ready %x", ready(s[0]));
  long got = 0, wrong = 0, m;
  static char back[70000];
  while ((m = read(s[1], back, sizeof back)) > 0) {
    for (long i = 0; i < m; i++)
      wrong += back[i] != (char)((got + i) * 7 + (got + i) / 1000);
    got += m;
  }
  yes_no("all that was written", got == n && wrong == 0);
  say("ready %x", ready(s[0]));

  // Shutdown.
  fresh(SOCK_STREAM | SOCK_NONBLOCK);
  write(s[0], "abc", 3);
  value("no more writes", SYS_2(SYS_shutdown, s[0], SHUT_WR));
  say("ready %x %x", ready(s[0]), ready(s[1]));
  value("write", SYS_3(SYS_write, s[0], "x", 1));
  take("what came before", s[1], 10, 0);
  take("the end", s[1], 10, 0);
  value("the other way", SYS_3(SYS_write, s[1], "back", 4));
  take("the other way", s[0], 10, 0);
  value("both", SYS_2(SYS_shutdown, s[1], SHUT_RDWR));
  say("ready %x %x", ready(s[0]), ready(s[1]));
  value("bad how", SYS_2(SYS_shutdown, s[1], 3));
  fresh(SOCK_STREAM | SOCK_NONBLOCK);
  value("no more reads", SYS_2(SYS_shutdown, s[1], SHUT_RD));
  say("ready %x %x", ready(s[0]), ready(s[1]));
  value("write to it", SYS_3(SYS_write, s[0], "x", 1));
  take("read", s[1], 10, 0);

  // Ends.
  fresh(SOCK_STREAM | SOCK_NONBLOCK);
  write(s[0], "abc", 3);
  close(s[0]);
  say("ready %x", ready(s[1]));
  value("write", SYS_3(SYS_write, s[1], "x", 1));
  value("send, no signal", SYS_6(SYS_sendto, s[1], "x", 1, MSG_NOSIGNAL, 0, 0));
  take("what it said", s[1], 10, 0);
  take("the end", s[1], 10, 0);
  s[0] = open("/", O_RDONLY);
  fresh(SOCK_STREAM | SOCK_NONBLOCK);
  write(s[0], "abc", 3);
  close(s[1]);
  say("ready, closed with unread data: %x", ready(s[0]));
  take("reset", s[0], 10, 0);
  take("once", s[0], 10, 0);
  s[1] = open("/", O_RDONLY);

  value("to an address", (fresh(SOCK_STREAM), SYS_6(SYS_sendto, s[0], "x", 1, 0, "\1\0abc", 5)));
  int alone = socket(AF_UNIX, SOCK_STREAM, 0);
  say("ready, unconnected: %x", ready(alone));
  value("write, unconnected", SYS_3(SYS_write, alone, "x", 1));
  value("read, unconnected", SYS_3(SYS_read, alone, big, 1));
  value("shutdown, unconnected", SYS_2(SYS_shutdown, alone, SHUT_RD));
  value("not a socket", SYS_6(SYS_sendto, 1, "x", 1, 0, 0, 0));
  value("not a descriptor", SYS_6(SYS_recvfrom, 99, big, 1, 0, 0, 0));
  value("bad family", SYS_3(SYS_socket, 99, SOCK_STREAM, 0));
  value("bad type", SYS_3(SYS_socket, AF_UNIX, 99, 0));
  value("bad kind", SYS_3(SYS_socket, AF_UNIX, SOCK_RDM, 0));
  value("bad protocol", SYS_3(SYS_socket, AF_UNIX, SOCK_STREAM, 5));
  value("pair, bad address", SYS_4(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 8));
  value("pair of another family", SYS_4(SYS_socketpair, AF_INET, SOCK_STREAM, 0, s));
  return 0;
}
