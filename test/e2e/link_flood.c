// A hostile neighbour on a container's link: link_flood INTERFACE MAC SECONDS SEED sends frames of all kinds that a stack
// looks at (ARP, neighbour and router discovery, redirects, IGMP, MLD, fragments, UDP, TCP, packets that stand for many
// segments), mostly well-formed and then changed at random, as fast as it can, and prints how many.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static unsigned state;

static unsigned pick(unsigned limit) {
  state = state * 1664525u + 1013904223u;
  return (state >> 8) % limit;
}

static unsigned sum(const unsigned char *bytes, size_t length, unsigned before) {
  for (size_t i = 0; i + 1 < length; i += 2)
    before += (unsigned)(bytes[i] << 8 | bytes[i + 1]);
  if (length & 1) before += (unsigned)bytes[length - 1] << 8;
  while (before >> 16)
    before = (before & 0xffff) + (before >> 16);
  return before;
}

static void put16(unsigned char *at, unsigned value) {
  at[0] = (unsigned char)(value >> 8);
  at[1] = (unsigned char)value;
}

// The container is 10.9.0.2 and fd09::2; the sender is somebody on its networks.
static size_t arp(unsigned char *p) {
  static const unsigned char start[] = {0, 1, 8, 0, 6, 4, 0};
  memcpy(p, start, sizeof start);
  p[7] = (unsigned char)(1 + pick(2));
  p[8] = 2;
  p[13] = (unsigned char)pick(256);
  memcpy(p + 14, (unsigned char[]){10, 9, 0, (unsigned char)pick(256)}, 4);
  memcpy(p + 24, (unsigned char[]){10, 9, 0, (unsigned char)(pick(2) ? 2 : pick(256))}, 4);
  return 28;
}

static size_t ip4(unsigned char *p) {
  static const unsigned char protocols[] = {1, 2, 6, 17, 17, 6, 47};
  size_t payload = 8 + pick(1400);
  for (size_t i = 0; i < payload; i++)
    p[20 + i] = (unsigned char)pick(256);
  p[0] = 0x45;
  put16(p + 2, (unsigned)(20 + payload));
  put16(p + 4, pick(4)); // few numbers: fragments meet
  put16(p + 6, pick(4) ? 0 : (pick(2) << 13) | pick(64));
  p[8] = 64;
  p[9] = protocols[pick(sizeof protocols)];
  memcpy(p + 12, (unsigned char[]){10, 9, (unsigned char)pick(4), (unsigned char)pick(256)}, 4);
  memcpy(p + 16, (unsigned char[]){10, 9, 0, 2}, 4);
  if (p[9] == 6) p[32] = 0x50, p[33] = (unsigned char)pick(64);
  if (p[9] == 17) put16(p + 22, 7000), put16(p + 24, (unsigned)payload), put16(p + 26, 0);
  if (p[9] == 1) p[20] = (unsigned char)(pick(2) ? 5 : pick(20));
  put16(p + 10, 0);
  put16(p + 10, ~sum(p, 20, 0));
  if (p[9] == 1 || p[9] == 2) put16(p + 22, 0), put16(p + 22, ~sum(p + 20, payload, 0));
  return 20 + payload;
}

static size_t ip6(unsigned char *p) {
  static const unsigned char types[] = {128, 130, 131, 133, 134, 134, 135, 136, 137, 143};
  size_t payload = 8 + 8 * pick(20);
  p[0] = 0x60;
  put16(p + 4, (unsigned)payload);
  p[6] = 58;
  p[7] = pick(8) ? 255 : 1;
  memset(p + 8, 0, 32);
  p[8] = 0xfe, p[9] = 0x80, p[22] = (unsigned char)pick(256), p[23] = (unsigned char)pick(256);
  if (pick(2))
    p[24] = 0xff, p[25] = 2, p[39] = 1;
  else
    p[24] = 0xfd, p[25] = 9, p[39] = 2;
  for (size_t i = 0; i < payload; i++)
    p[40 + i] = (unsigned char)pick(256);
  p[40] = types[pick(sizeof types)];
  p[41] = 0;
  // Options of its kind where they stand in a router's advertisement or a neighbour's.
  size_t at = p[40] == 134 ? 16 : 24;
  if (p[40] == 135 || p[40] == 136)
    memcpy(p + 48, "\xfd\x09\0\0\0\0\0\0\0\0\0\0\0\0\0", 15), p[63] = (unsigned char)pick(4);
  for (; at + 8 <= payload; at += 8 * (size_t)p[40 + at + 1]) {
    p[40 + at] = (unsigned char)(1 + pick(5));
    p[40 + at + 1] = (unsigned char)(at + 32 <= payload && pick(2) ? 4 : 1);
    if (p[40 + at] == 3) p[40 + at + 2] = 64, p[40 + at + 3] = 0xc0, p[40 + at + 16] = 0x20;
  }
  put16(p + 42, 0);
  put16(p + 42, ~sum(p + 40, payload, sum(p + 8, 32, 58 + (unsigned)payload)));
  return 40 + payload;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  unsigned mac[6];
  sscanf(argv[2], "%x:%x:%x:%x:%x:%x", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5);
  state = (unsigned)atoi(argv[4]);
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1])};
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &(int){1}, sizeof(int)) < 0)
    return perror("socket"), 1;
  static unsigned char bytes[65536];
  unsigned long count = 0;
  for (time_t end = time(NULL) + atoi(argv[3]); time(NULL) < end; count++) {
    struct virtio_net_hdr *header = (struct virtio_net_hdr *)bytes;
    unsigned char *frame = bytes + sizeof *header;
    memset(header, 0, sizeof *header);
    for (int i = 0; i < 6; i++)
      frame[i] = (unsigned char)(pick(8) ? mac[i] : 0xff), frame[6 + i] = (unsigned char)(i ? pick(256) : 2);
    unsigned kind = pick(3);
    put16(frame + 12, kind == 0 ? ETH_P_ARP : kind == 1 ? ETH_P_IP : ETH_P_IPV6);
    size_t length = 14 + (kind == 0 ? arp(frame + 14) : kind == 1 ? ip4(frame + 14) : ip6(frame + 14));
    if (kind == 1 && frame[23] == 6 && length > 200 && pick(4) == 0)
      *header = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                        .hdr_len = 54,
                                        .gso_size = (unsigned short)(1 + pick(100)),
                                        .csum_start = 34,
                                        .csum_offset = 16};
    for (unsigned i = pick(4) ? 0 : pick(6); i > 0; i--)
      frame[pick((unsigned)length)] ^= (unsigned char)(1u << pick(8));
    (void)!send(fd, bytes, sizeof *header + length, 0);
  }
  printf("sent %lu\n", count);
  return 0;
}
