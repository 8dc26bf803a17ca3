// AF_NETLINK: ports and names, what NETLINK_ROUTE tells of a network namespace that has nothing but lo, the form of
// answers, acknowledgements and errors, and the ioctls that tell the same.
//@ needs: sockets fork credentials
#include "guest.h"
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static char buffer[65536];

static struct sockaddr_nl address(unsigned port, unsigned groups) {
  return (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups};
}

static const char *port_name(unsigned port) {
  return port == 0 ? "kernel" : port == (unsigned)getpid() ? "own" : (int)port < 0 ? "invented" : "other";
}

static void show_name(const char *what, int s) {
  struct sockaddr_nl a = {0};
  socklen_t length = sizeof a;
  long r = SYS_3(SYS_getsockname, s, &a, &length);
  say("%s: %s family %d length %d port %s groups %#x", what, failed(r) ? error_name(r) : "ok", a.nl_family,
      length, port_name(a.nl_pid), a.nl_groups);
}

static void ports(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET};
  for (size_t i = 0; i < 4; i++)
    value("socket", SYS_3(SYS_socket, AF_NETLINK, types[i], NETLINK_ROUTE) < 0
                        ? SYS_3(SYS_socket, AF_NETLINK, types[i], NETLINK_ROUTE)
                        : 0);
  value("no such protocol", SYS_3(SYS_socket, AF_NETLINK, SOCK_RAW, 31));
  value("no such protocol, negative", SYS_3(SYS_socket, AF_NETLINK, SOCK_RAW, -1));
  int p[2], a = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  value("pair", SYS_4(SYS_socketpair, AF_NETLINK, SOCK_RAW, 0, p));
  int b = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE), u = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_USERSOCK);
  show_name("not bound", a);
  struct sockaddr_nl any = address(0, 0), five = address(0x55555, 3), bad = any;
  bad.nl_family = AF_INET;
  value("bind, another family", SYS_3(SYS_bind, a, &bad, sizeof bad));
  value("bind, short", SYS_3(SYS_bind, a, &any, 8));
  value("bind", SYS_3(SYS_bind, a, &any, sizeof any));
  show_name("bound", a);
  value("bind again", SYS_3(SYS_bind, a, &any, sizeof any));
  value("bind", SYS_3(SYS_bind, b, &any, sizeof any));
  show_name("the second", b);
  value("bind", SYS_3(SYS_bind, u, &five, sizeof five));
  show_name("chosen", u);
  int v = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_USERSOCK);
  value("bind, taken", SYS_3(SYS_bind, v, &five, sizeof five));
  struct sockaddr_nl peer = {0};
  socklen_t length = sizeof peer;
  value("peer", SYS_3(SYS_getpeername, v, &peer, &length));
  say("peer %s groups %#x length %d", port_name(peer.nl_pid), peer.nl_groups, length);
  value("connect", SYS_3(SYS_connect, v, &five, sizeof five));
  value("connect, short", SYS_3(SYS_connect, v, &five, 6));
  value("listen", SYS_2(SYS_listen, v, 1));
  value("accept", SYS_3(SYS_accept, v, 0, 0));
  value("shutdown", SYS_2(SYS_shutdown, v, SHUT_RDWR));
  value("send to the second", SYS_6(SYS_sendto, v, "hello", 5, 0, 0, 0));
  length = sizeof peer;
  memset(buffer, 0, 8);
  value("receive", SYS_6(SYS_recvfrom, u, buffer, 100, 0, &peer, &length));
  say("\"%s\" from %s, length %d", buffer, port_name(peer.nl_pid), length);
  struct sockaddr_nl nobody = address(0x66666, 0);
  value("send to nobody", SYS_6(SYS_sendto, v, "hello", 5, 0, &nobody, sizeof nobody));
  value("send nothing", SYS_6(SYS_sendto, v, "", 0, 0, 0, 0));
  value("MSG_OOB", SYS_6(SYS_sendto, v, "x", 1, MSG_OOB, 0, 0));
  close(a), close(b), close(u), close(v);
}

static void options(void) {
  int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  for (int option = 1; option <= 13; option++) {
    int one = 1, v[4] = {0};
    if (option == 7 || option == 6) continue; // rings, which nobody has any more
    socklen_t length = 4, none = 2;
    long set = SYS_5(SYS_setsockopt, s, SOL_NETLINK, option, &one, 4);
    long get = SYS_5(SYS_getsockopt, s, SOL_NETLINK, option, v, &length);
    long short_set = SYS_5(SYS_setsockopt, s, SOL_NETLINK, option, &one, 2);
    say("%d: set %s get %s %d length %d; short %s", option, failed(set) ? error_name(set) : "ok",
        failed(get) ? error_name(get) : "ok", option == 9 ? 0 : v[0], option == 9 ? 4 : length,
        failed(short_set) ? error_name(short_set) : "ok");
    if (option != 9) value(" short get", SYS_5(SYS_getsockopt, s, SOL_NETLINK, option, v, &none));
  }
  int group = RTNLGRP_IPV6_IFADDR;
  value("join", SYS_5(SYS_setsockopt, s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, 4));
  show_name("joined", s);
  value("leave", SYS_5(SYS_setsockopt, s, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, 4));
  show_name("left", s);
  group = 0;
  value("join none", SYS_5(SYS_setsockopt, s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, 4));
  group = 5000;
  value("join too many", SYS_5(SYS_setsockopt, s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, 4));
  value("another level", SYS_5(SYS_setsockopt, s, IPPROTO_TCP, 1, &group, 4));
  socklen_t length = 4;
  value("another level", SYS_5(SYS_getsockopt, s, IPPROTO_TCP, 1, &group, &length));
  value("no such option", SYS_5(SYS_setsockopt, s, SOL_NETLINK, 99, &group, 4));
  close(s);
}

struct request {
  struct nlmsghdr h;
  char body[256];
};

static int asks(int s, int type, int flags, const void *body, size_t length) {
  struct request r = {.h = {.nlmsg_len = NLMSG_LENGTH(length),
                            .nlmsg_type = type,
                            .nlmsg_flags = NLM_F_REQUEST | flags,
                            .nlmsg_seq = 77}};
  memcpy(r.body, body, length);
  struct sockaddr_nl kernel = address(0, 0);
  return SYS_6(SYS_sendto, s, &r, r.h.nlmsg_len, 0, &kernel, sizeof kernel);
}

static void show_attributes(const char *at, const char *end, int first) {
  // Those of newer kinds, and what counts packets, are the host's business.
  static const int shown_of_links[] = {IFLA_IFNAME,      IFLA_MTU,     IFLA_TXQLEN,        IFLA_OPERSTATE,
                                       IFLA_LINKMODE,    IFLA_ADDRESS, IFLA_BROADCAST,     IFLA_QDISC,
                                       IFLA_GROUP,       IFLA_CARRIER, IFLA_NUM_TX_QUEUES, IFLA_GSO_MAX_SIZE,
                                       IFLA_GSO_MAX_SEGS};
  while (at + 4 <= end) {
    const struct rtattr *a = (void *)at;
    if (a->rta_len < 4) break;
    int show = first != RTM_NEWLINK;
    for (size_t i = 0; !show && i < sizeof shown_of_links / sizeof *shown_of_links; i++)
      show = a->rta_type == shown_of_links[i];
    if (first == RTM_NEWADDR && a->rta_type == IFA_CACHEINFO) show = 0;
    if (show) {
      char text[200];
      int n = sprintf(text, "  %d:", a->rta_type);
      const unsigned char *bytes = (void *)(at + 4);
      for (int i = 0; i < a->rta_len - 4 && i < 40; i++)
        n += sprintf(text + n, " %02x", bytes[i]);
      say("%s", text);
    }
    at += RTA_ALIGN(a->rta_len);
  }
}

static int hides(const struct nlmsghdr *h) {
  // Rules of multicast routing.
  return h->nlmsg_type == RTM_NEWRULE && ((struct rtmsg *)NLMSG_DATA(h))->rtm_family > AF_INET6;
}

static void show(int s, int quiet) {
  for (;;) {
    struct sockaddr_nl from = {0};
    socklen_t length = sizeof from;
    long n = SYS_6(SYS_recvfrom, s, buffer, sizeof buffer, MSG_DONTWAIT, &from, &length);
    if (failed(n)) {
      value("end", n);
      return;
    }
    if (from.nl_pid != 0 || length != sizeof from) say("from %s, length %d", port_name(from.nl_pid), length);
    for (struct nlmsghdr *h = (void *)buffer; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
      const char *body = NLMSG_DATA(h), *end = (char *)h + h->nlmsg_len;
      if (hides(h)) continue;
      if (h->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *e = (void *)body;
        say("error %d flags %#x sequence %d port %s: of %d with %#x, %ld bytes", e->error,
            h->nlmsg_flags & ~NLM_F_ACK_TLVS, h->nlmsg_seq, port_name(h->nlmsg_pid), e->msg.nlmsg_type,
            e->msg.nlmsg_flags, h->nlmsg_flags & NLM_F_CAPPED ? 36l : (long)e->msg.nlmsg_len + 20);
        continue;
      }
      say("type %d flags %#x sequence %d port %s", h->nlmsg_type, h->nlmsg_flags, h->nlmsg_seq,
          port_name(h->nlmsg_pid));
      if (quiet || h->nlmsg_type == NLMSG_DONE) continue;
      int head = h->nlmsg_type == RTM_NEWLINK ? 16 : h->nlmsg_type == RTM_NEWADDR ? 8 : 12;
      char text[64];
      int at = 0;
      for (int i = 0; i < head; i++)
        at += sprintf(text + at, "%02x", (unsigned char)body[i]);
      say(" %s", text);
      show_attributes(body + head, end, h->nlmsg_type);
    }
  }
}

static void dumps(void) {
  static const struct {
    int type, family;
    size_t length;
  } all[] = {{RTM_GETLINK, 0, 16},       {RTM_GETADDR, 0, 8},        {RTM_GETADDR, AF_INET, 8},
             {RTM_GETADDR, AF_INET6, 8}, {RTM_GETROUTE, 0, 12},      {RTM_GETROUTE, AF_INET6, 12},
             {RTM_GETNEIGH, 0, 12},      {RTM_GETRULE, AF_INET, 12}, {RTM_GETRULE, AF_INET6, 12},
             {RTM_GETADDR, AF_INET, 1}};
  int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    char body[16] = {all[i].family};
    say("dump of %d, family %d, %ld bytes", all[i].type, all[i].family, (long)all[i].length);
    value("asked", asks(s, all[i].type, NLM_F_DUMP, body, all[i].length));
    show(s, 0);
  }
  char body[16] = {0};
  say("with an acknowledgement");
  asks(s, RTM_GETLINK, NLM_F_DUMP | NLM_F_ACK, body, 16);
  show(s, 1);
  close(s);
}

static void single(void) {
  int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), one = 1;
  struct {
    struct ifinfomsg i;
    struct rtattr a;
    char name[8];
  } link = {.i = {.ifi_index = 1}, .a = {.rta_len = 12, .rta_type = IFLA_IFNAME}};
  say("by its number");
  asks(s, RTM_GETLINK, 0, &link, 16);
  show(s, 1);
  say("by its name");
  link.i.ifi_index = 0;
  strcpy(link.name, "lo");
  asks(s, RTM_GETLINK, NLM_F_ACK, &link, sizeof link);
  show(s, 1);
  say("by none");
  asks(s, RTM_GETLINK, 0, &link, 16);
  show(s, 1);
  say("by another's");
  strcpy(link.name, "eth7");
  asks(s, RTM_GETLINK, 0, &link, sizeof link);
  show(s, 1);
  say("the same, capped");
  setsockopt(s, SOL_NETLINK, NETLINK_CAP_ACK, &one, 4);
  asks(s, RTM_GETLINK, 0, &link, sizeof link);
  show(s, 1);
  say("a number that there is not");
  link.i.ifi_index = 99;
  asks(s, RTM_GETLINK, 0, &link, 16);
  show(s, 1);
  say("no such type");
  asks(s, RTM_MAX + 40, NLM_F_ACK, &link, 16);
  show(s, 1);
  say("a control type");
  asks(s, NLMSG_NOOP, NLM_F_ACK, &link, 16);
  show(s, 1);
  say("two at once, and a piece of a third");
  struct request r[3] = {{.h = {.nlmsg_len = sizeof r[0],
                                .nlmsg_type = NLMSG_NOOP,
                                .nlmsg_seq = 1,
                                .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}}};
  r[1] = r[2] = r[0];
  r[1].h.nlmsg_seq = 2;
  value("sent", SYS_6(SYS_sendto, s, r, sizeof r - 8, 0, 0, 0));
  show(s, 1);
  say("not a request");
  r[0].h.nlmsg_flags = NLM_F_ACK;
  value("sent", SYS_6(SYS_sendto, s, r, sizeof r[0], 0, 0, 0));
  show(s, 1);
  say("one that lies about its length");
  r[1].h.nlmsg_len = 100000;
  value("sent", SYS_6(SYS_sendto, s, &r[1], sizeof r[1], 0, 0, 0));
  show(s, 1);
  say("peeked, and cut off");
  link.i.ifi_index = 1;
  asks(s, RTM_GETLINK, 0, &link, 16);
  long whole = SYS_6(SYS_recvfrom, s, buffer, 10, MSG_PEEK | MSG_TRUNC, 0, 0);
  yes_no("all of it is told", whole > 100);
  value("ten bytes", SYS_6(SYS_recvfrom, s, buffer, 10, MSG_PEEK, 0, 0));
  struct iovec v = {buffer, 10};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
  value("recvmsg", SYS_3(SYS_recvmsg, s, &m, 0));
  say("flags %#x name length %d", m.msg_flags, m.msg_namelen);
  value("nothing is left", SYS_6(SYS_recvfrom, s, buffer, 10, MSG_DONTWAIT, 0, 0));
  close(s);
}

static void unprivileged(void) {
  pid_t child = fork();
  if (child == 0) {
    if (setgid(54321) < 0 || setuid(54321) < 0) _exit(1);
    int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    struct ifinfomsg i = {.ifi_index = 1, .ifi_change = IFF_UP, .ifi_flags = IFF_UP};
    asks(s, RTM_NEWLINK, NLM_F_ACK, &i, 16);
    show(s, 1);
    asks(s, RTM_GETLINK, 0, &i, 16);
    show(s, 1);
    struct sockaddr_nl other = address(1, 0), group = address(0, 1);
    value("send to another", SYS_6(SYS_sendto, s, "hello", 5, 0, &other, sizeof other));
    value("connect to another", SYS_3(SYS_connect, s, &other, sizeof other));
    value("join groups", SYS_3(SYS_bind, s, &group, sizeof group));
    struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    value("up by ioctl", SYS_3(SYS_ioctl, s, SIOCSIFFLAGS, &r));
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

static void ioctls(void) {
  static const int requests[] = {SIOCGIFFLAGS,  SIOCGIFMTU,    SIOCGIFINDEX,  SIOCGIFADDR,    SIOCGIFNETMASK,
                                 SIOCGIFHWADDR, SIOCGIFTXQLEN, SIOCGIFMETRIC, SIOCGIFBRDADDR, SIOCGIFDSTADDR};
  for (int family = AF_UNIX; family <= AF_NETLINK; family += AF_NETLINK - AF_UNIX) {
    int s = socket(family, SOCK_DGRAM, 0);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
      struct ifreq r = {.ifr_name = "lo"};
      long result = SYS_3(SYS_ioctl, s, requests[i], &r);
      char text[100];
      int n = sprintf(text, "%#x: %s", requests[i], failed(result) ? error_name(result) : "ok");
      for (size_t k = 16; k < 24; k++)
        n += sprintf(text + n, " %02x", ((unsigned char *)&r)[k]);
      say("%s", text);
    }
    struct ifreq r = {.ifr_ifindex = 1};
    value("SIOCGIFNAME", SYS_3(SYS_ioctl, s, SIOCGIFNAME, &r));
    say("%s", r.ifr_name);
    struct ifreq list[3];
    struct ifconf c = {.ifc_len = sizeof list, .ifc_req = list};
    value("SIOCGIFCONF", SYS_3(SYS_ioctl, s, SIOCGIFCONF, &c));
    say("%d: %s", c.ifc_len, list[0].ifr_name);
    c.ifc_len = 10;
    value("too small", SYS_3(SYS_ioctl, s, SIOCGIFCONF, &c));
    say("%d", c.ifc_len);
    c = (struct ifconf){0};
    value("how much", SYS_3(SYS_ioctl, s, SIOCGIFCONF, &c));
    say("%d", c.ifc_len);
    close(s);
  }
}

static void up(void) {
  int s = socket(AF_UNIX, SOCK_DGRAM, 0);
  struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  value("up", SYS_3(SYS_ioctl, s, SIOCSIFFLAGS, &r));
  close(s);
}

int main(void) {
  unshare(CLONE_NEWNET); // as a sandbox is; there it fails
  up();
  ports();
  options();
  dumps();
  single();
  unprivileged();
  ioctls();
  return 0;
}
