// ioctls about neighbours (arp(7)), on one end of a veth device.
//@ needs: sockets inet fork credentials
#include "guest.h"
#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct {
  struct nlmsghdr h;
  union {
    struct ifinfomsg link;
    struct ifaddrmsg address;
  };
  char rest[200];
} request;

static char *attribute(char *at, int type, const void *bytes, int length) {
  struct rtattr *a = (void *)at;
  *a = (struct rtattr){.rta_len = RTA_LENGTH(length), .rta_type = type};
  memcpy(RTA_DATA(a), bytes, length);
  return at + RTA_ALIGN(a->rta_len);
}

static void ask(const char *what, int netlink, const char *end) {
  char answer[4096];
  request.h.nlmsg_len = end - (char *)&request;
  send(netlink, &request, request.h.nlmsg_len, 0);
  recv(netlink, answer, sizeof answer, 0);
  value(what, *(int *)NLMSG_DATA((struct nlmsghdr *)answer));
}

// 10.0.0.1/24 on v0, which is up.
static void make_device(int s) {
  int netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  char kind[32];
  request.h.nlmsg_type = RTM_NEWLINK;
  request.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  int length = attribute(kind, IFLA_INFO_KIND, "veth", 4) - kind;
  char *end = attribute(request.rest, IFLA_IFNAME, "v0", 3);
  ask("a device", netlink, attribute(end, IFLA_LINKINFO, kind, length));
  static const char *const ends[] = {"veth0", "v0"};
  for (int i = 0; i < 2; i++) {
    struct ifreq r = {.ifr_flags = IFF_UP};
    strcpy(r.ifr_name, ends[i]);
    value("up", SYS_3(SYS_ioctl, s, SIOCSIFFLAGS, &r));
  }
  memset(&request, 0, sizeof request);
  request.h.nlmsg_type = RTM_NEWADDR;
  request.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
  request.address = (struct ifaddrmsg){AF_INET, 24, 0, 0, if_nametoindex("v0")};
  unsigned ip = htonl(0x0a000001);
  end = (char *)&request.address + sizeof request.address;
  end = attribute(end, IFA_LOCAL, &ip, sizeof ip);
  ask("an address", netlink, attribute(end, IFA_ADDRESS, &ip, sizeof ip));
  close(netlink);
}

static struct arpreq r;

static void about(int last, int flags, const char *device, int hardware) {
  memset(&r, 0, sizeof r);
  struct sockaddr_in *a = (void *)&r.arp_pa;
  a->sin_family = AF_INET;
  a->sin_addr.s_addr = htonl(0x0a000000 + last);
  r.arp_ha.sa_family = hardware;
  memcpy(r.arp_ha.sa_data, "\2\0\0\0\0\7", 6);
  r.arp_flags = flags;
  strcpy(r.arp_dev, device);
}

static void told(const char *what, int s) {
  long result = SYS_3(SYS_ioctl, s, SIOCGARP, &r);
  value(what, result);
  if (result < 0) return;
  unsigned char *h = (void *)r.arp_ha.sa_data;
  say("  of type %d, %02x:%02x:%02x:%02x:%02x:%02x, flags %x, by %s", r.arp_ha.sa_family, h[0], h[1], h[2],
      h[3], h[4], h[5], r.arp_flags, r.arp_dev);
}

int main(void) {
  unshare(CLONE_NEWNET);
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  make_device(s);
  about(2, 0, "v0", 0);
  told("of nobody", s);
  value("delete it", SYS_3(SYS_ioctl, s, SIOCDARP, &r));
  about(2, ATF_COM, "v0", ARPHRD_ETHER);
  value("set", SYS_3(SYS_ioctl, s, SIOCSARP, &r));
  about(2, 0, "v0", 0);
  told("told", s);
  about(2, 0, "", 0);
  told("of no device", s);
  about(3, ATF_PERM, "", ARPHRD_ETHER);
  value("a permanent one, by its route", SYS_3(SYS_ioctl, s, SIOCSARP, &r));
  about(3, 0, "v0", 0);
  told("told", s);
  about(2, 0, "v0", 0);
  value("without an address, of a known one", SYS_3(SYS_ioctl, s, SIOCSARP, &r));
  about(4, 0, "v0", 0);
  value("of another", SYS_3(SYS_ioctl, s, SIOCSARP, &r));
  about(2, ATF_COM, "v0", ARPHRD_LOOPBACK);
  value("of another type", SYS_3(SYS_ioctl, s, SIOCSARP, &r));
  about(2, ATF_COM, "none", ARPHRD_ETHER);
  value("by no device", SYS_3(SYS_ioctl, s, SIOCSARP, &r));
  about(2, ATF_COM | ATF_NETMASK, "v0", ARPHRD_ETHER);
  value("of a network", SYS_3(SYS_ioctl, s, SIOCSARP, &r));
  about(2, ATF_COM, "v0", ARPHRD_ETHER);
  r.arp_pa.sa_family = AF_INET6;
  value("of another family", SYS_3(SYS_ioctl, s, SIOCSARP, &r));
  value("from nowhere", SYS_3(SYS_ioctl, s, SIOCSARP, 16));
  value("told from nowhere", SYS_3(SYS_ioctl, s, SIOCGARP, 16));
  about(2, 0, "v0", 0);
  pid_t child = fork();
  if (child == 0) {
    setgid(1000), setuid(1000);
    value("set by another user", SYS_3(SYS_ioctl, s, SIOCSARP, &r));
    value("deleted", SYS_3(SYS_ioctl, s, SIOCDARP, &r));
    told("told", s);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  about(2, 0, "v0", 0);
  value("delete it", SYS_3(SYS_ioctl, s, SIOCDARP, &r));
  about(3, 0, "v0", 0);
  value("and the other", SYS_3(SYS_ioctl, s, SIOCDARP, &r));
  told("told", s);
  int unix_socket = socket(AF_UNIX, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_DGRAM, 0);
  value("by a socket of UNIX", SYS_3(SYS_ioctl, unix_socket, SIOCGARP, &r));
  value("by one of IPv6", SYS_3(SYS_ioctl, six, SIOCGARP, &r));
  return 0;
}
