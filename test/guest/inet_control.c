// Control messages of internet sockets both ways, and the error queue: packet info, hop limits, traffic classes, original
// destinations, time stamps, lost datagrams, and errors that ICMP tells of.
//@ needs: sockets clocks
#include "guest.h"
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#define PORT 4300

static char data[70000], control[1024];

static struct sockaddr_storage name_of(int family, int port, socklen_t *length) {
  struct sockaddr_storage n = {.ss_family = family};
  if (family == AF_INET6) {
    struct sockaddr_in6 *six = (void *)&n;
    six->sin6_port = htons(port), six->sin6_addr = in6addr_loopback;
    *length = sizeof *six;
  } else {
    struct sockaddr_in *four = (void *)&n;
    four->sin_port = htons(port), four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *length = sizeof *four;
  }
  return n;
}

static int made(int family, int port) {
  socklen_t length;
  struct sockaddr_storage n = name_of(family, port, &length);
  int s = socket(family, SOCK_DGRAM, 0);
  if (port) bind(s, (void *)&n, length);
  return s;
}

static long send_with(int s, int family, int port, int level, int type, const void *body, int size,
                      int whole) {
  socklen_t length;
  struct sockaddr_storage n = name_of(family, port, &length);
  struct iovec v = {"hello", 5};
  memset(control, 0, sizeof control);
  struct msghdr m = {.msg_name = port ? &n : 0, .msg_namelen = length, .msg_iov = &v, .msg_iovlen = 1};
  if (level >= 0) {
    struct cmsghdr *c = (void *)control;
    c->cmsg_len = CMSG_LEN(size), c->cmsg_level = level, c->cmsg_type = type;
    memcpy(CMSG_DATA(c), body, size);
    m.msg_control = control, m.msg_controllen = whole ? whole : (int)CMSG_SPACE(size);
  }
  return SYS_3(SYS_sendmsg, s, &m, 0);
}

static void show(struct msghdr *m) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
    char line[300];
    int size = (int)(c->cmsg_len - CMSG_LEN(0)),
        n = sprintf(line, "  level %d type %d, %d bytes:", c->cmsg_level, c->cmsg_type, size);
    int is_time = c->cmsg_level == SOL_SOCKET && c->cmsg_type != SO_RXQ_OVFL && c->cmsg_type != SO_MARK;
    unsigned char *bytes = CMSG_DATA(c);
    int is_address = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == 11 /* IPV6_FLOWINFO */;
    for (int i = 0; !is_time && !is_address && i < size && i < 64; i++)
      n += sprintf(line + n, " %02x", bytes[i]);
    say("%s", line);
  }
}

static void receive(const char *what, int s, int flags, int room, int control_room) {
  struct sockaddr_storage n;
  memset(&n, 0, sizeof n);
  struct iovec v = {data, room};
  struct msghdr m = {.msg_name = &n,
                     .msg_namelen = sizeof n,
                     .msg_iov = &v,
                     .msg_iovlen = 1,
                     .msg_control = control,
                     .msg_controllen = control_room};
  memset(data, 0, 16);
  long r = SYS_3(SYS_recvmsg, s, &m, flags | MSG_DONTWAIT);
  if (failed(r)) {
    say("%s: %s", what, error_name(r));
    return;
  }
  int port = ntohs(((struct sockaddr_in *)&n)->sin_port);
  say("%s: %ld '%.8s', name of %d bytes, family %d, port %d, flags %x, control of %ld bytes", what, r, data,
      m.msg_namelen, n.ss_family, port >= PORT && port < PORT + 20 ? port : 0, m.msg_flags,
      (long)m.msg_controllen);
  show(&m);
}

static void on(int s, int level, int name, int v) {
  long r = SYS_5(SYS_setsockopt, s, level, name, &v, 4);
  if (failed(r)) say("option %d of %d: %s", name, level, error_name(r));
}

static void wanted(int family, int to) {
  say("-- what a receiver of family %d wants of family %d", family, to);
  int a = made(to == AF_INET && family == AF_INET6 ? AF_INET6 : family, 0), b = made(to, 0);
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
  if (family == AF_INET6)
    bind(a, (void *)&any, sizeof any);
  else
    a = made(AF_INET, PORT);
  int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
  static const int four[] = {IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IP_RECVOPTS, IP_RETOPTS, IP_ORIGDSTADDR};
  static const int six[] = {IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS,
                            IPV6_2292PKTINFO, IPV6_2292HOPLIMIT, IPV6_ORIGDSTADDR};
  for (int i = 0; i < 6; i++)
    on(a, level, family == AF_INET ? four[i] : six[i], 1);
  if (family == AF_INET6)
    for (int i = 0; i < 6; i++)
      on(a, IPPROTO_IP, four[i], 1);
  send_with(b, to, PORT, -1, 0, 0, 0, 0);
  receive("all of it", a, 0, 100, sizeof control);
  on(b, IPPROTO_IP, IP_TTL, 7), on(b, IPPROTO_IP, IP_TOS, 0x28);
  if (to == AF_INET6) on(b, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9), on(b, IPPROTO_IPV6, IPV6_TCLASS, 0x30);
  send_with(b, to, PORT, -1, 0, 0, 0, 0);
  receive("with options", a, MSG_PEEK, 100, sizeof control);
  receive("no room for some", a, MSG_PEEK, 3, 60);
  receive("no room for one", a, MSG_PEEK, 3, 20);
  receive("no room at all", a, 0, 3, 0);
  for (int i = 0; i < 6; i++)
    on(a, level, family == AF_INET ? four[i] : six[i], 0);
  for (int i = 0; i < 6; i++)
    on(a, IPPROTO_IP, four[i], 0);
  static const int stamps[] = {SO_TIMESTAMP, SO_TIMESTAMPNS};
  for (int i = 0; i < 2; i++) {
    on(a, SOL_SOCKET, stamps[i], 1);
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME, &before);
    send_with(b, to, PORT, -1, 0, 0, 0, 0);
    clock_gettime(CLOCK_REALTIME, &after);
    receive("stamped", a, 0, 100, sizeof control);
    long long *t = (void *)CMSG_DATA((struct cmsghdr *)control);
    long long ns = t[0] * 1000000000 + t[1] * (i ? 1 : 1000);
    long long from = before.tv_sec * 1000000000ll + before.tv_nsec,
              until = after.tv_sec * 1000000000ll + after.tv_nsec;
    // A time in microseconds is cut off; two clocks agree within that.
    yes_no("while it was sent", ns >= from - 20000 && ns <= until + 20000);
  }
  on(a, SOL_SOCKET, SO_TIMESTAMPNS, 0);
  on(a, SOL_SOCKET, SO_RXQ_OVFL, 1), on(a, SOL_SOCKET, SO_RCVBUF, 1);
  for (int i = 0; i < 8; i++)
    send_with(b, to, PORT, -1, 0, 0, 0, 0);
  for (int i = 0; i < 4; i++)
    receive("of a full queue", a, 0, 100, sizeof control);
  send_with(b, to, PORT, -1, 0, 0, 0, 0);
  receive("behind it", a, 0, 100, sizeof control);
  on(a, SOL_SOCKET, SO_RXQ_OVFL, 0);
  on(a, SOL_SOCKET, 75, 1), on(b, SOL_SOCKET, SO_MARK, 0x1234);
  send_with(b, to, PORT, -1, 0, 0, 0, 0);
  receive("marked", a, 0, 100, sizeof control);
  close(a), close(b);
}

static void sent(void) {
  say("-- what a sender says, IPv4");
  int a = made(AF_INET, PORT), b = made(AF_INET, 0), number;
  on(a, IPPROTO_IP, IP_RECVTTL, 1), on(a, IPPROTO_IP, IP_RECVTOS, 1), on(a, IPPROTO_IP, IP_PKTINFO, 1);
  static const int values[] = {-1, 0, 1, 200, 255, 256};
  for (int i = 0; i < 6; i++) {
    say("value %d", values[i]);
    value("TTL", send_with(b, AF_INET, PORT, IPPROTO_IP, IP_TTL, &values[i], 4, 0));
    receive("came", a, 0, 100, sizeof control);
    value("TOS", send_with(b, AF_INET, PORT, IPPROTO_IP, IP_TOS, &values[i], 4, 0));
    receive("came", a, 0, 100, sizeof control);
  }
  char byte = 8;
  value("TOS of a byte", send_with(b, AF_INET, PORT, IPPROTO_IP, IP_TOS, &byte, 1, 0));
  receive("came", a, 0, 100, sizeof control);
  struct in_pktinfo info = {.ipi_ifindex = 1, .ipi_spec_dst.s_addr = htonl(0x7f000007)};
  value("packet info", send_with(b, AF_INET, PORT, IPPROTO_IP, IP_PKTINFO, &info, sizeof info, 0));
  receive("came", a, 0, 100, sizeof control);
  info.ipi_ifindex = 77;
  value("of no device", send_with(b, AF_INET, PORT, IPPROTO_IP, IP_PKTINFO, &info, sizeof info, 0));
  info.ipi_ifindex = 0, info.ipi_spec_dst.s_addr = htonl(0xc0000201);
  value("of another's address", send_with(b, AF_INET, PORT, IPPROTO_IP, IP_PKTINFO, &info, sizeof info, 0));
  value("too short", send_with(b, AF_INET, PORT, IPPROTO_IP, IP_PKTINFO, &info, 8, 0));
  number = 9;
  value("an unknown one", send_with(b, AF_INET, PORT, IPPROTO_IP, 77, &number, 4, 0));
  value("of another level", send_with(b, AF_INET, PORT, 99, 1, &number, 4, 0));
  receive("came", a, 0, 100, sizeof control);
  value("of IPv6", send_with(b, AF_INET, PORT, IPPROTO_IPV6, IPV6_HOPLIMIT, &number, 4, 0));
  receive("came", a, 0, 100, sizeof control);
  value("of the socket's level", send_with(b, AF_INET, PORT, SOL_SOCKET, 99, &number, 4, 0));
  value("a mark", send_with(b, AF_INET, PORT, SOL_SOCKET, SO_MARK, &number, 4, 0));
  receive("came", a, 0, 100, sizeof control);
  value("longer than there is", send_with(b, AF_INET, PORT, IPPROTO_IP, IP_TTL, &number, 4, 19));
  value("not even a header", send_with(b, AF_INET, PORT, IPPROTO_IP, IP_TTL, &number, 4, 8));
  receive("came", a, 0, 100, sizeof control);
  unsigned short segment = 2;
  value("segments", send_with(b, AF_INET, PORT, IPPROTO_UDP, 103, &segment, 2, 0));
  for (int i = 0; i < 3; i++)
    receive("came", a, 0, 100, 0);
  value("segments, an int", send_with(b, AF_INET, PORT, IPPROTO_UDP, 103, &number, 4, 0));
  close(a), close(b);

  say("-- IPv6");
  a = made(AF_INET6, PORT), b = made(AF_INET6, 0);
  on(a, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1), on(a, IPPROTO_IPV6, IPV6_RECVTCLASS, 1),
      on(a, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  on(a, IPPROTO_IPV6, 11 /* IPV6_FLOWINFO */, 1);
  for (int i = 0; i < 6; i++) {
    say("value %d", values[i]);
    value("hop limit", send_with(b, AF_INET6, PORT, IPPROTO_IPV6, IPV6_HOPLIMIT, &values[i], 4, 0));
    receive("came", a, 0, 100, sizeof control);
    value("traffic class", send_with(b, AF_INET6, PORT, IPPROTO_IPV6, IPV6_TCLASS, &values[i], 4, 0));
    receive("came", a, 0, 100, sizeof control);
  }
  value("a byte", send_with(b, AF_INET6, PORT, IPPROTO_IPV6, IPV6_TCLASS, &byte, 1, 0));
  struct in6_pktinfo six = {.ipi6_addr = in6addr_loopback, .ipi6_ifindex = 1};
  value("packet info", send_with(b, AF_INET6, PORT, IPPROTO_IPV6, IPV6_PKTINFO, &six, sizeof six, 0));
  receive("came", a, 0, 100, sizeof control);
  six.ipi6_ifindex = 77;
  value("of no device", send_with(b, AF_INET6, PORT, IPPROTO_IPV6, IPV6_PKTINFO, &six, sizeof six, 0));
  six.ipi6_ifindex = 0, six.ipi6_addr.s6_addr[0] = 0x20;
  value("of another's address",
        send_with(b, AF_INET6, PORT, IPPROTO_IPV6, IPV6_PKTINFO, &six, sizeof six, 0));
  value("too short", send_with(b, AF_INET6, PORT, IPPROTO_IPV6, IPV6_PKTINFO, &six, 8, 0));
  value("an unknown one", send_with(b, AF_INET6, PORT, IPPROTO_IPV6, 77, &number, 4, 0));
  value("don't fragment", send_with(b, AF_INET6, PORT, IPPROTO_IPV6, IPV6_DONTFRAG, &number, 4, 0));
  receive("nothing more", a, 0, 100, sizeof control);
  close(a), close(b);
}

static void queue_of(int family) {
  int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, n;
  int option = family == AF_INET ? IP_RECVERR : IPV6_RECVERR;
  say("-- errors of family %d", family);
  int s = made(family, PORT + 5);
  struct pollfd p = {.fd = s, .events = 0xffff};
  receive("no error", s, MSG_ERRQUEUE, 100, sizeof control);
  value("waiting for none", SYS_6(SYS_recvfrom, s, data, 10, MSG_ERRQUEUE, 0, 0));
  value("sent to nobody", send_with(s, family, PORT + 9, -1, 0, 0, 0, 0));
  receive("not told", s, 0, 100, sizeof control);
  on(s, level, option, 1);
  value("sent to nobody", send_with(s, family, PORT + 9, -1, 0, 0, 0, 0));
  poll(&p, 1, 0);
  say("events %x", p.revents);
  receive("told", s, MSG_ERRQUEUE | MSG_PEEK, 100, sizeof control);
  receive("no more", s, MSG_ERRQUEUE, 100, sizeof control);
  poll(&p, 1, 0);
  say("events %x", p.revents);
  receive("pending", s, 0, 100, sizeof control);
  value("sent to nobody", send_with(s, family, PORT + 9, -1, 0, 0, 0, 0));
  receive("pending", s, 0, 100, sizeof control);
  receive("not pending", s, 0, 100, sizeof control);
  poll(&p, 1, 0);
  say("events %x", p.revents);
  on(s, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1);
  poll(&p, 1, 0);
  say("events %x", p.revents);
  receive("told, in part", s, MSG_ERRQUEUE, 3, 30);
  value("sent to nobody", send_with(s, family, PORT + 9, -1, 0, 0, 0, 0));
  value("and again", send_with(s, family, PORT + 8, -1, 0, 0, 0, 0));
  receive("first", s, MSG_ERRQUEUE, 100, sizeof control);
  receive("pending", s, 0, 100, sizeof control);
  receive("third", s, MSG_ERRQUEUE, 100, sizeof control);
  on(s, level, family == AF_INET ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, 2);
  socklen_t length;
  struct sockaddr_storage to = name_of(family, PORT + 5, &length);
  if (family == AF_INET) value("longer than any packet", SYS_6(SYS_sendto, s, data, 65508, 0, &to, length));
  value("sent to nobody", send_with(s, family, PORT + 9, -1, 0, 0, 0, 0));
  on(s, level, option, 0);
  receive("none is kept", s, MSG_ERRQUEUE, 100, sizeof control);
  value("SO_ERROR", (length = 4, getsockopt(s, SOL_SOCKET, SO_ERROR, &n, &length), n));
  close(s);
}

static void stamps(void) {
  int a = made(AF_INET, PORT), b = made(AF_INET, 0);
  struct timeval t;
  say("-- SIOCGSTAMP");
  value("before anything", SYS_3(SYS_ioctl, a, SIOCGSTAMP, &t));
  send_with(b, AF_INET, PORT, -1, 0, 0, 0, 0);
  value("before it is received", SYS_3(SYS_ioctl, a, SIOCGSTAMP, &t));
  receive("received", a, 0, 100, sizeof control);
  value("then", SYS_3(SYS_ioctl, a, SIOCGSTAMP, &t));
  struct timespec now, ns;
  clock_gettime(CLOCK_REALTIME, &now);
  yes_no("a moment ago", now.tv_sec - t.tv_sec <= 1 && now.tv_sec >= t.tv_sec);
  value("in nanoseconds", SYS_3(SYS_ioctl, a, SIOCGSTAMPNS, &ns));
  yes_no("the same", ns.tv_sec == t.tv_sec && ns.tv_nsec / 1000 == t.tv_usec);
  close(a), close(b);
}

static void many(void) {
  say("-- sendmmsg, recvmmsg");
  int a = made(AF_INET, PORT), b = made(AF_INET, 0);
  socklen_t length;
  struct sockaddr_storage n = name_of(AF_INET, PORT, &length), from[4];
  struct iovec v[4] = {{"a", 1}, {"bc", 2}, {"", 0}, {"def", 3}}, in[4];
  struct mmsghdr m[4];
  memset(m, 0, sizeof m);
  for (int i = 0; i < 4; i++)
    m[i].msg_hdr = (struct msghdr){.msg_name = &n, .msg_namelen = length, .msg_iov = &v[i], .msg_iovlen = 1};
  value("send", SYS_4(SYS_sendmmsg, b, m, 4, 0));
  for (int i = 0; i < 4; i++) {
    in[i] = (struct iovec){data + 10 * i, 2};
    m[i].msg_hdr = (struct msghdr){
        .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &in[i], .msg_iovlen = 1};
  }
  value("receive", SYS_5(SYS_recvmmsg, a, m, 4, MSG_WAITFORONE, 0));
  for (int i = 0; i < 4; i++)
    say("%d bytes, flags %x, name of %d", m[i].msg_len, m[i].msg_hdr.msg_flags, m[i].msg_hdr.msg_namelen);
  value("no more", SYS_5(SYS_recvmmsg, a, m, 4, MSG_DONTWAIT, 0));
  close(a), close(b);
}

int main(void) {
  wanted(AF_INET, AF_INET);
  wanted(AF_INET6, AF_INET6);
  wanted(AF_INET6, AF_INET);
  sent();
  queue_of(AF_INET);
  queue_of(AF_INET6);
  stamps();
  many();
  return 0;
}
