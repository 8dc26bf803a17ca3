// Whose port it is: bind(2) of TCP beside others, with SO_REUSEADDR, SO_REUSEPORT, addresses of both families, and
// behind connections that have ended.
//@ needs: tcp
#include "tcp.h"

enum { ADDRESS = 1, PORT = 2, LISTENS = 4, ONLY6 = 8 };

static int made(const char *address, int flags) {
  family = strchr(address, ':') ? AF_INET6 : AF_INET;
  int fd = tcp(), one = 1, only = (flags & ONLY6) != 0;
  if (flags & ADDRESS) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, 4);
  if (flags & PORT) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, 4);
  if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, 4);
  return fd;
}

static long bound(int fd, const char *address, int port) {
  union name n;
  memset(&n, 0, sizeof n);
  n.any.sa_family = family;
  if (family == AF_INET)
    n.four = (struct sockaddr_in){AF_INET, htons(port), {inet_addr(address)}, {0}};
  else {
    n.six.sin6_port = htons(port);
    inet_pton(AF_INET6, address, &n.six.sin6_addr);
  }
  return SYS_3(SYS_bind, fd, &n, size_of());
}

// Nobody's in either family: behind connections of others that have ended there is one that is nobody's in one of them.
static int free_port(void) {
  int fd = made("::", 0);
  if (failed(bound(fd, "::", 0))) _exit(93);
  int port = port_of((union name[]){name_of(fd)});
  close(fd);
  return port;
}

static void beside(const char *first, int first_flags, const char *second, int second_flags) {
  int port = free_port();
  int a = made(first, first_flags);
  if (failed(bound(a, first, port))) _exit(94);
  if (first_flags & LISTENS) listen(a, 1);
  int b = made(second, second_flags);
  long result = bound(b, second, port);
  const char *listens = "";
  if (!failed(result) && (second_flags & LISTENS)) {
    long l = SYS_2(SYS_listen, b, 1);
    listens = failed(l) ? error_name(l) : "listens";
  }
  say("%s %x beside %s %x: %s %s", second, second_flags, first, first_flags,
      failed(result) ? error_name(result) : "ok", listens);
  close(a), close(b);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  static const char *const addresses[] = {"0.0.0.0", "127.0.0.1", "127.0.0.2",
                                          "::",      "::1",       "::ffff:127.0.0.1"};
  static const int flags[] = {0, ADDRESS, PORT, LISTENS, ADDRESS | LISTENS, PORT | LISTENS, ONLY6};
  for (size_t i = 0; i < 6; i++)
    for (size_t j = 0; j < 6; j++)
      beside(addresses[i], 0, addresses[j], 0);
  for (size_t i = 0; i < 7; i++)
    for (size_t j = 0; j < 7; j++) {
      beside("127.0.0.1", flags[i], "127.0.0.1", flags[j]);
      beside("::", flags[i], "0.0.0.0", flags[j]);
    }
  beside("::", ONLY6, "::", 0);
  beside("0.0.0.0", LISTENS, "::", ONLY6 | LISTENS);

  int fd = made("127.0.0.1", 0);
  value("an address of nobody's", bound(fd, "192.0.2.1", 0));
  int group = made("127.0.0.1", 0);
  value("a group", bound(group, "224.0.0.1", 0));
  value("listens", SYS_2(SYS_listen, group, 1));
  close(group);
  value("bind", bound(fd, "127.0.0.1", 0));
  value("again", bound(fd, "127.0.0.1", 0));
  value("another", bound(fd, "127.0.0.1", 1));
  union name n = loopback(0);
  value("short", SYS_3(SYS_bind, fd, &n, 8));
  close(fd);
  fd = made("::1", 0);
  value("an address of nobody's", bound(fd, "2001:db8::1", 0));
  value("a link-local one without a link", bound(fd, "fe80::1", 0));
  n.any.sa_family = AF_INET;
  value("IPv4's name", SYS_3(SYS_bind, fd, &n, sizeof n.six));
  value("24 bytes", SYS_3(SYS_bind, fd, &n, 24));
  close(fd);
  fd = made("127.0.0.1", 0);
  n.any.sa_family = AF_UNSPEC;
  n.four.sin_addr.s_addr = 0;
  value("no family", SYS_3(SYS_bind, fd, &n, sizeof n.four));
  close(fd);

  // Behind a connection whose first end was the server's.
  family = AF_INET;
  union name n4;
  for (int shares = 0; shares <= 1; shares++) {
    listener = made("127.0.0.1", shares ? ADDRESS : 0);
    bound(listener, "127.0.0.1", 0);
    listen(listener, 1);
    n4 = name_of(listener);
    client = tcp();
    connect(client, &n4.any, size_of());
    server = accept(listener, NULL, NULL);
    int port = port_of(&n4);
    shutdown(server, SHUT_WR);
    shutdown(client, SHUT_WR);
    char byte;
    recv(server, &byte, 1, 0);
    recv(client, &byte, 1, 0);
    close(server), close(client), close(listener);
    listener = 0;
    fd = made("127.0.0.1", 0);
    value("a port in TIME_WAIT", bound(fd, "127.0.0.1", port));
    close(fd);
    fd = made("127.0.0.1", ADDRESS);
    value(shares ? "with SO_REUSEADDR of both" : "with SO_REUSEADDR of one", bound(fd, "127.0.0.1", port));
    value("listen", SYS_2(SYS_listen, fd, 1));
    close(fd);
  }

  // A client's port is taken once only for each peer.
  join();
  n = name_of(client);
  fd = made("127.0.0.1", ADDRESS);
  value("a client's port", bound(fd, "127.0.0.1", port_of(&n)));
  close(fd);
  union name l = name_of(listener);
  int one = 1;
  long shared = -EADDRINUSE;
  // Once in a while the port is also that of a connection to somewhere else, which has ended and shares it with nobody.
  for (int times = 0; times < 5 && shared == -EADDRINUSE; times++) {
    if (times > 0) close(fd), join(), n = name_of(client), l = name_of(listener);
    setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &one, 4);
    fd = made("127.0.0.1", ADDRESS);
    shared = bound(fd, "127.0.0.1", port_of(&n));
  }
  value("which may be shared", shared);
  value("not with the same peer", SYS_3(SYS_connect, fd, &l, size_of()));
  close(fd);

  // Each of those that share a port gets some.
  int shares[4], got[4] = {0};
  for (int i = 0; i < 4; i++) {
    shares[i] = made("127.0.0.1", PORT);
    if (i == 0) {
      bound(shares[0], "127.0.0.1", 0);
      n = name_of(shares[0]);
    } else if (failed(bound(shares[i], "127.0.0.1", port_of(&n))))
      say("not shared");
    listen(shares[i], 128);
    fcntl(shares[i], F_SETFL, O_NONBLOCK);
  }
  for (int i = 0; i < 100; i++) {
    int c = tcp();
    if (connect(c, &n.any, size_of()) != 0) say("refused");
    for (int j = 0; j < 4; j++) {
      int s = accept(shares[j], NULL, NULL);
      if (s < 0) continue;
      got[j]++;
      close(s);
    }
    close(c);
  }
  say("%d in all, each some: %d", got[0] + got[1] + got[2] + got[3], got[0] && got[1] && got[2] && got[3]);
  return 0;
}
