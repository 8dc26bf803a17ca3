// Packet sockets for links: see keeper.h.
#include "keeper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

// Room for a burst that comes while the kernel thread serves others.
#define RECEIVE_BUFFER (16 << 20)

static int set(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value);
}

int packet_socket_open(unsigned index) {
  // No frame of any link comes in before it is bound to this one.
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)index};
  if (set(fd, SOL_PACKET, PACKET_VNET_HDR, 1) == 0 && set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) == 0) {
    // Beyond net.core.rmem_max who has CAP_NET_ADMIN over the host alone may go.
    if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) < 0)
      set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  }
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}
