// Ping sockets (icmp(7)) of both families: whose they are, their identifiers, what may be sent, what comes back, options and
// control messages. Natively in a network namespace of its own, whose settings it changes.
//@ needs: sockets credentials fork
#include "network.h"
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/wait.h>

static unsigned char data[70000];
static const struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f};
static const struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

static void setting(const char *text) {
  int fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY);
  value("setting", write(fd, text, strlen(text)) == (long)strlen(text));
  close(fd);
}

static int made(int family) {
  return (int)SYS_3(SYS_socket, family, SOCK_DGRAM, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

static const void *to(int family, socklen_t *length) {
  *length = family == AF_INET ? sizeof four : sizeof six;
  return family == AF_INET ? (const void *)&four : &six;
}

static long echo(int s, int family, int type, int code, int size) {
  unsigned char e[64] = {type, code, 9, 9, 0x12, 0x34, 0, 7, 'p', 'i', 'n', 'g'};
  socklen_t length;
  const void *n = to(family, &length);
  return SYS_6(SYS_sendto, s, e, size, 0, n, length);
}

static int port_of(int s) {
  struct sockaddr_in6 n;
  socklen_t length = sizeof n;
  getsockname(s, (void *)&n, &length);
  return ntohs(n.sin6_port);
}

static void receive(const char *what, int s, int flags) {
  struct sockaddr_in6 from;
  char control[200];
  struct iovec v = {data, sizeof data};
  struct msghdr m = {.msg_name = &from,
                     .msg_namelen = sizeof from,
                     .msg_iov = &v,
                     .msg_iovlen = 1,
                     .msg_control = control,
                     .msg_controllen = sizeof control};
  memset(&from, 0, sizeof from);
  long r = SYS_3(SYS_recvmsg, s, &m, flags | MSG_DONTWAIT);
  if (failed(r)) {
    say("%s: %s", what, error_name(r));
    return;
  }
  say("%s: %ld bytes, type %d code %d, id %s, sequence %d, %.4s, from family %d port %d, name of %d", what, r,
      data[0], data[1], (data[4] << 8 | data[5]) == port_of(s) ? "its own" : "another",
      data[6] << 8 | data[7], data + 8, from.sin6_family, ntohs(from.sin6_port), m.msg_namelen);
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
    say("  level %d type %d: %d", c->cmsg_level, c->cmsg_type, *(int *)CMSG_DATA(c) & 0xff);
}

static void of(int family) {
  int reply = family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY,
      ask = family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST, on = 1, n;
  say("-- family %d", family);
  int s = made(family);
  if (s < 0) {
    value("socket", s);
    return;
  }
  struct pollfd p = {.fd = s, .events = 0xffff};
  say("port %d", port_of(s));
  value("another type", echo(s, family, reply, 0, 12));
  value("another code", echo(s, family, ask, 1, 12));
  value("too short", echo(s, family, ask, 0, 7));
  say("port %s", port_of(s) ? "some" : "none");
  value("echo", echo(s, family, ask, 0, 12));
  say("port %s", port_of(s) ? "some" : "none");
  poll(&p, 1, 0);
  say("events %x", p.revents);
  value("FIONREAD", (n = -1, SYS_3(SYS_ioctl, s, FIONREAD, &n)));
  receive("peek", s, MSG_PEEK);
  receive("reply", s, 0);
  receive("no more", s, 0);
  if (family == AF_INET)
    setsockopt(s, IPPROTO_IP, IP_RECVTTL, &on, 4);
  else
    setsockopt(s, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, 4);
  socklen_t length;
  const void *name = to(family, &length);
  value("connect", SYS_3(SYS_connect, s, name, length));
  unsigned char e[12] = {ask, 0, 0, 0, 0, 0, 0, 3, 'c', 'o', 'n', 'n'};
  value("write", SYS_3(SYS_write, s, e, sizeof e));
  receive("reply", s, 0);
  value("long", (memset(data, 0, 8), data[0] = ask, SYS_3(SYS_write, s, data, 60000)));
  receive("reply", s, MSG_TRUNC);
  value("too long", (data[0] = ask, SYS_3(SYS_write, s, data, 65536)));
  int t = made(family);
  struct sockaddr_in6 own;
  memset(&own, 0, sizeof own);
  memcpy(&own, name, length);
  own.sin6_port = htons(4242);
  value("bind", SYS_3(SYS_bind, t, &own, length));
  say("port %d", port_of(t));
  value("bind again", SYS_3(SYS_bind, t, &own, length));
  value("echo", echo(t, family, ask, 0, 12));
  receive("reply", t, 0);
  receive("not the other's", s, 0);
  int type = -1, protocol = -1, reuse = -1;
  length = 4;
  getsockopt(t, SOL_SOCKET, SO_TYPE, &type, &length),
      getsockopt(t, SOL_SOCKET, SO_PROTOCOL, &protocol, &length);
  getsockopt(t, SOL_SOCKET, SO_REUSEADDR, &reuse, &length);
  say("type %d, protocol %d, reuse %d", type, protocol, reuse);
  close(s), close(t);
}

static void by(const char *who, int uid, int gid) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    if (uid) setgid(gid), setuid(uid);
    int s = made(AF_INET), t = made(AF_INET6);
    say("%s: %s, %s", who, s < 0 ? error_name(s) : "ok", t < 0 ? error_name(t) : "ok");
    _exit(0);
  }
  waitpid(pid, 0, 0);
}

int main(void) {
  own_network();
  setting("1 0");
  by("root, nobody may", 0, 0);
  setting("100 200");
  by("root, others may", 0, 0);
  by("of the group", 1234, 150);
  by("of another", 1234, 250);
  setting("0 2147483647");
  by("of any", 1234, 250);
  of(AF_INET);
  of(AF_INET6);
  setting("1 0");
  return 0;
}
