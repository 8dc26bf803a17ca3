// Groups over the loopback interface: joining and leaving, who gets what, options of what is sent, and their errors.
//@ needs: sockets
#include "guest.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define PORT 4400

static long bind4(int s, const char *text, int port) {
  struct sockaddr_in n = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, text, &n.sin_addr);
  return SYS_3(SYS_bind, s, &n, sizeof n);
}

static long send4(int s, const char *text, int port) {
  struct sockaddr_in n = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, text, &n.sin_addr);
  return SYS_6(SYS_sendto, s, text, strlen(text), 0, &n, sizeof n);
}

static long bind6(int s, const char *text, int port, int scope) {
  struct sockaddr_in6 n = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = scope};
  inet_pton(AF_INET6, text, &n.sin6_addr);
  return SYS_3(SYS_bind, s, &n, sizeof n);
}

static long send6(int s, const char *text, int port, int scope) {
  struct sockaddr_in6 n = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = scope};
  inet_pton(AF_INET6, text, &n.sin6_addr);
  return SYS_6(SYS_sendto, s, text, strlen(text), 0, &n, sizeof n);
}

static void came(const char *what, int s) {
  char data[100], line[300], control[200];
  int n = snprintf(line, sizeof line, "%s:", what);
  for (;;) {
    struct iovec v = {data, sizeof data - 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    long r = SYS_3(SYS_recvmsg, s, &m, MSG_DONTWAIT);
    if (r < 0) break;
    data[r] = 0;
    n += snprintf(line + n, sizeof line - n, " %s", data);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
      if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo *i = (void *)CMSG_DATA(c);
        n += snprintf(line + n, sizeof line - n, " (%d %x)", i->ipi_ifindex, ntohl(i->ipi_addr.s_addr));
      } else if (c->cmsg_type == IP_TTL || c->cmsg_type == IPV6_HOPLIMIT)
        n += snprintf(line + n, sizeof line - n, " ttl %d", *(int *)CMSG_DATA(c));
  }
  say("%s", line);
}

static long join4(int s, int option, const char *group, const char *own, int index) {
  struct ip_mreqn m = {.imr_ifindex = index};
  inet_pton(AF_INET, group, &m.imr_multiaddr);
  inet_pton(AF_INET, own, &m.imr_address);
  return SYS_5(SYS_setsockopt, s, IPPROTO_IP, option, &m, sizeof m);
}

static long join6(int s, int option, const char *group, int index) {
  struct ipv6_mreq m = {.ipv6mr_interface = index};
  inet_pton(AF_INET6, group, &m.ipv6mr_multiaddr);
  return SYS_5(SYS_setsockopt, s, IPPROTO_IPV6, option, &m, sizeof m);
}

static long by_request(int s, int level, int option, int family, const char *group, int index) {
  struct group_req r;
  memset(&r, 0, sizeof r);
  r.gr_interface = index;
  r.gr_group.ss_family = family;
  if (family == AF_INET)
    inet_pton(AF_INET, group, &((struct sockaddr_in *)&r.gr_group)->sin_addr);
  else
    inet_pton(AF_INET6, group, &((struct sockaddr_in6 *)&r.gr_group)->sin6_addr);
  return SYS_5(SYS_setsockopt, s, level, option, &r, sizeof r);
}

static void four(void) {
  int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0),
      out = socket(AF_INET, SOCK_DGRAM, 0), on = 1, off = 0;
  setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &on, 4), setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, 4);
  value("bind a", bind4(a, "0.0.0.0", PORT));
  value("bind b to a group", bind4(b, "239.1.1.1", PORT));
  value("join", join4(a, IP_ADD_MEMBERSHIP, "239.1.1.1", "0.0.0.0", 1));
  value("join again", join4(a, IP_ADD_MEMBERSHIP, "239.1.1.1", "127.0.0.1", 0));
  value("join what is none", join4(a, IP_ADD_MEMBERSHIP, "10.1.1.1", "0.0.0.0", 1));
  value("join on no device", join4(a, IP_ADD_MEMBERSHIP, "239.1.1.2", "0.0.0.0", 77));
  value("join by no address", join4(a, IP_ADD_MEMBERSHIP, "239.1.1.2", "192.0.2.1", 0));
  value("leave what was not joined", join4(a, IP_DROP_MEMBERSHIP, "239.1.1.3", "0.0.0.0", 1));
  struct ip_mreqn by = {.imr_ifindex = 1};
  value("send by lo", SYS_5(SYS_setsockopt, out, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by));
  by.imr_ifindex = 77;
  value("send by none", SYS_5(SYS_setsockopt, out, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by));
  struct in_addr address = {htonl(0xc0000201)};
  value("send from none", SYS_5(SYS_setsockopt, out, IPPROTO_IP, IP_MULTICAST_IF, &address, 4));
  setsockopt(a, IPPROTO_IP, IP_PKTINFO, &on, 4), setsockopt(a, IPPROTO_IP, IP_RECVTTL, &on, 4);
  value("send", send4(out, "239.1.1.1", PORT));
  value("send to another group", send4(out, "239.1.1.9", PORT));
  came("a", a), came("b", b);
  int ttl = 9;
  setsockopt(out, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, 4);
  value("send further", send4(out, "239.1.1.1", PORT));
  setsockopt(out, IPPROTO_IP, IP_MULTICAST_LOOP, &off, 4);
  value("send, not to itself", send4(out, "239.1.1.1", PORT));
  came("a", a), came("b", b);
  setsockopt(out, IPPROTO_IP, IP_MULTICAST_LOOP, &on, 4);
  value("all groups off", SYS_5(SYS_setsockopt, a, IPPROTO_IP, IP_MULTICAST_ALL, &off, 4));
  int other = socket(AF_INET, SOCK_DGRAM, 0);
  value("another joins another", join4(other, IP_ADD_MEMBERSHIP, "239.1.1.9", "127.0.0.1", 0));
  value("send there", send4(out, "239.1.1.9", PORT));
  came("a", a), came("b", b);
  setsockopt(a, IPPROTO_IP, IP_MULTICAST_ALL, &on, 4);
  value("send there", send4(out, "239.1.1.9", PORT));
  came("a", a), came("b", b);
  close(other);
  value("leave", join4(a, IP_DROP_MEMBERSHIP, "239.1.1.1", "127.0.0.1", 0));
  value("send", send4(out, "239.1.1.1", PORT));
  came("a", a), came("b", b);
  value("join by request", by_request(b, IPPROTO_IP, MCAST_JOIN_GROUP, AF_INET, "239.1.1.1", 1));
  value("send", send4(out, "239.1.1.1", PORT));
  came("a", a), came("b", b);
  value("leave by request", by_request(b, IPPROTO_IP, MCAST_LEAVE_GROUP, AF_INET, "239.1.1.1", 1));
  value("leave again", by_request(b, IPPROTO_IP, MCAST_LEAVE_GROUP, AF_INET, "239.1.1.1", 1));
  value("join, another family", by_request(b, IPPROTO_IP, MCAST_JOIN_GROUP, AF_INET6, "ff02::7", 1));
  int many = 0;
  for (int i = 0; i < 30; i++) {
    char group[20];
    snprintf(group, sizeof group, "239.2.2.%d", i);
    long r = join4(a, IP_ADD_MEMBERSHIP, group, "0.0.0.0", 1);
    if (r == 0)
      many++;
    else {
      say("after %d: %s", many, error_name(r));
      break;
    }
  }
  value("everybody", send4(out, "224.0.0.1", PORT));
  came("a", a), came("b", b);
  value("broadcast", send4(out, "127.255.255.255", PORT));
  setsockopt(out, SOL_SOCKET, SO_BROADCAST, &on, 4);
  value("broadcast, allowed", send4(out, "127.255.255.255", PORT));
  came("a", a), came("b", b);
  close(a), close(b), close(out);
}

static void six(void) {
  say("-- IPv6");
  int a = socket(AF_INET6, SOCK_DGRAM, 0), out = socket(AF_INET6, SOCK_DGRAM, 0), on = 1, lo = 1;
  value("bind", bind6(a, "::", PORT, 0));
  value("join", join6(a, IPV6_JOIN_GROUP, "ff02::77", 1));
  value("join again", join6(a, IPV6_JOIN_GROUP, "ff02::77", 1));
  value("join what is none", join6(a, IPV6_JOIN_GROUP, "fe80::77", 1));
  value("join on no device", join6(a, IPV6_JOIN_GROUP, "ff02::78", 77));
  value("leave what was not joined", join6(a, IPV6_LEAVE_GROUP, "ff02::79", 1));
  setsockopt(a, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, 4);
  value("send with a scope", send6(out, "ff02::77", PORT, 1));
  value("send by lo", SYS_5(SYS_setsockopt, out, IPPROTO_IPV6, IPV6_MULTICAST_IF, &lo, 4));
  value("send without", send6(out, "ff02::77", PORT, 0));
  came("a", a);
  int hops = 9, off = 0;
  setsockopt(out, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, 4);
  value("send further", send6(out, "ff02::77", PORT, 0));
  value("send to another group", send6(out, "ff02::78", PORT, 0));
  came("a", a);
  setsockopt(out, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, 4);
  value("send, not to itself", send6(out, "ff02::77", PORT, 0));
  came("a", a);
  setsockopt(out, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &on, 4);
  value("leave", join6(a, IPV6_LEAVE_GROUP, "ff02::77", 1));
  value("send", send6(out, "ff02::77", PORT, 0));
  came("a", a);
  value("join by request", by_request(a, IPPROTO_IPV6, MCAST_JOIN_GROUP, AF_INET6, "ff05::7", 1));
  value("send", send6(out, "ff05::7", PORT, 0));
  came("a", a);
  value("everybody", send6(out, "ff02::1", PORT, 0));
  came("a", a);
  close(a), close(out);
}

static void devices(void) {
  say("-- addresses of lo");
  static const int requests[] = {SIOCGIFADDR, SIOCGIFNETMASK, SIOCGIFBRDADDR, SIOCGIFDSTADDR};
  int s = socket(AF_INET, SOCK_DGRAM, 0), t = socket(AF_INET6, SOCK_DGRAM, 0);
  for (int i = 0; i < 4; i++) {
    struct ifreq r = {.ifr_name = "lo"};
    long n = SYS_3(SYS_ioctl, s, requests[i], &r);
    say("%x: %s, family %d %x", requests[i], failed(n) ? error_name(n) : "ok", r.ifr_addr.sa_family,
        ntohl(((struct sockaddr_in *)&r.ifr_addr)->sin_addr.s_addr));
    struct ifreq none = {.ifr_name = "none"};
    value("of none", SYS_3(SYS_ioctl, s, requests[i], &none));
  }
  char name[] = "lo", none[] = "none", got[20] = "?";
  value("bind to lo", SYS_5(SYS_setsockopt, t, SOL_SOCKET, SO_BINDTODEVICE, name, sizeof name));
  socklen_t length = sizeof got;
  value("which", SYS_5(SYS_getsockopt, t, SOL_SOCKET, SO_BINDTODEVICE, got, &length));
  say("%s, %d", got, length);
  value("bind to none", SYS_5(SYS_setsockopt, t, SOL_SOCKET, SO_BINDTODEVICE, none, sizeof none));
  value("bind to nothing", SYS_5(SYS_setsockopt, t, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
  close(s), close(t);
}

int main(void) {
  four();
  six();
  devices();
  return 0;
}
