// MSG_ZEROCOPY: who may ask for it, and what the error queue says of sends that were over loopback, which are copied all the
// same.
//@ needs: sockets tcp
#include "guest.h"
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

static char data[200000];

static int events(int s, int ms) {
  struct pollfd p = {.fd = s, .events = 0};
  return poll(&p, 1, ms) == 1 ? p.revents : 0;
}

static void told(int s, int room) {
  char control[200] = {0};
  struct sockaddr_storage name;
  struct iovec v = {data, 100};
  struct msghdr m = {.msg_name = &name,
                     .msg_namelen = sizeof name,
                     .msg_iov = &v,
                     .msg_iovlen = 1,
                     .msg_control = control,
                     .msg_controllen = room};
  long r = SYS_3(SYS_recvmsg, s, &m, MSG_ERRQUEUE);
  if (failed(r)) return value("told", r);
  say("told: %ld, flags %x, name %d", r, m.msg_flags, m.msg_namelen);
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
    struct sock_extended_err *e = (void *)CMSG_DATA(c);
    say("  control %d %d, %d bytes: errno %d, origin %d, type %d, code %d, %u to %u", c->cmsg_level,
        c->cmsg_type, (int)c->cmsg_len, e->ee_errno, e->ee_origin, e->ee_type, e->ee_code, e->ee_info,
        e->ee_data);
  }
}

static void drain(int s) {
  while (recv(s, data, sizeof data, MSG_DONTWAIT) > 0)
    ;
}

static void on(int s) {
  int one = 1;
  value("on", SYS_5(SYS_setsockopt, s, SOL_SOCKET, SO_ZEROCOPY, &one, 4));
}

// A wait until all that was sent has been acknowledged.
static void settle(int s, int r) {
  for (int i = 0; i < 100; i++) {
    struct tcp_info t;
    socklen_t length = sizeof t;
    drain(r);
    getsockopt(s, IPPROTO_TCP, TCP_INFO, &t, &length);
    if (!t.tcpi_unacked) return;
    usleep(10000);
  }
}

static void stream(int family) {
  say("-- stream, family %d", family);
  struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  if (family == AF_INET)
    *(struct sockaddr_in *)&name =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof name;
  int l = socket(family, SOCK_STREAM, 0), s = socket(family, SOCK_STREAM, 0);
  bind(l, (void *)&name, sizeof name), listen(l, 1), getsockname(l, (void *)&name, &length);
  connect(s, (void *)&name, sizeof name);
  int r = accept(l, 0, 0);
  value("without it", SYS_6(SYS_sendto, s, data, 100, MSG_ZEROCOPY, 0, 0));
  settle(s, r);
  told(s, 200);
  on(s);
  value("without the flag", SYS_6(SYS_sendto, s, data, 100, 0, 0, 0));
  settle(s, r);
  told(s, 200);
  value("with both", SYS_6(SYS_sendto, s, data, 100, MSG_ZEROCOPY, 0, 0));
  settle(s, r);
  say("events %x", events(s, 1000));
  told(s, 200);
  say("events %x", events(s, 0));
  told(s, 200);
  for (int i = 0; i < 4; i++)
    value("many", SYS_6(SYS_sendto, s, data, 50000, MSG_ZEROCOPY, 0, 0)), settle(s, r);
  value("nothing", SYS_6(SYS_sendto, s, data, 0, MSG_ZEROCOPY, 0, 0));
  int error = -1;
  length = sizeof error;
  getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &length);
  say("error %d", error);
  value("still sends", SYS_6(SYS_sendto, s, data, 100, MSG_ZEROCOPY, 0, 0));
  settle(s, r);
  told(s, 200);
  value("a little room", SYS_6(SYS_sendto, s, data, 100, MSG_ZEROCOPY, 0, 0));
  settle(s, r);
  told(s, 20);
  close(s), close(r), close(l);
}

static void datagrams(int family) {
  say("-- datagrams, family %d", family);
  struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  if (family == AF_INET)
    *(struct sockaddr_in *)&name =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof name;
  int r = socket(family, SOCK_DGRAM, 0), s = socket(family, SOCK_DGRAM, 0);
  bind(r, (void *)&name, sizeof name), getsockname(r, (void *)&name, &length);
  value("without it", SYS_6(SYS_sendto, s, data, 100, MSG_ZEROCOPY, &name, length));
  told(s, 200);
  on(s);
  value("one", SYS_6(SYS_sendto, s, data, 100, MSG_ZEROCOPY, &name, length));
  drain(r);
  say("events %x", events(s, 1000));
  told(s, 200);
  for (int i = 0; i < 3; i++)
    value("many", SYS_6(SYS_sendto, s, data, 1000, MSG_ZEROCOPY, &name, length)), drain(r);
  value("nothing", SYS_6(SYS_sendto, s, data, 0, MSG_ZEROCOPY, &name, length));
  value("too long", SYS_6(SYS_sendto, s, data, 70000, MSG_ZEROCOPY, &name, length));
  drain(r);
  told(s, 200);
  told(s, 200);
  value("one more", SYS_6(SYS_sendto, s, data, 100, MSG_ZEROCOPY, &name, length));
  drain(r);
  told(s, 200);
  close(s), close(r);
}

int main(void) {
  int one = 1;
  int u = socket(AF_UNIX, SOCK_STREAM, 0), i = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  value("of AF_UNIX", SYS_5(SYS_setsockopt, u, SOL_SOCKET, SO_ZEROCOPY, &one, 4));
  value("raw", SYS_5(SYS_setsockopt, i, SOL_SOCKET, SO_ZEROCOPY, &one, 4));
  close(u), close(i);
  stream(AF_INET), stream(AF_INET6), datagrams(AF_INET), datagrams(AF_INET6);
  return 0;
}
