// Raw sockets of both families over the loopback interface: echoes, headers that come and that are sent, filters, checksums,
// what a protocol nobody has gives, errors, and who may not have one.
//@ needs: sockets credentials fork
#include "guest.h"
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static unsigned char data[70000];

static unsigned short sum(const void *from, int length) {
  const unsigned char *at = from;
  unsigned long s = 0;
  for (int i = 0; i + 1 < length; i += 2)
    s += at[i] << 8 | at[i + 1];
  if (length & 1) s += at[length - 1] << 8;
  while (s >> 16)
    s = (s & 0xffff) + (s >> 16);
  return htons(~s & 0xffff);
}

static const struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f};
static const struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

static long receive(const char *what, int s) {
  struct sockaddr_storage from;
  socklen_t length = sizeof from;
  memset(&from, 0, sizeof from);
  long r = SYS_6(SYS_recvfrom, s, data, sizeof data, MSG_DONTWAIT, &from, &length);
  if (failed(r))
    say("%s: %s", what, error_name(r));
  else
    say("%s: %ld bytes, family %d, port %s", what, r, from.ss_family,
        ((struct sockaddr_in *)&from)->sin_port ? "some" : "none");
  return r;
}

static void header(void) {
  struct ip *h = (void *)data;
  say("  version %d, header %d, tos %x, length %d, ttl %d, protocol %d, good sum: %d", h->ip_v, h->ip_hl,
      h->ip_tos, ntohs(h->ip_len), h->ip_ttl, h->ip_p, sum(h, h->ip_hl * 4) == 0);
  unsigned char *p = data + h->ip_hl * 4;
  if (h->ip_p == IPPROTO_ICMP)
    say("  type %d, code %d, id %x, sequence %d", p[0], p[1], p[4] << 8 | p[5], p[6] << 8 | p[7]);
}

static void echo4(int s, int sequence) {
  struct {
    struct icmphdr h;
    char body[24];
  } e = {{.type = ICMP_ECHO}, "0123456789"};
  e.h.un.echo.id = htons(0x4242), e.h.un.echo.sequence = htons(sequence);
  e.h.checksum = sum(&e, sizeof e);
  value("echo", SYS_6(SYS_sendto, s, &e, sizeof e, 0, &four, sizeof four));
}

static void icmp4(void) {
  int s = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), other = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), n;
  struct sockaddr_in name;
  socklen_t length = sizeof name;
  value("its name", SYS_3(SYS_getsockname, s, &name, &length));
  say("port %d", ntohs(name.sin_port));
  value("nobody", SYS_6(SYS_sendto, s, "x", 1, 0, 0, 0));
  value("events at first", (n = -1, ioctl(s, FIONREAD, &n), n));
  echo4(s, 1);
  value("FIONREAD", (n = -1, ioctl(s, FIONREAD, &n), n));
  while (receive("came", s) > 0)
    header();
  while (receive("to the other", other) > 0)
    header();
  unsigned filter = ~(1u << ICMP_ECHOREPLY);
  value("filter", SYS_5(SYS_setsockopt, s, 255, 1, &filter, 4));
  echo4(s, 2);
  while (receive("replies alone", s) > 0)
    header();
  while (receive("all to the other", other) > 0)
    header();
  int on = 1, ttl = 9;
  value("ttl", SYS_5(SYS_setsockopt, s, IPPROTO_IP, IP_TTL, &ttl, 4));
  filter = 0;
  setsockopt(s, 255, 1, &filter, 4);
  value("connect", SYS_3(SYS_connect, s, &four, sizeof four));
  echo4(s, 3);
  while (receive("came", s) > 0)
    header();
  close(other);

  // An unreachable port, told to the one who sends.
  int u = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in to = four;
  to.sin_port = htons(4499);
  sendto(u, "x", 1, 0, (void *)&to, sizeof to);
  while (receive("unreachable", s) > 0)
    header();
  close(u);

  // A packet with its header.
  value("headers", SYS_5(SYS_setsockopt, s, IPPROTO_IP, IP_HDRINCL, &on, 4));
  struct {
    struct ip ip;
    struct icmphdr h;
  } p = {{.ip_v = 4, .ip_hl = 5, .ip_ttl = 33, .ip_p = IPPROTO_ICMP, .ip_tos = 4}, {.type = ICMP_ECHO}};
  p.ip.ip_dst.s_addr = four.sin_addr.s_addr;
  p.h.un.echo.id = 0x7777;
  p.h.checksum = sum(&p.h, sizeof p.h);
  value("with a header", SYS_6(SYS_sendto, s, &p, sizeof p, 0, &four, sizeof four));
  while (receive("came", s) > 0)
    header();
  value("of 10 bytes", SYS_6(SYS_sendto, s, &p, 10, 0, &four, sizeof four));
  p.ip.ip_hl = 15;
  value("longer than itself", SYS_6(SYS_sendto, s, &p, sizeof p, 0, &four, sizeof four));
  close(s);
}

static void others4(void) {
  int raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP), a = socket(AF_INET, SOCK_DGRAM, 0),
      b = socket(AF_INET, SOCK_DGRAM, 0), n;
  struct sockaddr_in to = four;
  to.sin_port = htons(4410);
  bind(a, (void *)&to, sizeof to);
  value("datagram", SYS_6(SYS_sendto, b, "hello", 5, 0, &to, sizeof to));
  if (receive("to the raw one", raw) > 0) header();
  receive("and to its own", a);
  struct {
    struct udphdr h;
    char text[4];
  } u = {{.dest = htons(4410), .source = htons(99), .len = htons(12)}, "raw"};
  value("a raw datagram", SYS_6(SYS_sendto, raw, &u, sizeof u, 0, &four, sizeof four));
  receive("came", a);
  receive("to the raw one", raw);
  close(a);
  value("bind", SYS_3(SYS_bind, raw, &four, sizeof four));
  value("shut down", SYS_2(SYS_shutdown, raw, SHUT_RDWR));
  close(raw), close(b);
  raw = socket(AF_INET, SOCK_RAW, 253);
  int sender = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  value("nobody's protocol", SYS_6(SYS_sendto, raw, "body", 4, 0, &four, sizeof four));
  if (receive("to itself", raw) > 0) header();
  struct {
    struct ip ip;
    char text[4];
  } p = {{.ip_v = 4, .ip_hl = 5, .ip_ttl = 7, .ip_p = 253}, "text"};
  p.ip.ip_dst.s_addr = four.sin_addr.s_addr;
  value("by a sender", SYS_6(SYS_sendto, sender, &p, sizeof p, 0, &four, sizeof four));
  if (receive("came", raw) > 0) header();
  receive("a sender receives", sender);
  value("a long one", SYS_6(SYS_sendto, raw, data, 60000, 0, &four, sizeof four));
  if (receive("came", raw) > 0) header();
  value("too long", SYS_6(SYS_sendto, raw, data, 65516, 0, &four, sizeof four));
  value("much too long", SYS_6(SYS_sendto, raw, data, 65536, 0, &four, sizeof four));
  value("FIONREAD", (n = -1, ioctl(raw, FIONREAD, &n), n));
  close(raw), close(sender);
}

static void icmp6(void) {
  say("-- IPv6");
  int s = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
  struct icmp6_hdr e = {.icmp6_type = ICMP6_ECHO_REQUEST, .icmp6_id = htons(7), .icmp6_seq = htons(1)};
  value("echo", SYS_6(SYS_sendto, s, &e, sizeof e, 0, &six, sizeof six));
  while (receive("came", s) > 0)
    say("  type %d, id %d", data[0], data[4] << 8 | data[5]);
  struct icmp6_filter f;
  ICMP6_FILTER_SETBLOCKALL(&f);
  ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &f);
  value("filter", SYS_5(SYS_setsockopt, s, IPPROTO_ICMPV6, ICMP6_FILTER, &f, sizeof f));
  value("echo", SYS_6(SYS_sendto, s, &e, sizeof e, 0, &six, sizeof six));
  while (receive("replies alone", s) > 0)
    say("  type %d", data[0]);
  struct sockaddr_in6 with_port = six;
  with_port.sin6_port = htons(9);
  value("to another protocol", SYS_6(SYS_sendto, s, &e, sizeof e, 0, &with_port, sizeof with_port));
  close(s);
  s = socket(AF_INET6, SOCK_RAW, 253);
  int offset = 2;
  value("a checksum", SYS_5(SYS_setsockopt, s, IPPROTO_IPV6, IPV6_CHECKSUM, &offset, 4));
  value("sent", SYS_6(SYS_sendto, s, "\1\2\0\0\5\6", 6, 0, &six, sizeof six));
  if (receive("came", s) > 0) say("  %02x%02x %02x%02x", data[0], data[1], data[2], data[3]);
  value("too short for it", SYS_6(SYS_sendto, s, "abc", 3, 0, &six, sizeof six));
  offset = 3;
  value("an odd one", SYS_5(SYS_setsockopt, s, IPPROTO_IPV6, IPV6_CHECKSUM, &offset, 4));
  offset = 4;
  socklen_t size = sizeof offset;
  value("as raw sockets' own", SYS_5(SYS_setsockopt, s, SOL_RAW, IPV6_CHECKSUM, &offset, 4));
  value(" it is told", SYS_5(SYS_getsockopt, s, SOL_RAW, IPV6_CHECKSUM, &offset, &size));
  value(" at", offset);
  close(s);
}

// An error that quotes a packet of its protocol: to whoever wants errors, and to who has connected if it is a hard one.
static void errors(int family, const char *kind, int wants, int connects, int has_header) {
  say("-- errors, %s, IPv%d", kind, family == AF_INET ? 4 : 6);
  int s = socket(family, SOCK_RAW, IPPROTO_UDP), on = 1;
  const struct sockaddr *to = family == AF_INET ? (void *)&four : (void *)&six;
  socklen_t length = family == AF_INET ? sizeof four : sizeof six;
  if (wants && family == AF_INET) setsockopt(s, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  if (wants && family == AF_INET6) setsockopt(s, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
  if (has_header) setsockopt(s, IPPROTO_IP, IP_HDRINCL, &on, sizeof on);
  if (connects) value("connect", SYS_3(SYS_connect, s, to, length));
  struct {
    struct ip ip;
    struct udphdr h;
    char text[4];
  } u = {{.ip_v = 4, .ip_hl = 5, .ip_ttl = 7, .ip_p = IPPROTO_UDP},
         {.dest = htons(4497), .source = htons(99), .len = htons(12)},
         "abc"};
  u.ip.ip_dst = four.sin_addr;
  if (family == AF_INET6) setsockopt(s, IPPROTO_IPV6, IPV6_CHECKSUM, (int[]){6}, sizeof(int));
  const void *from = has_header ? (void *)&u : (void *)&u.h;
  value("to a port that nobody has", SYS_6(SYS_sendto, s, from, has_header ? 32 : 12, 0, to, length));
  // What it has sent itself comes, too.
  for (int i = 0; i < 3; i++)
    if (receive("then", s) == -EAGAIN) break;
  int error = -1;
  length = sizeof error;
  getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &length);
  say("SO_ERROR: %s", error ? error_name(-error) : "none");
  char control[256];
  struct iovec body = {data, sizeof data};
  struct sockaddr_storage name;
  struct msghdr m = {&name, sizeof name, &body, 1, control, sizeof control, 0};
  memset(data, 0, 64);
  long r = SYS_3(SYS_recvmsg, s, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
  value("error queue", r);
  if (r >= 0)
    say("  begins with %02x%02x%02x%02x, flags %x, family %d", data[0], data[1], data[2], data[3],
        m.msg_flags, name.ss_family);
  if (r >= 0)
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
      struct sock_extended_err *e = (void *)CMSG_DATA(c);
      say("  level %d, type %d: errno %s, origin %d, type %d, code %d, info %d", c->cmsg_level, c->cmsg_type,
          error_name(-(long)e->ee_errno), e->ee_origin, e->ee_type, e->ee_code, e->ee_info);
    }
  close(s);
}

static void all_errors(void) {
  for (int i = 0; i < 2; i++) {
    int family = i ? AF_INET6 : AF_INET;
    errors(family, "wanted", 1, 0, 0);
    errors(family, "not wanted", 0, 0, 0);
    errors(family, "connected", 0, 1, 0);
    errors(family, "both", 1, 1, 0);
  }
  errors(AF_INET, "with its header", 1, 0, 1);
}

int main(void) {
  icmp4();
  others4();
  icmp6();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    setgid(1234), setuid(1234);
    value("by another user", SYS_3(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP));
    value("of IPv6", SYS_3(SYS_socket, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
    int s = socket(AF_INET, SOCK_DGRAM, 0), one = 1;
    struct sockaddr_in low = {.sin_family = AF_INET, .sin_port = htons(99)};
    value("a low port", SYS_3(SYS_bind, s, &low, sizeof low));
    value("a mark", SYS_5(SYS_setsockopt, s, SOL_SOCKET, SO_MARK, &one, 4));
    value("transparent", SYS_5(SYS_setsockopt, s, IPPROTO_IP, IP_TRANSPARENT, &one, 4));
    value("freebind", SYS_5(SYS_setsockopt, s, IPPROTO_IP, IP_FREEBIND, &one, 4));
    low.sin_port = htons(4498), low.sin_addr.s_addr = htonl(0xc0000201);
    value("another's address", SYS_3(SYS_bind, s, &low, sizeof low));
    value("to a device", SYS_5(SYS_setsockopt, s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
    value("to another", SYS_5(SYS_setsockopt, s, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
    value("priority", (one = 7, SYS_5(SYS_setsockopt, s, SOL_SOCKET, SO_PRIORITY, &one, 4)));
    _exit(0);
  }
  waitpid(pid, 0, 0);
  all_errors();
  return 0;
}
