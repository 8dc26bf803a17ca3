// From whom members of groups take what is sent there (RFC 3678): sources one by one and whole lists, of both families, with
// their errors and bounds, and who gets what.
//@ needs: sockets inet
#include "guest.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define PORT 5354
#define LO 1

static const char *const GROUP = "239.7.7.7", *const GROUP6 = "ff05::77";

static struct sockaddr_storage name_of(int family, const char *text, int port) {
  struct sockaddr_storage name;
  memset(&name, 0, sizeof name);
  name.ss_family = family;
  if (family == AF_INET) {
    struct sockaddr_in *a = (void *)&name;
    a->sin_port = htons(port);
    inet_pton(AF_INET, text, &a->sin_addr);
  } else {
    struct sockaddr_in6 *a = (void *)&name;
    a->sin6_port = htons(port);
    inet_pton(AF_INET6, text, &a->sin6_addr);
  }
  return name;
}

static int level_of(int family) {
  return family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
}

static socklen_t size_of(int family) {
  return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static int bound(int family, const char *text, int port) {
  int s = socket(family, SOCK_DGRAM, 0), on = 1;
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_storage name = name_of(family, text, port);
  if (bind(s, (void *)&name, size_of(family))) say("bind: %s", error_name(-errno));
  return s;
}

// Sends from an address of this host, and says which of the receivers got it.
static void sends(const char *what, int family, const char *from, const char *group, const int *receivers) {
  int s = bound(family, from, 0);
  if (family == AF_INET) {
    struct ip_mreqn by = {.imr_ifindex = LO};
    setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by);
  } else {
    int by = LO;
    setsockopt(s, IPPROTO_IPV6, IPV6_MULTICAST_IF, &by, sizeof by);
  }
  struct sockaddr_storage to = name_of(family, group, PORT);
  long sent = sendto(s, "x", 1, 0, (void *)&to, size_of(family));
  char got[16] = "", c;
  for (int i = 0; receivers[i] >= 0; i++)
    strcat(got, recv(receivers[i], &c, 1, MSG_DONTWAIT) == 1 ? "1" : "0");
  say("%s, from %s: %ld, %s", what, from, sent, got);
  close(s);
}

static long source4(int s, int option, const char *group, const char *own, const char *source, int size) {
  struct ip_mreq_source r;
  memset(&r, 0, sizeof r);
  inet_pton(AF_INET, group, &r.imr_multiaddr);
  inet_pton(AF_INET, own, &r.imr_interface);
  inet_pton(AF_INET, source, &r.imr_sourceaddr);
  return SYS_5(SYS_setsockopt, s, IPPROTO_IP, option, &r, size);
}

static long source_by(int family, int s, int option, int device, const char *group, const char *source) {
  struct group_source_req r;
  memset(&r, 0, sizeof r);
  r.gsr_interface = device;
  r.gsr_group = name_of(family, group, 0);
  r.gsr_source = name_of(strchr(source, ':') ? AF_INET6 : AF_INET, source, 0);
  return SYS_5(SYS_setsockopt, s, level_of(family), option, &r, sizeof r);
}

static void one_by_one(void) {
  say("-- IPv4, one by one");
  int a = bound(AF_INET, "0.0.0.0", PORT), b = bound(AF_INET, "0.0.0.0", PORT), off = 0;
  int all[] = {a, b, -1};
  setsockopt(b, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off);
  value("block before a join", source4(a, IP_BLOCK_SOURCE, GROUP, "127.0.0.1", "127.0.0.5", 12));
  value("join a source", source4(a, IP_ADD_SOURCE_MEMBERSHIP, GROUP, "127.0.0.1", "127.0.0.5", 12));
  value("again", source4(a, IP_ADD_SOURCE_MEMBERSHIP, GROUP, "127.0.0.1", "127.0.0.5", 12));
  value("another", source4(a, IP_ADD_SOURCE_MEMBERSHIP, GROUP, "127.0.0.1", "127.0.0.6", 12));
  value("block one", source4(a, IP_BLOCK_SOURCE, GROUP, "127.0.0.1", "127.0.0.5", 12));
  value("no group", source4(a, IP_ADD_SOURCE_MEMBERSHIP, "10.0.0.1", "127.0.0.1", "127.0.0.5", 12));
  value("nobody's address", source4(a, IP_ADD_SOURCE_MEMBERSHIP, GROUP, "192.0.2.1", "127.0.0.5", 12));
  value("too short", source4(a, IP_ADD_SOURCE_MEMBERSHIP, GROUP, "127.0.0.1", "127.0.0.5", 11));
  value("too long", source4(a, IP_ADD_SOURCE_MEMBERSHIP, GROUP, "127.0.0.1", "127.0.0.5", 16));
  struct ip_mreqn m = {.imr_ifindex = LO};
  inet_pton(AF_INET, GROUP, &m.imr_multiaddr);
  value("b joins", SYS_5(SYS_setsockopt, b, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof m));
  value("b blocks", source4(b, IP_BLOCK_SOURCE, GROUP, "127.0.0.1", "127.0.0.6", 12));
  value("b blocks again", source4(b, IP_BLOCK_SOURCE, GROUP, "127.0.0.1", "127.0.0.6", 12));
  value("b joins a source", source4(b, IP_ADD_SOURCE_MEMBERSHIP, GROUP, "127.0.0.1", "127.0.0.5", 12));
  sends("listed", AF_INET, "127.0.0.5", GROUP, all);
  sends("listed, and blocked", AF_INET, "127.0.0.6", GROUP, all);
  sends("not listed", AF_INET, "127.0.0.7", GROUP, all);
  sends("another group", AF_INET, "127.0.0.7", "239.7.7.8", all);
  value("unblock", source4(b, IP_UNBLOCK_SOURCE, GROUP, "127.0.0.1", "127.0.0.6", 12));
  value("unblock again", source4(b, IP_UNBLOCK_SOURCE, GROUP, "127.0.0.1", "127.0.0.6", 12));
  sends("unblocked", AF_INET, "127.0.0.6", GROUP, all);
  value("an empty list changes sides",
        source4(b, IP_ADD_SOURCE_MEMBERSHIP, GROUP, "127.0.0.1", "127.0.0.9", 12));
  sends("not listed", AF_INET, "127.0.0.6", GROUP, all);
  value("leave a source", source4(a, IP_DROP_SOURCE_MEMBERSHIP, GROUP, "127.0.0.1", "127.0.0.6", 12));
  value("one that is none", source4(a, IP_DROP_SOURCE_MEMBERSHIP, GROUP, "127.0.0.1", "127.0.0.6", 12));
  sends("left", AF_INET, "127.0.0.6", GROUP, all);
  value("the last source", source4(a, IP_DROP_SOURCE_MEMBERSHIP, GROUP, "127.0.0.1", "127.0.0.5", 12));
  value("is the group", SYS_5(SYS_setsockopt, a, IPPROTO_IP, IP_DROP_MEMBERSHIP, &m, sizeof m));
  int many = 0;
  for (int i = 1; i < 20; i++) {
    char source[20];
    snprintf(source, sizeof source, "10.0.0.%d", i);
    long r = source4(a, IP_ADD_SOURCE_MEMBERSHIP, GROUP, "127.0.0.1", source, 12);
    if (r) {
      say("after %d: %s", many, error_name(r));
      break;
    }
    many++;
  }
  close(a), close(b);
}

static void by_names(int family, const char *group, const char *first, const char *second) {
  say("-- by names, %s", family == AF_INET ? "IPv4" : "IPv6");
  int a = bound(family, family == AF_INET ? "0.0.0.0" : "::", PORT);
  int all[] = {a, -1};
  value("block before a join", source_by(family, a, MCAST_BLOCK_SOURCE, LO, group, first));
  value("join a source", source_by(family, a, MCAST_JOIN_SOURCE_GROUP, LO, group, first));
  value("again", source_by(family, a, MCAST_JOIN_SOURCE_GROUP, LO, group, first));
  value("no device", source_by(family, a, MCAST_JOIN_SOURCE_GROUP, 77, group, first));
  value("no group", source_by(family, a, MCAST_JOIN_SOURCE_GROUP, LO, first, first));
  value("a source of another family",
        source_by(family, a, MCAST_JOIN_SOURCE_GROUP, LO, group, family == AF_INET ? "::1" : "127.0.0.1"));
  value("short", SYS_5(SYS_setsockopt, a, level_of(family), MCAST_JOIN_SOURCE_GROUP, group, 100));
  value("block", source_by(family, a, MCAST_BLOCK_SOURCE, LO, group, second));
  sends("listed", family, first, group, all);
  sends("not listed", family, second, group, all);
  value("another", source_by(family, a, MCAST_JOIN_SOURCE_GROUP, LO, group, second));
  sends("listed now", family, second, group, all);
  value("leave it", source_by(family, a, MCAST_LEAVE_SOURCE_GROUP, LO, group, second));
  value("leave the last", source_by(family, a, MCAST_LEAVE_SOURCE_GROUP, LO, group, first));
  value("leave the last again", source_by(family, a, MCAST_LEAVE_SOURCE_GROUP, LO, group, first));
  int many = 0;
  for (int i = 1; i < 100; i++) {
    char source[40];
    snprintf(source, sizeof source, family == AF_INET ? "10.0.0.%d" : "fd00::%d", i);
    long r = source_by(family, a, MCAST_JOIN_SOURCE_GROUP, LO, group, source);
    if (r) {
      say("after %d: %s", many, error_name(r));
      break;
    }
    many++;
  }
  close(a);
  int stream = socket(family, SOCK_STREAM, 0);
  value("of a stream", source_by(family, stream, MCAST_JOIN_SOURCE_GROUP, LO, group, first));
  close(stream);
}

struct filter {
  struct group_filter head;
  struct sockaddr_storage more[80];
};

static struct sockaddr_storage *list_of(struct filter *f) {
  return (void *)((char *)f + GROUP_FILTER_SIZE(0));
}

static long set_filter(int family, int s, int device, const char *group, int mode, int count, int length) {
  static struct filter f;
  memset(&f, 0, sizeof f);
  f.head.gf_interface = device;
  f.head.gf_group = name_of(family, group, 0);
  f.head.gf_fmode = mode;
  f.head.gf_numsrc = count;
  for (int i = 0; i < 80; i++) {
    char source[40];
    snprintf(source, sizeof source, family == AF_INET ? "127.0.0.%d" : "fd00::%d", i + 5);
    list_of(&f)[i] = name_of(family, source, 0);
  }
  return SYS_5(SYS_setsockopt, s, level_of(family), MCAST_MSFILTER, &f, length);
}

static void show_filter(int family, int s, const char *group, int room) {
  static struct filter f;
  memset(&f, 0, sizeof f);
  f.head.gf_interface = LO;
  f.head.gf_group = name_of(family, group, 0);
  f.head.gf_numsrc = room;
  f.head.gf_fmode = 7;
  socklen_t length = GROUP_FILTER_SIZE(room);
  long r = SYS_5(SYS_getsockopt, s, level_of(family), MCAST_MSFILTER, &f, &length);
  if (r) {
    value("get", r);
    return;
  }
  say("mode %u, %u sources, length %d", f.head.gf_fmode, f.head.gf_numsrc, (int)length);
  for (int i = 0; i < room && i < (int)f.head.gf_numsrc; i++) {
    char text[64] = "";
    void *a = &list_of(&f)[i];
    inet_ntop(family,
              family == AF_INET ? (void *)&((struct sockaddr_in *)a)->sin_addr
                                : (void *)&((struct sockaddr_in6 *)a)->sin6_addr,
              text, sizeof text);
    say("  %d %s", list_of(&f)[i].ss_family, text);
  }
}

static void lists(int family, const char *group) {
  say("-- lists, %s", family == AF_INET ? "IPv4" : "IPv6");
  int a = bound(family, family == AF_INET ? "0.0.0.0" : "::", PORT);
  int all[] = {a, -1};
  int most = family == AF_INET ? 10 : 64;
  show_filter(family, a, group, 4);
  value("set before a join", set_filter(family, a, LO, group, MCAST_INCLUDE, 2, GROUP_FILTER_SIZE(2)));
  struct group_req r;
  memset(&r, 0, sizeof r);
  r.gr_interface = LO;
  r.gr_group = name_of(family, group, 0);
  value("join", SYS_5(SYS_setsockopt, a, level_of(family), MCAST_JOIN_GROUP, &r, sizeof r));
  show_filter(family, a, group, 4);
  value("set", set_filter(family, a, LO, group, MCAST_INCLUDE, 3, GROUP_FILTER_SIZE(3)));
  show_filter(family, a, group, 4);
  show_filter(family, a, group, 2);
  show_filter(family, a, group, 0);
  if (family == AF_INET) {
    sends("listed", family, "127.0.0.5", group, all);
    sends("not listed", family, "127.0.0.9", group, all);
    value("all but those", set_filter(family, a, LO, group, MCAST_EXCLUDE, 3, GROUP_FILTER_SIZE(3)));
    sends("listed", family, "127.0.0.5", group, all);
    sends("not listed", family, "127.0.0.9", group, all);
  }
  value("as many as may be", set_filter(family, a, LO, group, MCAST_EXCLUDE, most, GROUP_FILTER_SIZE(most)));
  value("one more", set_filter(family, a, LO, group, MCAST_EXCLUDE, most + 1, GROUP_FILTER_SIZE(most + 1)));
  value("more than there are", set_filter(family, a, LO, group, MCAST_EXCLUDE, 3, GROUP_FILTER_SIZE(2)));
  value("nothing", set_filter(family, a, LO, group, MCAST_EXCLUDE, 0, 10));
  value("no mode", set_filter(family, a, LO, group, 2, 1, GROUP_FILTER_SIZE(1)));
  value("no device", set_filter(family, a, 77, group, MCAST_EXCLUDE, 1, GROUP_FILTER_SIZE(1)));
  value("no group", set_filter(family, a, LO, family == AF_INET ? "10.0.0.1" : "fd00::1", MCAST_EXCLUDE, 1,
                               GROUP_FILTER_SIZE(1)));
  value("all", set_filter(family, a, LO, group, MCAST_EXCLUDE, 0, GROUP_FILTER_SIZE(0)));
  show_filter(family, a, group, 4);
  value("nobody", set_filter(family, a, LO, group, MCAST_INCLUDE, 0, GROUP_FILTER_SIZE(0)));
  show_filter(family, a, group, 4);
  value("nobody again", set_filter(family, a, LO, group, MCAST_INCLUDE, 0, GROUP_FILTER_SIZE(0)));
  close(a);
}

static void addresses(void) {
  say("-- lists of addresses");
  int a = bound(AF_INET, "0.0.0.0", PORT);
  struct {
    struct ip_msfilter head;
    struct in_addr more[20];
  } f;
  memset(&f, 0, sizeof f);
  inet_pton(AF_INET, GROUP, &f.head.imsf_multiaddr);
  inet_pton(AF_INET, "127.0.0.1", &f.head.imsf_interface);
  value("join a source", source4(a, IP_ADD_SOURCE_MEMBERSHIP, GROUP, "127.0.0.1", "127.0.0.5", 12));
  f.head.imsf_fmode = MCAST_INCLUDE;
  f.head.imsf_numsrc = 2;
  struct in_addr *list = (void *)((char *)&f + 16);
  inet_pton(AF_INET, "127.0.0.7", &list[0]);
  inet_pton(AF_INET, "127.0.0.6", &list[1]);
  value("set", SYS_5(SYS_setsockopt, a, IPPROTO_IP, IP_MSFILTER, &f, IP_MSFILTER_SIZE(2)));
  value("short", SYS_5(SYS_setsockopt, a, IPPROTO_IP, IP_MSFILTER, &f, IP_MSFILTER_SIZE(1)));
  value("shorter", SYS_5(SYS_setsockopt, a, IPPROTO_IP, IP_MSFILTER, &f, 15));
  f.head.imsf_numsrc = 11;
  value("too many", SYS_5(SYS_setsockopt, a, IPPROTO_IP, IP_MSFILTER, &f, IP_MSFILTER_SIZE(11)));
  for (int room = 0; room < 4; room++) {
    memset(list, 0, 16);
    f.head.imsf_numsrc = room;
    f.head.imsf_fmode = 9;
    socklen_t length = IP_MSFILTER_SIZE(room);
    value("get", SYS_5(SYS_getsockopt, a, IPPROTO_IP, IP_MSFILTER, &f, &length));
    say("mode %u, %u sources, length %d: %x %x", f.head.imsf_fmode, f.head.imsf_numsrc, (int)length,
        ntohl(list[0].s_addr), ntohl(list[1].s_addr));
  }
  socklen_t length = 8;
  value("get short", SYS_5(SYS_getsockopt, a, IPPROTO_IP, IP_MSFILTER, &f, &length));
  inet_pton(AF_INET, "239.1.2.3", &f.head.imsf_multiaddr);
  length = sizeof f;
  value("get of another", SYS_5(SYS_getsockopt, a, IPPROTO_IP, IP_MSFILTER, &f, &length));
  close(a);
}

int main(void) {
  unshare(CLONE_NEWNET);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  ioctl(fd, SIOCSIFFLAGS, &up);
  close(fd);
  one_by_one();
  by_names(AF_INET, GROUP, "127.0.0.5", "127.0.0.6");
  by_names(AF_INET6, GROUP6, "::1", "fd00::1");
  lists(AF_INET, GROUP);
  lists(AF_INET6, GROUP6);
  addresses();
  return 0;
}
