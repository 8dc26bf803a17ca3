// Options of sockets of TCP: what they are at first, what becomes of values, lengths, and of options that are not there.
//@ needs: tcp tcp-details
//@ args: 4
//@ args: 6
#include "tcp.h"

struct option {
  int level, name;
  const char *text;
};

#define TCP_ONE(name)                                                                                        \
  { IPPROTO_TCP, name, #name }
#define SOL_ONE(name)                                                                                        \
  { SOL_SOCKET, name, #name }
static const struct option options[] = {
    TCP_ONE(TCP_NODELAY),
    TCP_ONE(TCP_MAXSEG),
    TCP_ONE(TCP_CORK),
    TCP_ONE(TCP_KEEPIDLE),
    TCP_ONE(TCP_KEEPINTVL),
    TCP_ONE(TCP_KEEPCNT),
    TCP_ONE(TCP_SYNCNT),
    TCP_ONE(TCP_LINGER2),
    TCP_ONE(TCP_DEFER_ACCEPT),
    TCP_ONE(TCP_WINDOW_CLAMP),
    TCP_ONE(TCP_QUICKACK),
    TCP_ONE(TCP_USER_TIMEOUT),
    TCP_ONE(TCP_FASTOPEN),
    TCP_ONE(TCP_NOTSENT_LOWAT),
    TCP_ONE(TCP_SAVE_SYN),
    TCP_ONE(TCP_THIN_LINEAR_TIMEOUTS),
    TCP_ONE(TCP_THIN_DUPACK),
    TCP_ONE(TCP_FASTOPEN_CONNECT),
    TCP_ONE(TCP_INQ),
    TCP_ONE(TCP_REPAIR),
    TCP_ONE(TCP_FASTOPEN_NO_COOKIE),
    SOL_ONE(SO_DEBUG),
    SOL_ONE(SO_REUSEADDR),
    SOL_ONE(SO_TYPE),
    SOL_ONE(SO_ERROR),
    SOL_ONE(SO_DONTROUTE),
    SOL_ONE(SO_BROADCAST),
    SOL_ONE(SO_SNDBUF),
    SOL_ONE(SO_RCVBUF),
    SOL_ONE(SO_KEEPALIVE),
    SOL_ONE(SO_OOBINLINE),
    SOL_ONE(SO_PRIORITY),
    SOL_ONE(SO_REUSEPORT),
    SOL_ONE(SO_RCVLOWAT),
    SOL_ONE(SO_SNDLOWAT),
    SOL_ONE(SO_ACCEPTCONN),
    SOL_ONE(SO_PROTOCOL),
    SOL_ONE(SO_DOMAIN),
    SOL_ONE(SO_MARK),
    SOL_ONE(SO_BUSY_POLL),
    SOL_ONE(SO_ZEROCOPY),
    {IPPROTO_IP, IP_TTL, "IP_TTL"},
    {IPPROTO_IP, IP_TOS, "IP_TOS"},
    {IPPROTO_IP, IP_RECVERR, "IP_RECVERR"},
    {IPPROTO_IP, IP_MTU_DISCOVER, "IP_MTU_DISCOVER"},
    {IPPROTO_IP, IP_FREEBIND, "IP_FREEBIND"},
    {IPPROTO_IP, IP_PKTINFO, "IP_PKTINFO"},
    {IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY"},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, "IPV6_UNICAST_HOPS"},
    {IPPROTO_IPV6, IPV6_TCLASS, "IPV6_TCLASS"},
    {IPPROTO_IPV6, IPV6_RECVERR, "IPV6_RECVERR"},
};
#define COUNT (int)(sizeof options / sizeof *options)

static void show(const char *what, int fd, const struct option *o) {
  int v = -77;
  socklen_t length = sizeof v;
  long result = SYS_5(SYS_getsockopt, fd, o->level, o->name, &v, &length);
  if (failed(result))
    say("%s %s: %s", what, o->text, error_name(result));
  else
    say("%s %s: %d, %d bytes", what, o->text, length < 4 ? v & 0xff : v, length);
}

static void set(int fd, const struct option *o, int v, int size) {
  char text[80];
  snprintf(text, sizeof text, "%s = %d of %d bytes", o->text, v, size);
  value(text, SYS_5(SYS_setsockopt, fd, o->level, o->name, &v, size));
  show("  is now", fd, o);
}

static void all(const char *what, int fd) {
  for (int i = 0; i < COUNT; i++)
    show(what, fd, &options[i]);
}

int main(int argc, char **argv) {
  choose_family(argc, argv);
  int fd = tcp();
  all("new", fd);
  static const struct {
    int level, name;
    const char *text;
    int values[6];
  } sets[] = {
      {IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY", {1, 0, -5, 2}},
      {IPPROTO_TCP, TCP_CORK, "TCP_CORK", {1, 0, 7}},
      {IPPROTO_TCP, TCP_MAXSEG, "TCP_MAXSEG", {500, 87, 88, 40000, 0}},
      {IPPROTO_TCP, TCP_KEEPIDLE, "TCP_KEEPIDLE", {1, 32767, 32768, -1, 600}},
      {IPPROTO_TCP, TCP_KEEPINTVL, "TCP_KEEPINTVL", {1, 32767, 32768, 20}},
      {IPPROTO_TCP, TCP_KEEPCNT, "TCP_KEEPCNT", {1, 127, 128, 3}},
      {IPPROTO_TCP, TCP_SYNCNT, "TCP_SYNCNT", {1, 127, 128, 3}},
      {IPPROTO_TCP, TCP_LINGER2, "TCP_LINGER2", {5, -1, 121, 60}},
      {IPPROTO_TCP, TCP_DEFER_ACCEPT, "TCP_DEFER_ACCEPT", {1, 5, 1000, -1}},
      {IPPROTO_TCP, TCP_WINDOW_CLAMP, "TCP_WINDOW_CLAMP", {1, 100000, -1}},
      {IPPROTO_TCP, TCP_QUICKACK, "TCP_QUICKACK", {1, 2, 3}},
      {IPPROTO_TCP, TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT", {1, 100000, -1}},
      {IPPROTO_TCP, TCP_NOTSENT_LOWAT, "TCP_NOTSENT_LOWAT", {16384, -1}},
      {IPPROTO_TCP, TCP_SAVE_SYN, "TCP_SAVE_SYN", {1, 2, 3}},
      {IPPROTO_TCP, TCP_INQ, "TCP_INQ", {1, 2}},
      {SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE", {1, -3}},
      {SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR", {1, 77}},
      {SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT", {1}},
      {SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF", {1, 5000, 100000, 100000000}},
      {SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF", {1, 5000, 100000, 100000000}},
      {SOL_SOCKET, SO_RCVLOWAT, "SO_RCVLOWAT", {5, -1, 100000000}},
      {SOL_SOCKET, SO_SNDLOWAT, "SO_SNDLOWAT", {5}},
      {SOL_SOCKET, SO_PRIORITY, "SO_PRIORITY", {3, 7}},
      {IPPROTO_IP, IP_TTL, "IP_TTL", {1, 255, 256, -1}},
      {IPPROTO_IP, IP_TOS, "IP_TOS", {0x10, 0xff, 0x2b8}},
      {IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY", {1}},
      {IPPROTO_IPV6, IPV6_UNICAST_HOPS, "IPV6_UNICAST_HOPS", {1, 256, -1}},
      {IPPROTO_IPV6, IPV6_TCLASS, "IPV6_TCLASS", {0x10, 256, -1}},
  };
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    struct option o = {sets[i].level, sets[i].name, sets[i].text};
    for (int j = 0; j < 6 && (j == 0 || sets[i].values[j] != 0); j++)
      set(fd, &o, sets[i].values[j], 4);
    set(fd, &o, 1, 1);
    set(fd, &o, 1, 0);
    int v = -77;
    for (socklen_t size = 0; size < 6; size += 5) {
      socklen_t length = size;
      long result = SYS_5(SYS_getsockopt, fd, o.level, o.name, &v, &length);
      say("get with room for %d: %s, %d", size, failed(result) ? error_name(result) : "ok", length);
    }
  }
  close(fd);

  join();
  all("joined", client);
  all("listener", listener);
  char name[20];
  // Which one a system has at first is its own affair.
  value("reno", SYS_5(SYS_setsockopt, client, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
  for (socklen_t size = 0; size <= 16; size += 4) {
    memset(name, 'z', sizeof name);
    socklen_t length = size;
    long result = SYS_5(SYS_getsockopt, client, IPPROTO_TCP, TCP_CONGESTION, name, &length);
    say("TCP_CONGESTION of %d: %s, %d, %.17s", size, failed(result) ? error_name(result) : "ok", length,
        name);
  }
  socklen_t length = sizeof name;
  memset(name, 0, sizeof name);
  getsockopt(client, IPPROTO_TCP, TCP_CONGESTION, name, &length);
  say("it is %s", name);
  value("none such", SYS_5(SYS_setsockopt, client, IPPROTO_TCP, TCP_CONGESTION, "nonesuch", 8));
  value("no name", SYS_5(SYS_setsockopt, client, IPPROTO_TCP, TCP_CONGESTION, "", 0));
  value("no memory", SYS_5(SYS_setsockopt, client, IPPROTO_TCP, TCP_NODELAY, 8, 4));
  value("unknown", SYS_5(SYS_setsockopt, client, IPPROTO_TCP, 99, &length, 4));
  value("unknown", SYS_5(SYS_getsockopt, client, IPPROTO_TCP, 99, name, &length));
  value("unknown level", SYS_5(SYS_setsockopt, client, 77, 1, &length, 4));
  value("unknown level", SYS_5(SYS_getsockopt, client, 77, 1, name, &length));
  value("SO_REUSEPORT of a connected one",
        SYS_5(SYS_setsockopt, client, SOL_SOCKET, SO_REUSEPORT, (int[]){1}, 4));
  struct linger l = {7, 70000};
  value("SO_LINGER", SYS_5(SYS_setsockopt, client, SOL_SOCKET, SO_LINGER, &l, sizeof l));
  l = (struct linger){0, 0};
  length = sizeof l;
  value("SO_LINGER", SYS_5(SYS_getsockopt, client, SOL_SOCKET, SO_LINGER, &l, &length));
  say("%d %d, %d bytes", l.l_onoff, l.l_linger, length);
  value("a short one", SYS_5(SYS_setsockopt, client, SOL_SOCKET, SO_LINGER, &l, 4));
  // What a listener has, those that it accepts have.
  int on = 1, idle = 55;
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, 4);
  setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &on, 4);
  setsockopt(listener, IPPROTO_TCP, TCP_KEEPIDLE, &idle, 4);
  union name n = name_of(listener);
  close(client), close(server);
  client = tcp();
  connect(client, &n.any, size_of());
  server = accept(listener, NULL, NULL);
  for (int i = 0; i < COUNT; i++)
    if (options[i].name == TCP_NODELAY || options[i].name == TCP_KEEPIDLE || options[i].name == SO_KEEPALIVE)
      show("accepted", server, &options[i]);
  return 0;
}
