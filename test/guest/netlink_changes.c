// NETLINK_ROUTE changes: links, addresses, routes and rules as raw messages, their errors, with words where Linux has
// some, what groups hear, and the same devices by ioctl. Natively in a network namespace of its own.
//@ needs: sockets fork credentials
#include "network.h"
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static char buffer[65536];

static struct {
  struct nlmsghdr h;
  char body[4096];
} m;

static void begin(int type, int flags, const void *fixed, size_t length) {
  memset(&m, 0, sizeof m);
  m.h = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH(length),
                          .nlmsg_type = type,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags,
                          .nlmsg_seq = 5};
  memcpy(m.body, fixed, length);
}

static void add(int type, const void *value, size_t length) {
  struct rtattr *a = (void *)((char *)&m + NLMSG_ALIGN(m.h.nlmsg_len));
  a->rta_type = type;
  a->rta_len = RTA_LENGTH(length);
  memcpy(RTA_DATA(a), value, length);
  m.h.nlmsg_len = NLMSG_ALIGN(m.h.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static void add_number(int type, unsigned value) {
  add(type, &value, 4);
}

static void add_address(int type, unsigned address) {
  address = htonl(address);
  add(type, &address, 4);
}

static void tell_error(const char *what, const struct nlmsghdr *h) {
  const struct nlmsgerr *e = NLMSG_DATA(h);
  const char *words = "";
  if (h->nlmsg_flags & NLM_F_ACK_TLVS) {
    size_t whole = h->nlmsg_flags & NLM_F_CAPPED ? sizeof *e : sizeof *e + e->msg.nlmsg_len - NLMSG_HDRLEN;
    const struct rtattr *a = (void *)((char *)e + NLMSG_ALIGN(whole));
    for (int left = (char *)h + h->nlmsg_len - (char *)a; RTA_OK(a, left); a = RTA_NEXT(a, left))
      if (a->rta_type == NLMSGERR_ATTR_MSG) words = RTA_DATA(a);
  }
  say("%s: %s%s%s", what, e->error == 0 ? "ok" : error_name(e->error), *words ? ": " : "", words);
}

static int s;

// Sends what was made, and tells what is answered.
static void ask(const char *what) {
  long sent = SYS_6(SYS_sendto, s, &m, m.h.nlmsg_len, 0, 0, 0);
  if (failed(sent)) {
    value(what, sent);
    return;
  }
  for (;;) {
    long n = SYS_6(SYS_recvfrom, s, buffer, sizeof buffer, MSG_DONTWAIT, 0, 0);
    if (failed(n)) return;
    for (struct nlmsghdr *h = (void *)buffer; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n))
      if (h->nlmsg_type == NLMSG_ERROR)
        tell_error(what, h);
      else
        say("%s: type %d", what, h->nlmsg_type);
  }
}

// What a member of groups has heard.
static void heard(int g) {
  for (;;) {
    struct sockaddr_nl from = {0};
    socklen_t length = sizeof from;
    long n = SYS_6(SYS_recvfrom, g, buffer, sizeof buffer, MSG_DONTWAIT, &from, &length);
    if (failed(n)) return;
    for (struct nlmsghdr *h = (void *)buffer; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
      char text[300];
      int at =
          sprintf(text, " heard %d flags %#x sequence %d, %s, groups %#x:", h->nlmsg_type, h->nlmsg_flags,
                  h->nlmsg_seq, h->nlmsg_pid == 0 ? "the kernel's" : "somebody's", from.nl_groups);
      const unsigned char *body = NLMSG_DATA(h);
      int head = h->nlmsg_type <= RTM_SETLINK ? 16 : h->nlmsg_type <= RTM_GETADDR ? 8 : 12;
      for (int i = 0; i < head; i++)
        at += sprintf(text + at, "%02x", body[i]);
      say("%s", text);
      if (h->nlmsg_type <= RTM_SETLINK) continue;
      const struct rtattr *a = (void *)(body + head);
      for (int left = (char *)h + h->nlmsg_len - (char *)a; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (h->nlmsg_type <= RTM_GETADDR && a->rta_type == IFA_CACHEINFO) continue;
        at = sprintf(text, "  %d:", a->rta_type);
        for (int i = 0; i < (int)RTA_PAYLOAD(a) && i < 40; i++)
          at += sprintf(text + at, " %02x", ((unsigned char *)RTA_DATA(a))[i]);
        say("%s", text);
      }
    }
  }
}

static void address(int type, int flags, unsigned local, int prefix, int scope) {
  struct ifaddrmsg i = {.ifa_family = AF_INET, .ifa_prefixlen = prefix, .ifa_scope = scope, .ifa_index = 1};
  begin(type, flags, &i, sizeof i);
  add_address(IFA_LOCAL, local);
  add_address(IFA_ADDRESS, local);
}

static void addresses(int g) {
  static const int flags[] = {0, NLM_F_CREATE, NLM_F_CREATE | NLM_F_EXCL, NLM_F_REPLACE};
  for (size_t i = 0; i < 4; i++) {
    address(RTM_NEWADDR, flags[i], 0x0a010203, 24, RT_SCOPE_UNIVERSE);
    ask("new address");
    heard(g);
  }
  address(RTM_NEWADDR, NLM_F_CREATE, 0x0a010204, 24, RT_SCOPE_LINK);
  ask("another scope");
  address(RTM_NEWADDR, NLM_F_CREATE, 0x0a010204, 24, RT_SCOPE_UNIVERSE);
  ask("secondary");
  address(RTM_NEWADDR, NLM_F_CREATE | NLM_F_ECHO, 0x0a010304, 33, RT_SCOPE_UNIVERSE);
  ask("too long");
  struct ifaddrmsg i = {.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 1};
  begin(RTM_NEWADDR, NLM_F_CREATE, &i, sizeof i);
  ask("without an address");
  i.ifa_index = 77;
  begin(RTM_NEWADDR, NLM_F_CREATE, &i, sizeof i);
  add_address(IFA_LOCAL, 1);
  ask("without a device");
  address(RTM_NEWADDR, NLM_F_CREATE, 0x0a020204, 24, 0);
  struct ifa_cacheinfo lifetime = {.ifa_prefered = 20, .ifa_valid = 10};
  add(IFA_CACHEINFO, &lifetime, sizeof lifetime);
  ask("preferred for longer than valid");
  begin(RTM_NEWADDR, NLM_F_CREATE, &i, 4);
  ask("short");
  heard(g);
  address(RTM_DELADDR, 0, 0x0a010209, 24, 0);
  ask("delete what is not there");
  address(RTM_DELADDR, 0, 0x0a010203, 16, 0);
  ask("another prefix");
  address(RTM_DELADDR, 0, 0x0a010203, 24, 0);
  ask("delete");
  heard(g);
}

static void route(int type, int flags, unsigned destination, int prefix, int kind, int scope) {
  struct rtmsg r = {.rtm_family = AF_INET,
                    .rtm_dst_len = prefix,
                    .rtm_table = RT_TABLE_MAIN,
                    .rtm_protocol = RTPROT_STATIC,
                    .rtm_scope = scope,
                    .rtm_type = kind};
  begin(type, flags, &r, sizeof r);
  add_address(RTA_DST, destination);
}

static void routes(int g) {
  static const struct {
    int flags, kind, scope, prefix;
    unsigned destination;
  } all[] = {{0, RTN_BLACKHOLE, 0, 16, 0x0a050000},
             {NLM_F_CREATE, RTN_BLACKHOLE, 0, 16, 0x0a050000},
             {NLM_F_CREATE, RTN_BLACKHOLE, 0, 16, 0x0a050000},
             {NLM_F_CREATE | NLM_F_EXCL, RTN_BLACKHOLE, 0, 16, 0x0a050000},
             {NLM_F_CREATE | NLM_F_APPEND, RTN_UNREACHABLE, 0, 16, 0x0a050000},
             {NLM_F_CREATE, RTN_PROHIBIT, 0, 16, 0x0a050000},
             {NLM_F_REPLACE, RTN_THROW, 0, 16, 0x0a050000},
             {NLM_F_REPLACE, RTN_THROW, 0, 16, 0x0a060000},
             {NLM_F_CREATE, RTN_BLACKHOLE, 0, 16, 0x0a050001},
             {NLM_F_CREATE, RTN_BLACKHOLE, 0, 33, 0x0a050001},
             {NLM_F_CREATE, RTN_UNICAST, RT_SCOPE_LINK, 16, 0x0a070000},
             {NLM_F_CREATE, RTN_LOCAL, RT_SCOPE_LINK, 16, 0x0a070000},
             {NLM_F_CREATE, RTN_NAT, 0, 16, 0x0a070000},
             {NLM_F_CREATE, 99, 0, 16, 0x0a070000},
             {NLM_F_CREATE, RTN_UNICAST, RT_SCOPE_NOWHERE, 16, 0x0a070000}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    route(RTM_NEWROUTE, all[i].flags, all[i].destination, all[i].prefix, all[i].kind, all[i].scope);
    char text[64];
    sprintf(text, "route %zu", i);
    ask(text);
    heard(g);
  }
  route(RTM_NEWROUTE, NLM_F_CREATE, 0x0a080000, 16, RTN_BLACKHOLE, 0);
  add_number(RTA_OIF, 1);
  ask("nowhere by a device");
  route(RTM_NEWROUTE, NLM_F_CREATE, 0x0a080000, 16, RTN_UNICAST, RT_SCOPE_LINK);
  add_number(RTA_OIF, 55);
  ask("by no device");
  route(RTM_NEWROUTE, NLM_F_CREATE, 0x0a080000, 16, RTN_UNICAST, RT_SCOPE_LINK);
  add_number(RTA_OIF, 1);
  add_number(RTA_PRIORITY, 7);
  ask("by lo");
  heard(g);
  route(RTM_NEWROUTE, NLM_F_CREATE, 0x0a090000, 16, RTN_UNICAST, 0);
  add_address(RTA_GATEWAY, 0x0a080001);
  ask("by a gateway");
  route(RTM_NEWROUTE, NLM_F_CREATE, 0x0a0a0000, 16, RTN_UNICAST, 0);
  add_address(RTA_GATEWAY, 0x0b080001);
  ask("by one that is nowhere");
  route(RTM_DELROUTE, 0, 0x0a050000, 16, 0, RT_SCOPE_NOWHERE);
  ask("another protocol's");
  for (int i = 0; i < 4; i++) {
    route(RTM_DELROUTE, 0, 0x0a050000, 16, 0, RT_SCOPE_NOWHERE);
    ask("delete");
    heard(g);
  }
}

static void rules(int g) {
  struct fib_rule_hdr r = {.family = AF_INET, .action = FR_ACT_TO_TBL};
  for (int i = 0; i < 3; i++) {
    begin(RTM_NEWRULE, NLM_F_CREATE | (i == 2 ? NLM_F_EXCL : 0), &r, sizeof r);
    add_number(FRA_TABLE, 1000);
    add_number(FRA_PRIORITY, 500);
    add_number(FRA_FWMARK, 3);
    ask("new rule");
    heard(g);
  }
  r.src_len = 40;
  begin(RTM_NEWRULE, NLM_F_CREATE, &r, sizeof r);
  add_number(FRA_TABLE, 9);
  add_address(FRA_SRC, 0x0a000000);
  ask("too long");
  r.src_len = 8;
  begin(RTM_NEWRULE, NLM_F_CREATE, &r, sizeof r);
  add_number(FRA_TABLE, 9);
  add_address(FRA_SRC, 0x0a000000);
  ask("without a priority");
  heard(g);
  r.src_len = 0;
  r.action = FR_ACT_GOTO;
  begin(RTM_NEWRULE, NLM_F_CREATE, &r, sizeof r);
  add_number(FRA_PRIORITY, 700);
  add_number(FRA_GOTO, 600);
  ask("backwards");
  r.action = 0;
  for (int i = 0; i < 3; i++) {
    begin(RTM_DELRULE, 0, &r, sizeof r);
    add_number(FRA_PRIORITY, 500);
    ask("delete");
    heard(g);
  }
}

static void links(int g) {
  struct ifinfomsg i = {.ifi_index = 1};
  begin(RTM_NEWLINK, 0, &i, sizeof i);
  add_number(IFLA_MTU, 1500);
  ask("mtu");
  heard(g);
  begin(RTM_SETLINK, 0, &i, sizeof i);
  add(IFLA_IFNAME, "a/b", 4);
  ask("name");
  begin(RTM_SETLINK, 0, &i, sizeof i);
  add(IFLA_IFNAME, "loop", 5);
  ask("name");
  heard(g);
  begin(RTM_SETLINK, 0, &i, sizeof i);
  add(IFLA_IFNAME, "lo", 3);
  ask("name");
  begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &i, sizeof i);
  ask("exclusively");
  begin(RTM_DELLINK, 0, &i, sizeof i);
  ask("delete lo");
  i.ifi_index = 99;
  begin(RTM_DELLINK, 0, &i, sizeof i);
  ask("delete none");
  begin(RTM_NEWLINK, 0, &i, sizeof i);
  ask("change none");
  i.ifi_index = 0;
  begin(RTM_NEWLINK, NLM_F_CREATE, &i, sizeof i);
  add(IFLA_IFNAME, "x", 2);
  struct {
    struct rtattr a;
    char kind[8];
  } info = {.a = {.rta_len = 11, .rta_type = IFLA_INFO_KIND}, .kind = "nosuch"};
  add(IFLA_LINKINFO, &info, sizeof info);
  ask("no such kind");
  begin(RTM_NEWLINK, 0, &i, 8);
  ask("short");
  while (recv(g, buffer, sizeof buffer, MSG_DONTWAIT) >= 0) {
  }
}

static void neighbours(void) {
  struct ndmsg n = {.ndm_family = AF_INET, .ndm_ifindex = 1, .ndm_state = NUD_PERMANENT};
  // On lo Linux keeps them as those of 0.0.0.0, and finds none again.
  for (int i = 0; i < 2; i++) {
    begin(RTM_NEWNEIGH, i == 0 ? 0 : NLM_F_CREATE, &n, sizeof n);
    add_address(NDA_DST, 0x0a010207);
    add(NDA_LLADDR, "\2\0\0\0\0\7", 6);
    ask("neighbour");
  }
  begin(RTM_NEWNEIGH, NLM_F_CREATE, &n, sizeof n);
  ask("without an address");
  begin(RTM_NEWNEIGH, NLM_F_CREATE, &n, sizeof n);
  add(NDA_DST, "\1\2", 2);
  ask("with a short one");
  n.ndm_ifindex = 50;
  begin(RTM_NEWNEIGH, NLM_F_CREATE, &n, sizeof n);
  add_address(NDA_DST, 0x0a010207);
  ask("on no device");
}

// Set by netlink, read by an ioctl of a local socket, and the other way round.
static void ioctls(void) {
  int u = socket(AF_UNIX, SOCK_DGRAM, 0);
  struct ifinfomsg i = {.ifi_index = 1};
  begin(RTM_NEWLINK, 0, &i, sizeof i);
  add_number(IFLA_MTU, 1400);
  add_number(IFLA_TXQLEN, 77);
  ask("mtu");
  struct ifreq r = {.ifr_name = "lo"};
  value("SIOCGIFMTU", SYS_3(SYS_ioctl, u, SIOCGIFMTU, &r));
  say("%d", r.ifr_mtu);
  value("SIOCGIFTXQLEN", SYS_3(SYS_ioctl, u, SIOCGIFTXQLEN, &r));
  say("%d", r.ifr_qlen);
  r.ifr_mtu = 1300;
  value("SIOCSIFMTU", SYS_3(SYS_ioctl, u, SIOCSIFMTU, &r));
  r.ifr_mtu = -1;
  value("SIOCSIFMTU, negative", SYS_3(SYS_ioctl, u, SIOCSIFMTU, &r));
  value("SIOCGIFMTU", SYS_3(SYS_ioctl, s, SIOCGIFMTU, &r));
  say("%d", r.ifr_mtu);
  strcpy(r.ifr_newname, "loop");
  value("SIOCSIFNAME", SYS_3(SYS_ioctl, u, SIOCSIFNAME, &r));
  value("the old name", SYS_3(SYS_ioctl, u, SIOCGIFMTU, &r));
  strcpy(r.ifr_name, "loop");
  strcpy(r.ifr_newname, "lo");
  value("SIOCSIFNAME", SYS_3(SYS_ioctl, u, SIOCSIFNAME, &r));
  strcpy(r.ifr_name, "lo");
  r.ifr_flags = 0;
  value("down", SYS_3(SYS_ioctl, u, SIOCSIFFLAGS, &r));
  value("SIOCGIFFLAGS", SYS_3(SYS_ioctl, u, SIOCGIFFLAGS, &r));
  say("%#x", r.ifr_flags);
  r.ifr_flags = IFF_UP;
  value("up", SYS_3(SYS_ioctl, u, SIOCSIFFLAGS, &r));
  value("SIOCGIFFLAGS", SYS_3(SYS_ioctl, u, SIOCGIFFLAGS, &r));
  say("%#x", r.ifr_flags);
  strcpy(r.ifr_name, "nix");
  value("none", SYS_3(SYS_ioctl, u, SIOCSIFFLAGS, &r));
  value("at no address", SYS_3(SYS_ioctl, u, SIOCGIFFLAGS, 8));
  close(u);
}

static void unprivileged(void) {
  pid_t child = fork();
  if (child == 0) {
    if (setgid(54321) < 0 || setuid(54321) < 0) _exit(1);
    s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    address(RTM_NEWADDR, NLM_F_CREATE, 0x0a010203, 24, 0);
    ask("address");
    route(RTM_NEWROUTE, NLM_F_CREATE, 0x0a050000, 16, RTN_BLACKHOLE, 0);
    ask("route");
    int u = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct ifreq r = {.ifr_name = "lo", .ifr_mtu = 1300};
    value("mtu", SYS_3(SYS_ioctl, u, SIOCSIFMTU, &r));
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

// The programs that run after this one in a sandbox find lo and the rules as they were.
static void give_back(void) {
  struct ifinfomsg i = {.ifi_index = 1};
  begin(RTM_NEWLINK, 0, &i, sizeof i);
  add_number(IFLA_MTU, 65536);
  add_number(IFLA_TXQLEN, 1000);
  ask("lo as it was");
  struct fib_rule_hdr r = {.family = AF_INET, .src_len = 8, .action = FR_ACT_TO_TBL};
  begin(RTM_DELRULE, 0, &r, sizeof r);
  add_number(FRA_TABLE, 9);
  add_address(FRA_SRC, 0x0a000000);
  ask("the rules as they were");
}

int main(void) {
  int one = 1;
  own_network();
  s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  setsockopt(s, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
  int g = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
                               .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE |
                                            1 << (RTNLGRP_IPV4_RULE - 1)};
  value("groups", SYS_3(SYS_bind, g, &groups, sizeof groups));
  addresses(g);
  routes(g);
  rules(g);
  links(g);
  neighbours();
  ioctls();
  unprivileged();
  give_back();
  return 0;
}
