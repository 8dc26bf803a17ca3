// Datagram and seqpacket sockets of AF_UNIX: bounds, truncation, destinations, limits.
//@ needs: sockets
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static char big[500000];

static int ready(int fd) {
  struct pollfd f = {fd, 0x7fff, 0};
  poll(&f, 1, 0);
  return f.revents;
}

static void take(const char *what, int fd, size_t size, int flags) {
  static char c[100];
  struct sockaddr_un from;
  socklen_t length = sizeof from;
  memset(&from, 0, sizeof from);
  long n = SYS_6(SYS_recvfrom, fd, c, size, flags, &from, &length);
  if (failed(n)) {
    say("%s: %s", what, error_name(n));
    return;
  }
  say("%s: %ld %.*s from %d:%d:%s", what, n,
      (int)(n > 40           ? 40
            : n > (long)size ? (long)size
                             : n),
      c, length, from.sun_family, length > 3 ? from.sun_path + 1 : "");
}

static socklen_t name(struct sockaddr_un *a, const char *text) {
  memset(a, 0, sizeof *a);
  a->sun_family = AF_UNIX;
  sprintf(a->sun_path + 1, "%d-%s", getppid(), text);
  return 2 + 1 + strlen(a->sun_path + 1);
}

static void pair(const char *kind, int type) {
  int s[2];
  say("-- %s", kind);
  socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, s);
  say("ready %x", ready(s[0]));
  value("send", SYS_6(SYS_sendto, s[0], "first", 5, 0, 0, 0));
  value("send", SYS_6(SYS_sendto, s[0], "second message", 14, 0, 0, 0));
  value("send nothing", SYS_6(SYS_sendto, s[0], "", 0, 0, 0, 0));
  value("write", SYS_3(SYS_write, s[0], "last", 4));
  int n;
  ioctl(s[1], FIONREAD, &n);
  say("bytes of the first: %d", n);
  take("peek", s[1], 50, MSG_PEEK);
  take("whole", s[1], 50, 0);
  take("cut, peek, real length", s[1], 6, MSG_PEEK | MSG_TRUNC);
  take("cut", s[1], 6, 0);
  take("nothing", s[1], 50, 0);
  take("after nothing", s[1], 50, 0);
  take("empty", s[1], 50, 0);
  value("too long", SYS_6(SYS_sendto, s[0], big, sizeof big, 0, 0, 0));
  value("long", SYS_6(SYS_sendto, s[0], big, 100000, 0, 0, 0));
  value("read in part", SYS_3(SYS_read, s[1], big, 60000));
  take("gone", s[1], 50, 0);
  value("long", SYS_6(SYS_sendto, s[0], big, 100000, 0, 0, 0));
  value("read whole", SYS_3(SYS_read, s[1], big, sizeof big));
  SYS_6(SYS_sendto, s[0], "lost", 4, 0, 0, 0);
  value("read to nowhere", SYS_3(SYS_read, s[1], 8, 50));
  take("lost", s[1], 50, 0);
  value("shutdown", SYS_2(SYS_shutdown, s[0], SHUT_WR));
  value("send", SYS_6(SYS_sendto, s[0], "x", 1, 0, 0, 0));
  say("ready %x %x", ready(s[0]), ready(s[1]));
  take("end", s[1], 50, 0);
  close(s[1]);
  value("send to nobody", SYS_6(SYS_sendto, s[0], "x", 1, 0, 0, 0));
  say("ready %x", ready(s[0]));
  close(s[0]);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  pair("datagrams", SOCK_DGRAM);
  pair("seqpacket", SOCK_SEQPACKET);

  say("-- names");
  int a = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), b = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0),
      c = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  struct sockaddr_un an, bn, none;
  socklen_t al = name(&an, "a"), bl = name(&bn, "b"), nl = name(&none, "none");
  value("send, no destination", SYS_6(SYS_sendto, a, "x", 1, 0, 0, 0));
  value("send to a name that is not there", SYS_6(SYS_sendto, a, "x", 1, 0, &none, nl));
  value("bind", SYS_3(SYS_bind, a, &an, al));
  value("bind again", SYS_3(SYS_bind, a, &bn, bl));
  value("the same name", SYS_3(SYS_bind, b, &an, al));
  value("bind", SYS_3(SYS_bind, b, &bn, bl));
  value("a to b", SYS_6(SYS_sendto, a, "from a", 6, 0, &bn, bl));
  value("c to b", SYS_6(SYS_sendto, c, "from c", 6, 0, &bn, bl));
  struct sockaddr_un from;
  socklen_t length = sizeof from;
  long n = SYS_6(SYS_recvfrom, b, big, 50, 0, &from, &length);
  yes_no("named sender", n == 6 && length == al && memcmp(&from, &an, al) == 0);
  length = sizeof from;
  n = SYS_6(SYS_recvfrom, b, big, 50, 0, &from, &length);
  say("nameless sender: %ld %d", n, length);
  value("b connects to a", SYS_3(SYS_connect, b, &an, al));
  value("c to b now", SYS_6(SYS_sendto, c, "from c", 6, 0, &bn, bl));
  value("a to b still", SYS_6(SYS_sendto, a, "from a", 6, 0, &bn, bl));
  value("b to its peer", SYS_3(SYS_write, b, "to a", 4));
  value("c connects to b", SYS_3(SYS_connect, c, &bn, bl));
  value("b disconnects", SYS_3(SYS_connect, b, "\0\0", 2));
  value("b to its peer", SYS_3(SYS_write, b, "to a", 4));
  value("c connects to b", SYS_3(SYS_connect, c, &bn, bl));
  for (n = 0; n < 100 && SYS_3(SYS_write, c, "x", 1) == 1; n++)
    continue;
  say("messages that wait at most: %ld", n);
  say("ready %x", ready(c));
  read(b, big, 10), read(b, big, 10);
  say("ready %x", ready(c));
  value("listen", SYS_2(SYS_listen, a, 5));
  value("accept", SYS_3(SYS_accept, a, 0, 0));
  close(b);
  value("to a closed peer", SYS_3(SYS_write, c, "x", 1));
  value("and again", SYS_3(SYS_write, c, "x", 1));
  int stream = socket(AF_UNIX, SOCK_STREAM, 0);
  value("a stream to a datagram name", SYS_3(SYS_connect, stream, &an, al));
  return 0;
}
