// A packet socket on a link, in the sandbox (host_link.test.ts): asks by a frame of its own who has an address, and says
// what it sees of the answer and of a ping.
//   link_sniffer DEVICE OWN-ADDRESS ADDRESS
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned char frame[70000];

// The next frame: how long it is, and which way it goes; -1: there is none.
static long next(int s, int ms, int *to) {
  struct pollfd p = {.fd = s, .events = POLLIN};
  if (poll(&p, 1, ms) != 1) return -1;
  struct sockaddr_ll from;
  socklen_t length = sizeof from;
  long n = recvfrom(s, frame, sizeof frame, MSG_DONTWAIT, (void *)&from, &length);
  *to = from.sll_pkttype;
  return n;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), to = 0;
  struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
  at.sll_ifindex = (int)if_nametoindex(argv[1]);
  if (s < 0 || bind(s, (void *)&at, sizeof at)) return perror("packet socket"), 1;
  struct ifreq r = {0};
  strncpy(r.ifr_name, argv[1], IFNAMSIZ - 1);
  ioctl(s, SIOCGIFHWADDR, &r);

  static unsigned char ask[42] = {[12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
  memset(ask, 0xff, 6);
  memcpy(ask + 6, r.ifr_hwaddr.sa_data, 6), memcpy(ask + 22, ask + 6, 6);
  inet_pton(AF_INET, argv[2], ask + 28), inet_pton(AF_INET, argv[3], ask + 38);
  printf("asked: %ld\n", (long)send(s, ask, sizeof ask, 0));
  for (long n; (n = next(s, 5000, &to)) >= 0;)
    if (n >= 42 && frame[12] == 8 && frame[13] == 6 && frame[21] == 2 && !memcmp(frame + 28, ask + 38, 4)) {
      printf("answered: to me %d, way %d\n", !memcmp(frame, ask + 6, 6), to);
      break;
    }
  fflush(stdout);

  char command[100];
  snprintf(command, sizeof command, "ping -c 2 -W 5 %s > /dev/null", argv[3]);
  int status = system(command), out = 0, in = 0;
  for (long n; (n = next(s, 200, &to)) >= 0;) {
    if (n < 42 || frame[12] != 8 || frame[13] != 0 || frame[23] != IPPROTO_ICMP) continue;
    if (to == PACKET_OUTGOING && frame[34] == 8 && !memcmp(frame + 6, ask + 6, 6)) out++;
    if (to == PACKET_HOST && frame[34] == 0 && !memcmp(frame, ask + 6, 6)) in++;
  }
  printf("ping: %d, out %d, in %d\n", status, out, in);
  return 0;
}
