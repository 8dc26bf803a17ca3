// The keeper's loop: see keeper.h. Whatever rtnetlink says of the namespace's configuration goes on to Node as it stands,
// links that can be taken with their sockets; what Node asks for is made or not.
#include "keeper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "../launcher/privileges.h"
#include "alone.h"
#include "ringfence/rights.h"

#define LOOPBACK_INDEX 1 // in every namespace

struct keeper {
  bool ports;  // the host's side has its own
  bool shared; // NAMESPACE_SHARED
  int channel, rtnetlink, cut;
  unsigned links[KEEPER_LINKS_MAX]; // indices of those that are taken, or told of; 0: free
  char names[KEEPER_LINKS_MAX][16]; // by which they were cut off
  bool seen[KEEPER_LINKS_MAX];      // since everything was last asked for
  unsigned asking;                  // which of `kinds` is being told; beyond them: changes alone
  uint32_t sequence;                // of what was asked last
};

// In this order: addresses need their links, routes their addresses.
static const uint16_t kinds[] = {RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, RTM_GETRULE, RTM_GETNEIGH};
#define KINDS (sizeof kinds / sizeof kinds[0])

// Waits until Node has taken what was said before. A Node that is gone is the keeper's end.
static void say(struct keeper *keeper, uint32_t word, const void *bytes, size_t length, const char *text,
                int fd) {
  RIGHTS_CONTROL(control, 1);
  struct iovec parts[] = {
      {&word, sizeof word}, {(void *)bytes, length}, {(void *)text, text ? strlen(text) : 0}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
  rights_attach(&message, control, &fd, fd >= 0);
  ssize_t n;
  do
    n = sendmsg(keeper->channel, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0) _exit(0);
}

static void tell(struct keeper *keeper, uint32_t word, const struct nlmsghdr *header, const char *text,
                 int fd) {
  say(keeper, word, header, header->nlmsg_len, text, fd);
}

// ---- Links ----

static int place_of(const struct keeper *keeper, unsigned index) {
  for (int i = 0; i < KEEPER_LINKS_MAX; i++)
    if (keeper->links[i] == index) return i;
  return -1;
}

// The link's name, NUL and all; NULL where there is none.
static const char *name_in(const struct nlmsghdr *header) {
  size_t length = IFLA_PAYLOAD(header);
  for (struct rtattr *one = IFLA_RTA(NLMSG_DATA(header)); RTA_OK(one, length); one = RTA_NEXT(one, length))
    if (one->rta_type == IFLA_IFNAME && RTA_PAYLOAD(one) > 1 && RTA_PAYLOAD(one) <= 16 &&
        memchr(RTA_DATA(one), 0, RTA_PAYLOAD(one)))
      return RTA_DATA(one);
  return NULL;
}

static void refuse(struct keeper *keeper, const struct nlmsghdr *header, const char *what) {
  char text[128];
  if (errno)
    snprintf(text, sizeof text, "%s: errno %d", what, errno);
  else
    snprintf(text, sizeof text, "%s", what);
  tell(keeper, KEEPER_REFUSED, header, text, -1);
}

static void link_gone(struct keeper *keeper, unsigned index) {
  int place = place_of(keeper, index);
  if (place < 0) return;
  keeper->links[place] = 0;
  struct {
    struct nlmsghdr header;
    struct ifinfomsg body;
  } gone = {.header = {.nlmsg_len = sizeof gone, .nlmsg_type = RTM_DELLINK},
            .body = {.ifi_index = (int)index}};
  tell(keeper, KEEPER_CONFIGURATION, &gone.header, NULL, -1);
}

// Since Linux 6.16 a chain at ingress goes by the link's name: with another one it is cut off anew, and the chain of its old
// one would be in the way of the next link of that name. False: it is not cut off any more, and no link of ours.
static bool renamed(struct keeper *keeper, int place, const struct nlmsghdr *header) {
  const char *name = name_in(header);
  if (!name || strcmp(name, keeper->names[place]) == 0) return true;
  unsigned index = keeper->links[place];
  bool isCut = cut_link(keeper->cut, name, index, keeper->ports) == 0;
  int error = errno;
  uncut_link(keeper->cut, keeper->names[place], index);
  snprintf(keeper->names[place], sizeof keeper->names[place], "%s", name);
  if (isCut) return true;
  link_gone(keeper, index);
  errno = error;
  refuse(keeper, header, "the host's stack cannot be cut off by its new name (nftables)");
  return false;
}

// The viewer's: a link of any kind, and lo. Those that there is no place for are left out.
static void seen_link(struct keeper *keeper, const struct nlmsghdr *header, unsigned index) {
  int place = place_of(keeper, index);
  if (place < 0) place = place_of(keeper, 0);
  if (place < 0) return;
  keeper->links[place] = index;
  keeper->seen[place] = true;
  tell(keeper, KEEPER_CONFIGURATION, header, NULL, -1);
}

static void new_link(struct keeper *keeper, const struct nlmsghdr *header) {
  const struct ifinfomsg *link = NLMSG_DATA(header);
  unsigned index = (unsigned)link->ifi_index;
  if (index == 0) return;
  if (keeper->shared) {
    seen_link(keeper, header, index);
    return;
  }
  if (link->ifi_type == ARPHRD_LOOPBACK) return;
  int place = place_of(keeper, index);
  if (place >= 0) {
    keeper->seen[place] = true;
    if (renamed(keeper, place, header)) tell(keeper, KEEPER_CONFIGURATION, header, NULL, -1);
    return;
  }
  errno = 0;
  const char *name = name_in(header);
  if (link->ifi_type != ARPHRD_ETHER || !name) {
    refuse(keeper, header, "it is no Ethernet link");
    return;
  }
  place = place_of(keeper, 0);
  if (place < 0) {
    refuse(keeper, header, "there are too many links");
    return;
  }
  // Cut first: what the host's stack says to frames that both see would be in the way.
  if (cut_link(keeper->cut, name, index, keeper->ports) < 0) {
    refuse(keeper, header, "the host's stack cannot be cut off (nftables)");
    return;
  }
  int fd = packet_socket_open(index);
  if (fd < 0) {
    refuse(keeper, header, "opening a packet socket");
    uncut_link(keeper->cut, name, index);
    return;
  }
  keeper->links[place] = index;
  keeper->seen[place] = true;
  snprintf(keeper->names[place], sizeof keeper->names[place], "%s", name);
  tell(keeper, KEEPER_LINK, header, NULL, fd);
  close(fd);
}

// ---- What rtnetlink says ----

static void ask(struct keeper *keeper, unsigned kind) {
  keeper->asking = kind;
  if (kind == 0) memset(keeper->seen, 0, sizeof keeper->seen);
  if (kind == KINDS)
    say(keeper, KEEPER_READY, NULL, 0, NULL, -1);
  else if (rtnetlink_ask(keeper->rtnetlink, kinds[kind], ++keeper->sequence) < 0)
    _exit(1);
}

static void told_all(struct keeper *keeper) {
  for (int i = 0; keeper->asking == 0 && i < KEEPER_LINKS_MAX; i++)
    if (keeper->links[i] && !keeper->seen[i]) link_gone(keeper, keeper->links[i]);
  ask(keeper, keeper->asking + 1);
}

// The end of what was asked for, which may be an error: what the host has none of (IPv6's rules) is none. It answers nothing
// new before it has told what was asked before.
static void answered(struct keeper *keeper, const struct nlmsghdr *header) {
  if (keeper->asking >= KINDS || header->nlmsg_seq != keeper->sequence) return;
  const struct nlmsgerr *error = NLMSG_DATA(header);
  bool isError = header->nlmsg_type == NLMSG_ERROR && header->nlmsg_len >= NLMSG_LENGTH(sizeof *error);
  if (isError && error->error == -EBUSY)
    ask(keeper, keeper->asking);
  else
    told_all(keeper);
}

static void heard(struct keeper *keeper, const struct nlmsghdr *header) {
  size_t size = header->nlmsg_type <= RTM_DELLINK ? sizeof(struct ifinfomsg) : sizeof(struct rtgenmsg);
  if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) {
    answered(keeper, header);
    return;
  }
  // Of what was asked for before something was lost: it is asked for again.
  if ((header->nlmsg_flags & NLM_F_MULTI) && header->nlmsg_seq != keeper->sequence) return;
  if (header->nlmsg_len < NLMSG_LENGTH(size) || header->nlmsg_len > KEEPER_MESSAGE_MAX) return;
  const struct ifinfomsg *link = NLMSG_DATA(header);
  switch (header->nlmsg_type) {
  case RTM_NEWLINK:
    if (link->ifi_family == AF_UNSPEC) new_link(keeper, header);
    break;
  case RTM_DELLINK:
    if (link->ifi_family == AF_UNSPEC) link_gone(keeper, (unsigned)link->ifi_index);
    break;
  case RTM_NEWADDR:
  case RTM_DELADDR:
  case RTM_NEWROUTE:
  case RTM_DELROUTE:
  case RTM_NEWRULE:
  case RTM_DELRULE:
  case RTM_NEWNEIGH:
  case RTM_DELNEIGH:
    tell(keeper, KEEPER_CONFIGURATION, header, NULL, -1);
    break;
  }
}

// Some of what happened was lost: everything is asked for again. A viewer has it begin anew, since what is gone in the
// meantime is not told again; lo stays.
static void ask_again(struct keeper *keeper) {
  for (int i = 0; keeper->shared && i < KEEPER_LINKS_MAX; i++)
    if (keeper->links[i] > LOOPBACK_INDEX) link_gone(keeper, keeper->links[i]);
  ask(keeper, 0);
}

static void listen_to_host(struct keeper *keeper) {
  static char bytes[KEEPER_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
  struct sockaddr_nl from;
  struct iovec part = {bytes, sizeof bytes};
  struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1};
  ssize_t n = recvmsg(keeper->rtnetlink, &message, 0);
  if (n < 0 && errno == EINTR) return;
  if (n < 0 && errno == ENOBUFS) {
    ask_again(keeper);
    return;
  }
  if (n < 0) _exit(1);
  if (from.nl_pid != 0 || (message.msg_flags & MSG_TRUNC)) return;
  for (struct nlmsghdr *header = (struct nlmsghdr *)bytes; NLMSG_OK(header, n);
       header = NLMSG_NEXT(header, n))
    heard(keeper, header);
}

// ---- What Node asks ----

static void listen_to_node(struct keeper *keeper) {
  struct keeper_request request;
  ssize_t n = recv(keeper->channel, &request, sizeof request, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) _exit(0); // Node is gone
  if (n != sizeof request) return;
  if (keeper->shared) return; // nobody asks a viewer, and it could make none
  int fd = loopback_socket(&request);
  say(keeper, KEEPER_SOCKET, &request, sizeof request, NULL, fd);
  if (fd >= 0) close(fd);
}

// A name of the namespace's abstract AF_UNIX sockets (unix(7)), which nobody answers.
int keeper_lock(void) {
  static const char name[] = "\0ringfence";
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, name, sizeof name - 1);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  socklen_t length = offsetof(struct sockaddr_un, sun_path) + sizeof name - 1;
  if (bind(fd, (struct sockaddr *)&address, length) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

enum keeper_namespace keeper_prepare(void) {
  int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return NAMESPACE_OWN;
  bool kept = dprintf(fd, "%d %d", HOST_PORT_MIN, HOST_PORT_MAX) > 0;
  close(fd);
  return kept ? NAMESPACE_OWN_WITH_PORTS : NAMESPACE_OWN;
}

// A socket to the engine's name server, which may come to be there later; -1: there is no way to it.
static int resolver_open(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(RESOLVER_PORT), .sin_addr.s_addr = htonl(RESOLVER_ADDRESS)};
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    close(fd);
    return -1;
  }
  return fd;
}

_Noreturn void keeper_run(int channel, int lock, const char *empty, enum keeper_namespace kind) {
  bool shared = kind == NAMESPACE_SHARED, owned = kind == NAMESPACE_OWN || kind == NAMESPACE_OWN_WITH_PORTS;
  if (!shared && lock < 0 && (lock = keeper_lock()) < 0) _exit(1);
  alone_with(channel, lock, shared ? "ringfence-view" : "ringfence-keep");
  struct keeper keeper = {.channel = 0, .ports = kind == NAMESPACE_OWN_WITH_PORTS, .shared = shared};
  int resolver = -1;
  keeper.rtnetlink = rtnetlink_open();
  if (owned && keeper.rtnetlink >= 0 && rtnetlink_loopback_up(keeper.rtnetlink) == 0 && keeper.ports)
    resolver = resolver_open();
  if (shared)
    privileges_viewer(empty);
  else
    privileges_keeper(empty);
  keeper.cut = shared ? -1 : cut_open();
  if (keeper.rtnetlink < 0 || (!shared && keeper.cut < 0)) _exit(1);
  if (resolver >= 0) {
    say(&keeper, KEEPER_RESOLVER, NULL, 0, NULL, resolver);
    close(resolver);
  }
  ask(&keeper, 0);
  struct pollfd polled[] = {{.fd = keeper.rtnetlink, .events = POLLIN},
                            {.fd = keeper.channel, .events = POLLIN}};
  for (;;) {
    if (poll(polled, 2, -1) < 0) continue;
    if (polled[1].revents) listen_to_node(&keeper);
    if (polled[0].revents) listen_to_host(&keeper);
  }
}
