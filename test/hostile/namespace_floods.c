// Network namespaces without end, each with sockets that nobody closes; a storm of frames between bridges in a ring; forged
// requests about links, with other ends and namespaces of every kind; devices that are moved to and fro while others use
// them; a chain of namespaces that pass packets on; namespaces that end with all that they had, while requests name them;
// more devices than anybody has. No turn is long, and nothing stays.
//@ args: 0
//@ args: 1
//@ args: 2
//@ args: 3
//@ args: 4
//@ args: 5
//@ args: 6
//@ ends: 0
//@ deadline: 60
//@ needs: sockets tcp fork
#include "hostile.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define NAMESPACES 2000

static int fds[NAMESPACES];

// ---- Requests ----

static struct {
  struct nlmsghdr h;
  struct ifinfomsg i;
  char rest[2000];
} request;
static char *end;

static void begin(int type, int flags, int index) {
  memset(&request, 0, sizeof request);
  request.h.nlmsg_type = type;
  request.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
  request.i.ifi_index = index;
  end = request.rest;
}

static char *attribute(int type, const void *value, int length) {
  struct rtattr *a = (void *)end;
  a->rta_type = type;
  a->rta_len = RTA_LENGTH(length);
  if (length > 0 && value) memcpy(RTA_DATA(a), value, length);
  end += RTA_ALIGN(a->rta_len);
  return (char *)a;
}

static void number(int type, unsigned value) {
  attribute(type, &value, 4);
}

static void text(int type, const char *value) {
  attribute(type, value, strlen(value) + 1);
}

static void close_nest(char *nest) {
  ((struct rtattr *)nest)->rta_len = end - nest;
}

static int netlink(void) {
  return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

// What the kernel answers: 0 or a negative errno.
static int ask(int s) {
  static char answer[8192];
  request.h.nlmsg_len = end - (char *)&request;
  if (send(s, &request, request.h.nlmsg_len, 0) < 0) return -errno;
  for (;;) {
    int n = recv(s, answer, sizeof answer, 0);
    if (n < 0) return -errno;
    struct nlmsghdr *h = (void *)answer;
    if (h->nlmsg_type == NLMSG_ERROR) return *(int *)NLMSG_DATA(h);
  }
}

// A pair of devices; the other end is in the namespace of that descriptor, if there is one.
static int pair(int s, const char *name, const char *other, int fd) {
  begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
  text(IFLA_IFNAME, name);
  char *info = attribute(IFLA_LINKINFO, NULL, 0);
  text(IFLA_INFO_KIND, "veth");
  char *data = attribute(IFLA_INFO_DATA, NULL, 0);
  struct ifinfomsg head = {0};
  char *peer = attribute(VETH_INFO_PEER, &head, sizeof head);
  text(IFLA_IFNAME, other);
  if (fd >= 0) number(IFLA_NET_NS_FD, fd);
  close_nest(peer), close_nest(data), close_nest(info);
  return ask(s);
}

static int bridge(int s, const char *name) {
  begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
  text(IFLA_IFNAME, name);
  char *info = attribute(IFLA_LINKINFO, NULL, 0);
  text(IFLA_INFO_KIND, "bridge");
  close_nest(info);
  return ask(s);
}

static int up(int s, const char *name, int master) {
  begin(RTM_SETLINK, 0, if_nametoindex(name));
  request.i.ifi_flags = request.i.ifi_change = IFF_UP;
  if (master > 0) number(IFLA_MASTER, master);
  return ask(s);
}

static void address(int s, const char *name, unsigned ip, int length) {
  begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, 0);
  struct ifaddrmsg *m = (void *)&request.i;
  *m = (struct ifaddrmsg){AF_INET, length, 0, 0, if_nametoindex(name)};
  end = (char *)m + sizeof *m;
  ip = htonl(ip);
  attribute(IFA_LOCAL, &ip, 4);
  attribute(IFA_ADDRESS, &ip, 4);
  ask(s);
}

static void route(int s, unsigned via) {
  begin(RTM_NEWROUTE, NLM_F_CREATE, 0);
  struct rtmsg *m = (void *)&request.i;
  *m = (struct rtmsg){AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST, 0};
  end = (char *)m + sizeof *m;
  via = htonl(via);
  attribute(RTA_GATEWAY, &via, 4);
  ask(s);
}

static int here(void) {
  return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int another(void) {
  return unshare(CLONE_NEWNET) ? -1 : here();
}

static void enter(int fd) {
  if (setns(fd, CLONE_NEWNET)) bad("setns", -errno);
}

static void many_files(void) {
  struct rlimit l = {8192, 8192};
  setrlimit(RLIMIT_NOFILE, &l);
}

// ---- Attacks ----

// As many as there may be, with sockets in each.
static void many(void) {
  many_files();
  for (int round = 0; round < 3; round++) {
    // Those that nobody is in go, a part after the other, also those of who was here before.
    for (int i = 0; i < 1000 && unshare(CLONE_NEWNET); i++)
      usleep(20000);
    int first = here(), count = 0, error = 0;
    for (; count < NAMESPACES; count++) {
      if ((fds[count] = another()) < 0) {
        error = errno;
        break;
      }
      int s = netlink();
      up(s, "lo", 0);
      socket(AF_INET, SOCK_STREAM, 0);
      struct sockaddr_in a = {AF_INET, htons(80), {htonl(INADDR_LOOPBACK)}, {0}};
      int t = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
      bind(t, (void *)&a, sizeof a), listen(t, 1);
      connect(c, (void *)&a, sizeof a);
      send(c, request.rest, 2000, MSG_DONTWAIT);
      if (count % 2) close(s), close(t), close(c);
    }
    if (count < 50 || count == NAMESPACES) bad("namespaces", count);
    if (error != ENOSPC && error != EMFILE) bad("one too many", -error);
    enter(first);
    close_range(3, ~0u, 0);
  }
}

// Two bridges, joined by two cables: what comes goes round and round.
static void storm(void) {
  int first = here(), second = another(), s = netlink();
  if (bridge(s, "br")) bad("a bridge", -errno);
  up(s, "br", 0);
  int inner = if_nametoindex("br");
  enter(first);
  int t = netlink();
  bridge(t, "br");
  up(t, "br", 0);
  int outer = if_nametoindex("br");
  for (int i = 0; i < 2; i++) {
    char name[] = "x0", other[] = "y0";
    name[1] += i, other[1] += i;
    if (pair(t, name, other, second)) bad("a pair", -errno);
    up(t, name, outer);
    enter(second);
    up(s, other, inner);
    enter(first);
  }
  address(t, "br", 0x0a000001, 8);
  int u = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
  setsockopt(u, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  struct sockaddr_in to = {AF_INET, htons(9), {htonl(0x0affffff)}, {0}};
  double until = seconds() + FLOOD_S;
  while (seconds() < until) {
    sendto(u, request.rest, 1000, MSG_DONTWAIT, (void *)&to, sizeof to);
    struct sockaddr_in nobody = {AF_INET, htons(9), {htonl(0x0a000009)}, {0}};
    sendto(u, "x", 1, MSG_DONTWAIT, (void *)&nobody, sizeof nobody);
  }
}

// Requests of any form: nothing that stands in them is believed.
static void forged(void) {
  int first = here(), second = another(), s = netlink(), file = open("/proc/self/maps", O_RDONLY);
  int closed = dup(second);
  close(closed);
  static const char *const kinds[] = {"veth", "bridge", "dummy", "", "vlan", "veth\0x", "tun"};
  static const char *const names[] = {
      "v%d", "%d%d", "%s", "", ".", "..", "a/b", "lo", "x", "averyveryverylongname", "%"};
  random_state = 7;
  for (int i = 0; i < 30000; i++) {
    static const int types[] = {RTM_NEWLINK, RTM_NEWLINK, RTM_NEWLINK, RTM_SETLINK,
                                RTM_DELLINK, RTM_GETLINK, RTM_NEWNSID, RTM_GETNSID};
    int namespaces[] = {first, second, file, closed, -1, 0x7fffffff, s, (int)nasty()};
    begin(types[next_random() % 8], next_random() % 3 ? NLM_F_CREATE : next_random() & 0xfff & ~NLM_F_DUMP,
          next_random() % 3   ? 0
          : next_random() % 3 ? next_random() % 12
                              : nasty());
    request.i.ifi_flags = next_random() % 2 ? IFF_UP : nasty();
    request.i.ifi_change = next_random() % 2 ? IFF_UP : nasty();
    char *nests[3];
    int depth = 0;
    for (int n = next_random() % 12; n >= 0; n--) {
      switch (next_random() % 12) {
      case 0:
      case 1:
        if (depth < 3)
          nests[depth] = attribute(depth == 0   ? IFLA_LINKINFO
                                   : depth == 1 ? IFLA_INFO_DATA
                                                : VETH_INFO_PEER,
                                   &request.i, depth == 2 ? next_random() % 20 : 0),
          depth++;
        break;
      case 2:
        text(IFLA_INFO_KIND, kinds[next_random() % 7]);
        break;
      case 3:
      case 4:
        text(IFLA_IFNAME, names[next_random() % 11]);
        break;
      case 5:
        number(next_random() % 2 ? IFLA_NET_NS_FD : 3 /* NETNSA_FD */, namespaces[next_random() % 8]);
        break;
      case 6:
        number(next_random() % 2 ? IFLA_NET_NS_PID : 2 /* NETNSA_PID */,
               next_random() % 2 ? (uint64_t)getpid() : nasty());
        break;
      case 7:
        number(IFLA_MASTER, next_random() % 10);
        break;
      case 8:
        number(IFLA_MTU, next_random() % 2 ? 1500 : nasty());
        break;
      case 9:
        attribute(IFLA_ADDRESS, &namespaces, next_random() % 12);
        break;
      case 10:
        number(1 /* NETNSA_NSID */, next_random() % 2 ? next_random() % 5 : nasty());
        break;
      default:
        attribute(nasty() & 0xffff, &namespaces, next_random() % 32);
      }
    }
    while (depth > 0)
      close_nest(nests[--depth]);
    if (next_random() % 8 == 0) request.rest[next_random() % 100] = next_random();
    request.h.nlmsg_len = end - (char *)&request - next_random() % 3;
    send(s, &request, request.h.nlmsg_len, MSG_DONTWAIT);
    static char answer[65536];
    while (recv(s, answer, sizeof answer, MSG_DONTWAIT) > 0)
      ;
    if (i % 500 == 0) {
      close(second);
      enter(first);
      close(s);
      second = another(), s = netlink();
    }
  }
  enter(first);
}

// Devices that are moved while others send by them, and namespaces that end meanwhile.
static void moved(void) {
  int first = here(), second = another();
  enter(first);
  int s = netlink();
  pid_t child = fork();
  if (child == 0) {
    int u = socket(AF_INET, SOCK_DGRAM, 0);
    for (;;) {
      for (int i = 0; i < 8; i++) {
        struct sockaddr_in to = {AF_INET, htons(9), {htonl(0x0a000002 + (i << 16))}, {0}};
        sendto(u, request.rest, 1400, MSG_DONTWAIT, (void *)&to, sizeof to);
      }
    }
  }
  double until = seconds() + FLOOD_S;
  for (int round = 0; seconds() < until; round++) {
    for (int i = 0; i < 8; i++) {
      char name[] = "a0", other[] = "b0";
      name[1] += i, other[1] += i;
      if (pair(s, name, other, round % 2 ? second : -1)) bad("a pair", -errno);
      address(s, name, 0x0a000001 + (i << 16), 24);
      up(s, name, 0);
      begin(RTM_SETLINK, 0, if_nametoindex(i % 3 ? name : other));
      number(IFLA_NET_NS_FD, second);
      ask(s);
    }
    close(second);
    if ((second = another()) < 0) bad("a namespace", -errno);
    enter(first);
    // The other ends go with theirs; the rest goes here.
    for (int i = 0; i < 8; i++)
      for (int end = 0; end < 2; end++) {
        char name[] = "a0";
        name[0] += end, name[1] += i;
        int index = if_nametoindex(name);
        if (index == 0) continue;
        begin(RTM_DELLINK, 0, index);
        ask(s);
      }
  }
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

// A chain of namespaces, each of which passes on what comes.
static void chain(void) {
  enum { LENGTH = 60 };
  many_files();
  int first = here();
  for (int i = 0; i < LENGTH; i++) {
    if ((fds[i] = another()) < 0) bad("a namespace", -errno);
    int s = netlink();
    up(s, "lo", 0);
    int f = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY);
    write(f, "1", 1);
    close(f);
    if (i == 0) continue;
    if (pair(s, "up", "down", fds[i - 1])) bad("a pair", -errno);
    address(s, "up", 0x0a000002 + (i << 8), 24);
    up(s, "up", 0);
    enter(fds[i - 1]);
    int t = netlink();
    address(t, "down", 0x0a000001 + (i << 8), 24);
    up(t, "down", 0);
    route(t, 0x0a000002 + (i << 8));
    close(t);
    enter(fds[i]);
    close(s);
  }
  enter(fds[LENGTH - 1]);
  struct sockaddr_in last = {AF_INET, htons(90), {htonl(INADDR_ANY)}, {0}};
  int receiver = socket(AF_INET, SOCK_DGRAM, 0);
  bind(receiver, (void *)&last, sizeof last);
  enter(fds[0]);
  int sender = socket(AF_INET, SOCK_DGRAM, 0), ttl = 255;
  setsockopt(sender, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
  last.sin_addr.s_addr = htonl(0x0a000002 + ((LENGTH - 1) << 8));
  double until = seconds() + FLOOD_S;
  int came = 0;
  while (seconds() < until) {
    sendto(sender, request.rest, 1000, MSG_DONTWAIT, (void *)&last, sizeof last);
    static char got[2000];
    while (recv(receiver, got, sizeof got, MSG_DONTWAIT) > 0)
      came++;
  }
  if (came == 0) bad("what went through the chain", came);
  enter(first);
}

// Requests that name a namespace which goes at the same moment: what they ask for goes with it.
static void named(void) {
  int first = here(), s = netlink();
  double until = seconds() + FLOOD_S;
  while (seconds() < until) {
    int gone = another();
    if (gone < 0) continue; // those that went are there still
    enter(first);
    begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    number(IFLA_NET_NS_FD, gone);
    char *info = attribute(IFLA_LINKINFO, NULL, 0);
    text(IFLA_INFO_KIND, "bridge");
    close_nest(info);
    request.h.nlmsg_len = end - (char *)&request;
    send(s, &request, request.h.nlmsg_len, 0);
    close(gone);
    static char answer[4096];
    recv(s, answer, sizeof answer, 0);
    if ((gone = another()) < 0) continue;
    enter(first);
    begin(RTM_NEWNSID, 0, 0);
    end = (char *)&request.i + 4;
    number(NETNSA_FD, gone);
    number(NETNSA_NSID, -1);
    request.h.nlmsg_len = end - (char *)&request;
    send(s, &request, request.h.nlmsg_len, 0);
    close(gone);
    recv(s, answer, sizeof answer, 0);
    // Who has asked goes as well.
    if ((gone = another()) < 0) continue;
    enter(first);
    int t = netlink();
    if (t < 0) bad("a socket", -errno);
    pair(t, "a%d", "b%d", gone);
    begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    number(IFLA_NET_NS_FD, gone);
    request.h.nlmsg_len = end - (char *)&request;
    send(t, &request, request.h.nlmsg_len, 0);
    close(t);
    close(gone);
  }
}

static int remove_link(int s, const char *name) {
  begin(RTM_DELLINK, 0, 0);
  text(IFLA_IFNAME, name);
  return ask(s);
}

// As many devices as there may be, all of them ports of a bridge, with addresses and routes; one goes after the other, or all
// with their namespace.
static void devices(void) {
  int first = here();
  for (int round = 0; round < 2; round++) {
    int second = another(), s = netlink(), error = 0, count = 0;
    bridge(s, "br");
    up(s, "br", 0);
    int master = if_nametoindex("br");
    // Those of the namespace before go a part after the other, and count as long as they are there.
    for (int waits = 0; (error = pair(s, "p%d", "q%d", -1)) == 0 || (count < 100 && waits < 500);)
      if (error == 0)
        count++;
      else
        waits++, usleep(20000);
    if (count < 100 || error != -ENOMEM) bad("devices", error);
    for (int i = 0; i < count; i++) {
      char name[16];
      sprintf(name, "p%d", i);
      up(s, name, master);
      sprintf(name, "q%d", i);
      up(s, name, master);
    }
    for (int i = 0; i < count; i++) {
      char name[16];
      sprintf(name, "%c%d", i % 2 ? 'p' : 'q', i);
      address(s, name, 0x0a000001 + (i << 8), 24);
    }
    // One that all of them get.
    address(s, "br", 0x0b000001, 8);
    int u = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
    setsockopt(u, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    struct sockaddr_in to = {AF_INET, htons(9), {htonl(0x0bffffff)}, {0}};
    for (int i = 0; i < 20; i++)
      sendto(u, request.rest, 1000, MSG_DONTWAIT, (void *)&to, sizeof to);
    if (round == 0 && remove_link(s, "br")) bad("the bridge goes", -errno);
    close(u);
    close(s);
    enter(first);
    close(second);
  }
}

int main(int argc, char **argv) {
  static void (*const attacks[])(void) = {many, storm, forged, moved, chain, named, devices};
  (void)argc;
  // What they leave behind goes with it.
  if (unshare(CLONE_NEWNET)) bad("a namespace", -errno);
  attacks[atoi(argv[1])]();
  return 0;
}
