// NETLINK_ROUTE as an attacker uses it: changes with attributes of any length, depth and content, and as many devices,
// addresses, routes, rules and neighbours as there may be, looked up, told, heard of and removed again. There are bounds,
// nothing is told twice or of the wrong kind, and others are served meanwhile.
//@ args: 0
//@ args: 1
//@ args: 2
//@ ends: 0
//@ deadline: 120
//@ needs: sockets
#include "hostile.h"
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

static char answer[65536];

static struct {
  struct nlmsghdr h;
  char body[8192];
} m;

static int s;

static void begin(int type, int flags, const void *fixed, size_t length) {
  memset(&m, 0, sizeof m.h + 256);
  m.h = (struct nlmsghdr){NLMSG_LENGTH(length), type, NLM_F_REQUEST | NLM_F_ACK | flags, 1, 0};
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

// 0 or a negative errno.
static int ask(void) {
  if (send(s, &m, m.h.nlmsg_len, 0) < 0) return -errno;
  for (;;) {
    if (recv(s, answer, sizeof answer, 0) < 0) return -errno;
    struct nlmsghdr *h = (void *)answer;
    if (h->nlmsg_type == NLMSG_ERROR) return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
  }
}

// ---- Nonsense ----

static void mutate(void) {
  static const int types[] = {RTM_NEWLINK,  RTM_DELLINK,  RTM_GETLINK,  RTM_SETLINK,     RTM_NEWADDR,
                              RTM_DELADDR,  RTM_GETADDR,  RTM_NEWROUTE, RTM_DELROUTE,    RTM_GETROUTE,
                              RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWRULE,     RTM_DELRULE,
                              RTM_GETRULE,  RTM_NEWNSID,  RTM_GETSTATS, RTM_NEWLINKPROP, RTM_NEWNEXTHOP};
  static const int fixed[] = {8, 12, 16};
  static const int families[] = {AF_INET, AF_INET6, 0, 255};
  for (int round = 0; round < 30000; round++) {
    char head[16];
    for (int i = 0; i < 16; i++)
      head[i] = next_random() % 4 == 0 ? next_random() : next_random() % 3;
    if (next_random() % 4 != 0) head[0] = families[next_random() % 4];
    if (next_random() % 2) memcpy(head + 4, "\1\0\0\0", 4);
    begin(types[next_random() % (sizeof types / sizeof *types)], next_random() % 16 << 8, head,
          fixed[next_random() % 3]);
    for (int i = next_random() % 6; i > 0; i--) {
      char value[64];
      size_t length = next_random() % 8 == 0 ? next_random() % 64 : next_random() % 5 * 4;
      for (size_t k = 0; k < sizeof value; k++)
        value[k] = next_random() % 2 ? next_random() : 0;
      // An attribute of attributes, which lie about their lengths.
      if (next_random() % 3 == 0) memcpy(value, (unsigned short[]){next_random() % 40, next_random() % 9}, 4);
      add(next_random() % 40 | (next_random() % 8 == 0 ? NLA_F_NESTED : 0), value, length);
      if (next_random() % 30 == 0) m.h.nlmsg_len += next_random() % 5;
    }
    send(s, &m, m.h.nlmsg_len, 0);
    while (recv(s, answer, sizeof answer, MSG_DONTWAIT) > 0) {
    }
  }
}

// ---- As many as there may be ----

static int make_device(int i) {
  struct ifinfomsg l = {0};
  char name[IFNAMSIZ];
  begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &l, sizeof l);
  sprintf(name, "f%d", i);
  add(IFLA_IFNAME, name, strlen(name) + 1);
  struct {
    struct rtattr a;
    char kind[8];
  } info = {{9, 1}, "dummy"};
  add(IFLA_LINKINFO, &info, sizeof info);
  return ask();
}

static int make_address(int i) {
  struct ifaddrmsg a = {.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 1};
  begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &a, sizeof a);
  add_number(IFA_LOCAL, htonl(0x0a000001 + (i << 8)));
  return ask();
}

static int make_route(int i) {
  struct rtmsg r = {.rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_table = 50, .rtm_type = RTN_BLACKHOLE};
  begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &r, sizeof r);
  add_number(RTA_DST, i % 8 ? htonl(0x14000000 + i) : htonl(0x14000000));
  add_number(RTA_PRIORITY, i);
  return ask();
}

static int make_rule(int i) {
  struct fib_rule_hdr r = {.family = AF_INET, .action = FR_ACT_TO_TBL};
  begin(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &r, sizeof r);
  add_number(FRA_TABLE, i % 3 == 0 ? 50 : 1000 + i);
  add_number(FRA_PRIORITY, 100 + i);
  return ask();
}

static int make_neighbour(int i) {
  struct ndmsg n = {.ndm_family = AF_INET, .ndm_ifindex = 2, .ndm_state = NUD_PERMANENT};
  begin(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, &n, sizeof n);
  add_number(NDA_DST, htonl(0x0a000002 + i));
  add(NDA_LLADDR, "\2\0\0\0\0\1", 6);
  return ask();
}

static void flood(const char *what, int (*make)(int), int most) {
  int i = 0, error = 0;
  while (i < most && (error = make(i)) == 0)
    i++;
  if (error == 0) bad(what, i);
  if (error != -ENOBUFS && error != -ENOMEM) bad(what, error);
}

// What programs that come later would find.
static void clean_up(int which) {
  struct ifinfomsg up = {.ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  begin(RTM_SETLINK, 0, &up, sizeof up);
  if (ask() < 0) bad("up", 0);
  for (int i = 0; i < 40000; i++) {
    if (which == 1 && i < 600) {
      struct ifinfomsg l = {.ifi_index = i + 2};
      begin(RTM_DELLINK, 0, &l, sizeof l);
      ask();
    }
    if (which == 1 && i < 1100) {
      struct ifaddrmsg a = {.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 1};
      begin(RTM_DELADDR, 0, &a, sizeof a);
      add_number(IFA_LOCAL, htonl(0x0a000001 + (i << 8)));
      ask();
    }
    if (which == 2) {
      struct rtmsg r = {.rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_table = 50, .rtm_scope = 255};
      begin(RTM_DELROUTE, 0, &r, sizeof r);
      add_number(RTA_DST, i % 8 ? htonl(0x14000000 + i) : htonl(0x14000000));
      add_number(RTA_PRIORITY, i);
      if (ask() < 0) which = 3;
    }
    if (i < 1100 && which >= 2) {
      struct fib_rule_hdr r = {.family = AF_INET};
      begin(RTM_DELRULE, 0, &r, sizeof r);
      add_number(FRA_PRIORITY, 100 + i);
      ask();
    }
  }
}

static void look_up(void) {
  for (int i = 0; i < 50; i++) {
    struct rtmsg r = {.rtm_family = AF_INET, .rtm_dst_len = 32};
    begin(RTM_GETROUTE, 0, &r, sizeof r);
    add_number(RTA_DST, htonl(0x14000000 + i));
    ask();
  }
}

static void dump(int type) {
  struct rtmsg r = {.rtm_family = AF_INET};
  begin(type, NLM_F_DUMP, &r, sizeof r);
  send(s, &m, m.h.nlmsg_len, 0);
  for (;;) {
    long n = recv(s, answer, sizeof answer, 0);
    if (n <= 0) {
      bad("a dump", -errno);
      return;
    }
    for (struct nlmsghdr *h = (void *)answer; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n))
      if (h->nlmsg_type == NLMSG_DONE) return;
  }
}

static void listen_to_all(void) {
  for (int i = 0; i < 300; i++) {
    struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = ~0u};
    int g = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (g < 0 || bind(g, (void *)&a, sizeof a)) bad("a member", -errno);
  }
}

int main(int argc, char **argv) {
  (void)argc;
  s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  switch (atoi(argv[1])) {
  case 0:
    mutate();
    break;
  case 1:
    flood("devices", make_device, 10000);
    flood("neighbours", make_neighbour, 100000);
    flood("addresses", make_address, 10000);
    listen_to_all();
    for (int i = 0; i < 2; i++) {
      // All that goes with lo and with another goes at once.
      struct ifinfomsg l = {.ifi_index = i + 1, .ifi_change = IFF_UP};
      begin(i == 0 ? RTM_SETLINK : RTM_DELLINK, 0, &l, sizeof l);
      if (ask() < 0) bad("down", i);
    }
    dump(RTM_GETADDR);
    dump(RTM_GETLINK);
    break;
  default:
    flood("routes", make_route, 100000);
    flood("rules", make_rule, 10000);
    look_up();
    dump(RTM_GETROUTE);
    dump(RTM_GETRULE);
  }
  clean_up(atoi(argv[1]));
  return 0;
}
