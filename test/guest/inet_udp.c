// UDP sockets of both families: which sockets there are, names and their errors, connections, what is sent and received
// and how it ends, pending errors, shutdown, poll masks, FIONREAD.
//@ needs: sockets
#include "guest.h"
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static char buffer[70000];

union name {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static union name name_of(int family, const char *text, int port, socklen_t *length) {
  union name n;
  memset(&n, 0, sizeof n);
  n.any.sa_family = family;
  if (family == AF_INET6) {
    inet_pton(AF_INET6, text, &n.v6.sin6_addr);
    n.v6.sin6_port = htons(port);
    *length = sizeof n.v6;
  } else {
    inet_pton(AF_INET, text, &n.v4.sin_addr);
    n.v4.sin_port = htons(port);
    *length = sizeof n.v4;
  }
  return n;
}

static void tell(const char *what, long result, union name *n, socklen_t length, int ports) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (failed(result)) {
    say("%s: %s", what, error_name(result));
    return;
  }
  int port = ntohs(n->v4.sin_port);
  if (length == 0) {
    say("%s: %ld, no name", what, result);
    return;
  }
  inet_ntop(n->any.sa_family,
            n->any.sa_family == AF_INET6 ? (void *)&n->v6.sin6_addr : (void *)&n->v4.sin_addr, text,
            sizeof text);
  if (ports)
    say("%s: %ld, %d bytes: family %d %s port %d", what, result, length, n->any.sa_family, text, port);
  else
    say("%s: %ld, %d bytes: family %d %s port %s", what, result, length, n->any.sa_family, text,
        port ? "some" : "none");
}

static long bind_to(int s, int family, const char *text, int port) {
  socklen_t length;
  union name n = name_of(family, text, port, &length);
  return SYS_3(SYS_bind, s, &n, length);
}

static long connect_to(int s, int family, const char *text, int port) {
  socklen_t length;
  union name n = name_of(family, text, port, &length);
  return SYS_3(SYS_connect, s, &n, length);
}

static long send_to(int s, int family, const char *text, int port, const void *data, long size) {
  socklen_t length;
  union name n = name_of(family, text, port, &length);
  return SYS_6(SYS_sendto, s, data, size, 0, &n, length);
}

static void names(const char *what, int s, int ports) {
  union name n;
  socklen_t length = sizeof n;
  char line[100];
  memset(&n, 0, sizeof n);
  snprintf(line, sizeof line, "%s, its name", what);
  long r = SYS_3(SYS_getsockname, s, &n, &length);
  tell(line, r, &n, length, ports);
  length = sizeof n;
  snprintf(line, sizeof line, "%s, its peer", what);
  r = SYS_3(SYS_getpeername, s, &n, &length);
  tell(line, r, &n, length, 1);
}

static void receive(const char *what, int s, long room, int flags, int ports) {
  union name n;
  memset(&n, 0, sizeof n);
  socklen_t length = sizeof n;
  memset(buffer, 0, 64);
  long r = SYS_6(SYS_recvfrom, s, buffer, room, flags | MSG_DONTWAIT, &n, &length);
  tell(what, r, &n, length, ports);
  if (r > 0) say("  %.8s", buffer);
}

static int events(int s) {
  struct pollfd p = {.fd = s, .events = 0xffff};
  poll(&p, 1, 0);
  return p.revents;
}

static int pending(int s) {
  int error = -1;
  socklen_t length = sizeof error;
  getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

static void kinds(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_PACKET};
  static const int protocols[] = {-1, 0, 1, 2, 6, 17, 41, 58, 255, 256, 262, 263};
  for (int family = AF_INET; family <= AF_INET6; family += AF_INET6 - AF_INET)
    for (int t = 0; t < 6; t++)
      for (int p = 0; p < 12; p++) {
        // Streams are told of elsewhere, and so are ping sockets, which belong to those of a group.
        if (types[t] == SOCK_STREAM || (types[t] == SOCK_DGRAM && (protocols[p] == 1 || protocols[p] == 58)))
          continue;
        if (types[t] == SOCK_PACKET || (types[t] == SOCK_SEQPACKET && protocols[p] >= 0)) continue;
        long s = SYS_3(SYS_socket, family, types[t], protocols[p]);
        say("family %d type %d protocol %d: %s", family, types[t], protocols[p],
            failed(s) ? error_name(s) : "ok");
        if (!failed(s)) close(s);
      }
  int pair[2];
  value("a pair", SYS_4(SYS_socketpair, AF_INET, SOCK_DGRAM, 0, pair));
}

static void bounds(int family, const char *own, const char *foreign) {
  int s = socket(family, SOCK_DGRAM, 0), other = socket(family, SOCK_DGRAM, 0);
  socklen_t length;
  union name n = name_of(family, own, 4242, &length);
  say("-- names of family %d", family);
  names("new", s, 1);
  for (int l = -1; l < (int)length + 2; l += l < 1 ? 1 : 5) {
    int t = socket(family, SOCK_DGRAM, 0);
    say("bind with %d bytes: %s", l, error_name(SYS_3(SYS_bind, t, &n, l)));
    say("connect with %d bytes: %s", l, error_name(SYS_3(SYS_connect, t, &n, l)));
    if (l) say("send to %d bytes: %s", l, error_name(SYS_6(SYS_sendto, t, "x", 1, 0, &n, l)));
    close(t);
  }
  value("bind to a long name", SYS_3(SYS_bind, s, &n, 129));
  value("bind to nothing", SYS_3(SYS_bind, s, 0, length));
  value("bind to another's address", bind_to(s, family, foreign, 4242));
  union name wrong = n;
  wrong.any.sa_family = AF_UNIX;
  value("bind, another family", SYS_3(SYS_bind, s, &wrong, length));
  int third = socket(family, SOCK_DGRAM, 0);
  value("connect, another family", SYS_3(SYS_connect, third, &wrong, length));
  value("send, another family", SYS_6(SYS_sendto, third, "x", 1, 0, &wrong, length));
  close(third);
  wrong.any.sa_family = AF_UNSPEC;
  value("bind, no family", SYS_3(SYS_bind, s, &wrong, length));
  value("bind", bind_to(s, family, own, 4242));
  names("bound", s, 1);
  value("bind again", bind_to(s, family, own, 4243));
  value("another there", bind_to(other, family, own, 4242));
  value("another, any address", bind_to(other, family, family == AF_INET ? "0.0.0.0" : "::", 4242));
  value("another, any port", bind_to(other, family, own, 0));
  names("any port", other, 0);
  int on = 1;
  int r1 = socket(family, SOCK_DGRAM, 0), r2 = socket(family, SOCK_DGRAM, 0);
  setsockopt(r1, SOL_SOCKET, SO_REUSEADDR, &on, 4);
  setsockopt(r2, SOL_SOCKET, SO_REUSEPORT, &on, 4);
  value("reuse address beside one who does not", bind_to(r1, family, own, 4242));
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, 4);
  value("reuse address beside one who does", bind_to(r1, family, own, 4242));
  value("reuse port beside those", bind_to(r2, family, own, 4242));
  close(r1), close(r2);

  value("send to port 0", send_to(s, family, own, 0, "x", 1));
  value("send to nobody", SYS_6(SYS_sendto, s, "x", 1, 0, 0, 0));
  value("send nothing to nobody", SYS_3(SYS_write, s, "x", 0));
  close(s), close(other);
}

static void talk(int family, const char *own) {
  int a = socket(family, SOCK_DGRAM, 0), b = socket(family, SOCK_DGRAM, 0), on = 1, n;
  say("-- talk of family %d", family);
  value("bind", bind_to(a, family, own, 4250));
  value("new: events", events(b));
  value("receive of a new one", SYS_6(SYS_recvfrom, b, buffer, 10, MSG_DONTWAIT, 0, 0));
  value("send", send_to(b, family, own, 4250, "one", 3));
  names("its name then", b, 0);
  value("events", events(a));
  value("FIONREAD", (n = -1, ioctl(a, FIONREAD, &n), n));
  value("SIOCOUTQ", (n = -1, ioctl(b, SIOCOUTQ, &n), n));
  receive("peek", a, 10, MSG_PEEK, 0);
  receive("peek a part", a, 2, MSG_PEEK, 0);
  receive("peek a part, whole length", a, 2, MSG_PEEK | MSG_TRUNC, 0);
  receive("take a part", a, 2, 0, 0);
  receive("nothing more", a, 10, 0, 0);
  value("send nothing", send_to(b, family, own, 4250, "", 0));
  value("events", events(a));
  value("FIONREAD", (n = -1, ioctl(a, FIONREAD, &n), n));
  receive("nothing", a, 10, 0, 0);
  value("events", events(a));
  memset(buffer, 'l', sizeof buffer);
  value("send 65507", send_to(b, family, own, 4250, buffer, 65507));
  receive("whole", a, sizeof buffer, 0, 0);
  memset(buffer, 'm', sizeof buffer);
  value("send 65508", send_to(b, family, own, 4250, buffer, 65508));
  value("send 65527", send_to(b, family, own, 4250, buffer, 65527));
  value("send 65528", send_to(b, family, own, 4250, buffer, 65528));
  value("send 65536", send_to(b, family, own, 4250, buffer, 65536));
  receive("long", a, sizeof buffer, 0, 0);
  value("send from nowhere", send_to(b, family, own, 4250, (void *)8, 10));
  value("send", send_to(b, family, own, 4250, "two", 3));
  value("receive to nowhere", SYS_6(SYS_recvfrom, a, 8, 10, MSG_DONTWAIT, 0, 0));
  receive("is it gone", a, 10, 0, 0);

  value("connect", connect_to(b, family, own, 4250));
  names("connected", b, 0);
  value("write", SYS_3(SYS_write, b, "three", 5));
  value("read", SYS_3(SYS_read, a, buffer, 100));
  value("write nothing", SYS_3(SYS_write, b, "", 0));
  receive("is there something", a, 10, 0, 0);
  value("send to another", send_to(b, family, own, 4251, "four", 4));
  value("it was refused", SYS_3(SYS_write, b, "five", 4));
  receive("but not that", a, 10, 0, 0);
  value("connect to itself", connect_to(a, family, own, 4250));
  value("write to itself", SYS_3(SYS_write, a, "self", 4));
  receive("from itself", a, 10, 0, 1);
  value("a stranger writes", SYS_3(SYS_write, b, "strange", 7));
  receive("which is not heard", a, 10, 0, 1);
  value("pending", pending(b));
  value("connect to nobody's port", connect_to(b, family, own, 4299));
  value("write there", SYS_3(SYS_write, b, "six", 3));
  value("events", events(b));
  value("receive", SYS_6(SYS_recvfrom, b, buffer, 10, MSG_DONTWAIT, 0, 0));
  value("receive again", SYS_6(SYS_recvfrom, b, buffer, 10, MSG_DONTWAIT, 0, 0));
  value("write there", SYS_3(SYS_write, b, "six", 3));
  value("write again", SYS_3(SYS_write, b, "six", 3));
  value("and again", SYS_3(SYS_write, b, "six", 3));
  value("pending", pending(b));
  value("pending", pending(b));
  union name none;
  memset(&none, 0, sizeof none);
  value("disconnect", SYS_3(SYS_connect, b, &none, 2));
  names("disconnected", b, 0);
  value("disconnect a", SYS_3(SYS_connect, a, &none, sizeof none));
  names("a disconnected", a, 1);
  value("listen", SYS_2(SYS_listen, a, 1));
  value("accept", SYS_3(SYS_accept, a, 0, 0));

  value("shut down, not connected", SYS_2(SYS_shutdown, a, SHUT_RD));
  value("events", events(a));
  value("send", send_to(b, family, own, 4250, "seven", 5));
  receive("all the same", a, 10, 0, 0);
  receive("nothing more", a, 10, 0, 0);
  value("waiting ends", SYS_6(SYS_recvfrom, a, buffer, 10, 0, 0, 0));
  value("a bad way", SYS_2(SYS_shutdown, a, 3));
  value("connect", connect_to(b, family, own, 4250));
  value("shut down writing", SYS_2(SYS_shutdown, b, SHUT_WR));
  value("events", events(b));
  value("write", SYS_6(SYS_sendto, b, "x", 1, MSG_NOSIGNAL, 0, 0));
  value("shut down all", SYS_2(SYS_shutdown, b, SHUT_RDWR));
  value("events", events(b));
  close(a), close(b);

  // What may be more than one call.
  a = socket(family, SOCK_DGRAM, 0), b = socket(family, SOCK_DGRAM, 0);
  bind_to(a, family, own, 4252), connect_to(b, family, own, 4252);
  value("more", SYS_6(SYS_sendto, b, "ab", 2, MSG_MORE, 0, 0));
  receive("not yet", a, 10, 0, 0);
  value("more", SYS_6(SYS_sendto, b, "cd", 2, MSG_MORE, 0, 0));
  value("the last", SYS_6(SYS_sendto, b, "ef", 2, 0, 0, 0));
  receive("together", a, 10, 0, 0);
  value("cork", SYS_5(SYS_setsockopt, b, IPPROTO_UDP, UDP_CORK, &on, 4));
  value("corked", SYS_3(SYS_write, b, "gh", 2));
  value("corked", SYS_3(SYS_write, b, "ij", 2));
  receive("not yet", a, 10, 0, 0);
  on = 0;
  value("uncork", SYS_5(SYS_setsockopt, b, IPPROTO_UDP, UDP_CORK, &on, 4));
  receive("together", a, 10, 0, 0);
  int size = 3;
  value("segments", SYS_5(SYS_setsockopt, b, IPPROTO_UDP, 103, &size, 4));
  value("write", SYS_3(SYS_write, b, "kkkllll", 7));
  receive("first", a, 10, 0, 0);
  receive("second", a, 10, 0, 0);
  receive("third", a, 10, 0, 0);
  int peek = 0;
  value("peek offset", SYS_5(SYS_setsockopt, a, SOL_SOCKET, SO_PEEK_OFF, &peek, 4));
  size = 0;
  setsockopt(b, IPPROTO_UDP, 103, &size, 4);
  write(b, "abcdef", 6), write(b, "ghijkl", 6);
  receive("peek", a, 4, MSG_PEEK, 0);
  receive("peek", a, 4, MSG_PEEK, 0);
  receive("peek", a, 4, MSG_PEEK, 0);
  receive("peek", a, 9, MSG_PEEK, 0);
  receive("peek", a, 9, MSG_PEEK, 0);
  receive("take", a, 9, 0, 0);
  receive("peek", a, 9, MSG_PEEK, 0);
  close(a), close(b);
}

static void both(void) {
  say("-- both families");
  int six = socket(AF_INET6, SOCK_DGRAM, 0), four = socket(AF_INET, SOCK_DGRAM, 0),
      only = socket(AF_INET6, SOCK_DGRAM, 0);
  int on = 1;
  value("bind to ::", bind_to(six, AF_INET6, "::", 4260));
  value("0.0.0.0 beside it", bind_to(four, AF_INET, "0.0.0.0", 4260));
  value("V6ONLY, bound", SYS_5(SYS_setsockopt, six, IPPROTO_IPV6, IPV6_V6ONLY, &on, 4));
  value("V6ONLY", SYS_5(SYS_setsockopt, only, IPPROTO_IPV6, IPV6_V6ONLY, &on, 4));
  value("it beside both", bind_to(only, AF_INET6, "::", 4260));
  value("IPv4 to it", send_to(four, AF_INET, "127.0.0.1", 4260, "four", 4));
  receive("mapped", six, 10, 0, 0);
  value("IPv6 to IPv4", send_to(six, AF_INET6, "::ffff:127.0.0.1", 4261, "x", 1));
  value("bind four", bind_to(four, AF_INET, "127.0.0.1", 4261));
  value("four may be bound once", bind_to(four, AF_INET, "127.0.0.1", 4262));
  value("an AF_INET name", send_to(six, AF_INET, "127.0.0.1", 4260, "self", 4));
  receive("from itself", six, 10, 0, 0);
  value("mapped and bound", bind_to(only, AF_INET6, "::ffff:127.0.0.1", 4263));
  int mapped = socket(AF_INET6, SOCK_DGRAM, 0);
  value("mapped", bind_to(mapped, AF_INET6, "::ffff:127.0.0.1", 4263));
  names("mapped", mapped, 1);
  value("IPv6 from there", send_to(mapped, AF_INET6, "::1", 4260, "x", 1));
  value("only to IPv4", send_to(only, AF_INET6, "::ffff:127.0.0.1", 4260, "x", 1));
  value("only to an AF_INET name", send_to(only, AF_INET, "127.0.0.1", 4260, "x", 1));
  value("only connects to IPv4", connect_to(only, AF_INET6, "::ffff:127.0.0.1", 4260));
  value("only connects to an AF_INET name", connect_to(only, AF_INET, "127.0.0.1", 4260));
  value("connect to ::", connect_to(mapped, AF_INET6, "::", 4260));
  names("connected to ::", mapped, 1);
  int any = socket(AF_INET, SOCK_DGRAM, 0);
  value("connect to 0.0.0.0", connect_to(any, AF_INET, "0.0.0.0", 4260));
  names("connected to 0.0.0.0", any, 0);
  value("connect there", connect_to(only, AF_INET6, "fe80::1", 9));
  value("bind there", bind_to(socket(AF_INET6, SOCK_DGRAM, 0), AF_INET6, "fe80::1", 9));
}

int main(void) {
  kinds();
  bounds(AF_INET, "127.0.0.1", "192.0.2.77");
  bounds(AF_INET6, "::1", "2001:db8::77");
  talk(AF_INET, "127.0.0.1");
  talk(AF_INET6, "::1");
  both();
  return 0;
}
