// What a connection has of the socket that listened: options of every level, time-outs, and what it does not have.
//@ needs: tcp
//@ args: 4
//@ args: 6
#include "tcp.h"
#include <sys/time.h>

static const struct {
  int level, name, value;
  const char *text;
} options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE"},
               {SOL_SOCKET, SO_OOBINLINE, 1, "SO_OOBINLINE"},
               {SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"},
               {SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"},
               {SOL_SOCKET, SO_PRIORITY, 5, "SO_PRIORITY"},
               {SOL_SOCKET, SO_MARK, 77, "SO_MARK"},
               {SOL_SOCKET, SO_RCVLOWAT, 9, "SO_RCVLOWAT"},
               {SOL_SOCKET, SO_DONTROUTE, 1, "SO_DONTROUTE"},
               {SOL_SOCKET, SO_BROADCAST, 1, "SO_BROADCAST"},
               {SOL_SOCKET, SO_RCVBUF, 50000, "SO_RCVBUF"},
               {SOL_SOCKET, SO_SNDBUF, 60000, "SO_SNDBUF"},
               {SOL_SOCKET, SO_TIMESTAMP, 1, "SO_TIMESTAMP"},
               {IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"},
               {IPPROTO_TCP, TCP_KEEPIDLE, 33, "TCP_KEEPIDLE"},
               {IPPROTO_TCP, TCP_KEEPINTVL, 34, "TCP_KEEPINTVL"},
               {IPPROTO_TCP, TCP_KEEPCNT, 35, "TCP_KEEPCNT"},
               {IPPROTO_TCP, TCP_USER_TIMEOUT, 3600, "TCP_USER_TIMEOUT"},
               {IPPROTO_TCP, TCP_LINGER2, 7, "TCP_LINGER2"},
               {IPPROTO_TCP, TCP_NOTSENT_LOWAT, 9999, "TCP_NOTSENT_LOWAT"},
               {IPPROTO_TCP, TCP_INQ, 1, "TCP_INQ"},
               {IPPROTO_IP, IP_TTL, 44, "IP_TTL"},
               {IPPROTO_IP, IP_TOS, 0x10, "IP_TOS"},
               {IPPROTO_IP, IP_MTU_DISCOVER, 0, "IP_MTU_DISCOVER"},
               {IPPROTO_IP, IP_RECVERR, 1, "IP_RECVERR"},
               {IPPROTO_IP, IP_MINTTL, 3, "IP_MINTTL"},
               {IPPROTO_IP, IP_FREEBIND, 1, "IP_FREEBIND"},
               {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 45, "IPV6_UNICAST_HOPS"},
               {IPPROTO_IPV6, IPV6_TCLASS, 0x20, "IPV6_TCLASS"},
               {IPPROTO_IPV6, IPV6_RECVERR, 1, "IPV6_RECVERR"},
               {IPPROTO_IPV6, IPV6_MTU_DISCOVER, 0, "IPV6_MTU_DISCOVER"}};

static void time_of(const char *what, int s, int option) {
  struct timeval t = {-1, -1};
  socklen_t length = sizeof t;
  getsockopt(s, SOL_SOCKET, option, &t, &length);
  say("%s: %ld.%ld", what, (long)t.tv_sec, (long)t.tv_usec / 100000);
}

int main(int argc, char **argv) {
  choose_family(argc, argv);
  union name n;
  int l = listening(8, &n);
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    setsockopt(l, options[i].level, options[i].name, &options[i].value, 4);
  struct timeval in = {3, 250000}, out = {4, 500000};
  struct linger linger = {1, 6};
  setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &in, sizeof in),
      setsockopt(l, SOL_SOCKET, SO_SNDTIMEO, &out, sizeof out);
  setsockopt(l, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  fcntl(l, F_SETFL, O_NONBLOCK);
  int c = tcp();
  if (connect(c, &n.any, size_of())) return 1;
  ready_for(l, POLLIN);
  int a = accept(l, NULL, NULL);
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    int v = -77;
    socklen_t length = sizeof v;
    long r = SYS_5(SYS_getsockopt, a, options[i].level, options[i].name, &v, &length);
    say("%s: %s, %d", options[i].text, failed(r) ? error_name(r) : "ok", v);
  }
  time_of("SO_RCVTIMEO", a, SO_RCVTIMEO), time_of("SO_SNDTIMEO", a, SO_SNDTIMEO);
  linger = (struct linger){0, 0};
  socklen_t length = sizeof linger;
  getsockopt(a, SOL_SOCKET, SO_LINGER, &linger, &length);
  say("SO_LINGER: %d %d", linger.l_onoff, linger.l_linger);
  say("waits: %s", fcntl(a, F_GETFL) & O_NONBLOCK ? "no" : "yes");
  return 0;
}
