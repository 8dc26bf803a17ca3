// Dumps of NETLINK_ROUTE that do not come at once: their pieces fit what they are received into, however small that is
// among what programs use, and nothing is missing or told twice.
//@ needs: sockets
#include "network.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#define ADDRESSES 400

static char buffer[1 << 20];

static int opened(void) {
  int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct sockaddr_nl any = {.nl_family = AF_NETLINK};
  SYS_3(SYS_bind, s, &any, sizeof any);
  return s;
}

// RTM_NEWADDR or RTM_DELADDR of 127.1.0.0 + N on lo.
static void change(int s, int type, int n) {
  struct {
    struct nlmsghdr header;
    struct ifaddrmsg body;
    struct rtattr attribute;
    unsigned char address[4];
  } request = {
      .header = {.nlmsg_len = sizeof request,
                 .nlmsg_type = (unsigned short)type,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK},
      .body = {.ifa_family = AF_INET, .ifa_prefixlen = 8, .ifa_scope = RT_SCOPE_HOST, .ifa_index = 1},
      .attribute = {.rta_len = 8, .rta_type = IFA_LOCAL},
      .address = {127, 1, (unsigned char)(n >> 8), (unsigned char)n}};
  SYS_6(SYS_sendto, s, &request, sizeof request, 0, 0, 0);
  long n_received = SYS_6(SYS_recvfrom, s, buffer, sizeof buffer, 0, 0, 0);
  int error = ((struct nlmsgerr *)NLMSG_DATA((struct nlmsghdr *)buffer))->error;
  if (n_received < 0 || error) say("address %d: %ld %d", n, n_received, error);
}

static void dump(const char *what, int s, int family, long size) {
  static char told[ADDRESSES];
  struct {
    struct nlmsghdr header;
    struct ifaddrmsg body;
  } request = {.header = {.nlmsg_len = sizeof request,
                          .nlmsg_type = RTM_GETADDR,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
               .body = {.ifa_family = (unsigned char)family}};
  memset(told, 0, sizeof told);
  int twice = 0, count = 0, truncated = 0, ended = 0;
  SYS_6(SYS_sendto, s, &request, sizeof request, 0, 0, 0);
  while (!ended) {
    struct iovec v = {buffer, size};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    long n = SYS_3(SYS_recvmsg, s, &m, MSG_DONTWAIT);
    if (n <= 0) break;
    truncated += (m.msg_flags & MSG_TRUNC) != 0;
    for (struct nlmsghdr *h = (struct nlmsghdr *)buffer; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
      ended |= h->nlmsg_type == NLMSG_DONE;
      if (h->nlmsg_type != RTM_NEWADDR) continue;
      struct rtattr *a = IFA_RTA(NLMSG_DATA(h));
      unsigned char *address = RTA_DATA(a);
      int number = address[2] << 8 | address[3];
      if (RTA_PAYLOAD(a) != 4 || address[1] != 1 || number >= ADDRESSES) continue;
      twice += told[number]++;
      count++;
    }
  }
  say("%s: %d addresses, %d twice, %d truncated, %s", what, count, twice, truncated,
      ended ? "ended" : "not ended");
}

int main(void) {
  own_network();
  int s = opened();
  for (int i = 0; i < ADDRESSES; i++)
    change(s, RTM_NEWADDR, i);
  close(s);
  static const long sizes[] = {4096, 8192, 16384, 32768, sizeof buffer};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    char name[40];
    s = opened();
    snprintf(name, sizeof name, "into %ld", sizes[i]);
    dump(name, s, AF_INET, sizes[i]);
    dump("again", s, AF_UNSPEC, sizes[i]);
    close(s);
  }
  s = opened();
  dump("large", s, AF_INET, sizeof buffer);
  dump("large, of another family", s, AF_INET6, sizeof buffer);
  for (int i = 0; i < ADDRESSES; i++)
    change(s, RTM_DELADDR, i); // the network is others' too
  dump("after all", s, AF_INET, sizeof buffer);
  close(s);
  return 0;
}
