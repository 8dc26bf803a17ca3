// Asking rtnetlink(7) for what there is, and being told of changes: see keeper.h.
#include "keeper.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BUFFER (1 << 20)

int rtnetlink_open(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return -1;
  struct sockaddr_nl address = {.nl_family = AF_NETLINK,
                                .nl_groups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR |
                                             RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE |
                                             RTMGRP_IPV4_RULE | 1u << (RTNLGRP_IPV6_RULE - 1)};
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){RECEIVE_BUFFER}, sizeof(int));
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

int rtnetlink_loopback_up(int socket) {
  struct {
    struct nlmsghdr header;
    struct ifinfomsg body;
  } request = {
      .header = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST},
      .body = {.ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP}};
  return send(socket, &request, sizeof request, 0) < 0 ? -1 : 0;
}

int rtnetlink_ask(int socket, uint16_t kind, uint32_t sequence) {
  struct {
    struct nlmsghdr header;
    struct ifinfomsg body; // the longest that is asked with; all begin with the family
  } request = {.header = {.nlmsg_len = sizeof request,
                          .nlmsg_type = kind,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                          .nlmsg_seq = sequence}};
  return send(socket, &request, sizeof request, 0) < 0 ? -1 : 0;
}
