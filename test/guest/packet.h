// What programs about AF_PACKET share: frames over lo, and how they are told.
#ifndef RINGFENCE_PACKET_H
#define RINGFENCE_PACKET_H

#include "network.h"
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <netinet/in.h>

static unsigned char data[70000];

static struct sockaddr_ll lo(int protocol) {
  return (struct sockaddr_ll){.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = 1};
}

static const struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f};

// A socket that has whatever goes over lo.
__attribute__((unused)) static int tap(int type, int protocol) {
  int s = socket(AF_PACKET, type, 0);
  struct sockaddr_ll at = lo(protocol);
  if (s < 0 || bind(s, (void *)&at, sizeof at)) say("no tap: %s", strerrorname_np(errno));
  return s;
}

// A datagram from one port of 127.0.0.1 to another.
__attribute__((unused)) static void datagram(int from, int to, const void *bytes, int length) {
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in name = four;
  name.sin_port = htons(from);
  if (bind(s, (void *)&name, sizeof name)) say("no port: %s", strerrorname_np(errno));
  name.sin_port = htons(to);
  if (sendto(s, bytes, length, 0, (void *)&name, sizeof name) != length)
    say("not sent: %s", strerrorname_np(errno));
  close(s);
}

__attribute__((unused)) static int receiver(int port) {
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in name = four;
  name.sin_port = htons(port);
  if (bind(s, (void *)&name, sizeof name)) say("no receiver: %s", strerrorname_np(errno));
  return s;
}

__attribute__((unused)) static void hex(const char *what, const unsigned char *bytes, int length) {
  char line[600];
  int n = 0;
  for (int i = 0; i < length && n < 500; i++)
    n += snprintf(line + n, sizeof line - n, "%02x", bytes[i]);
  line[n] = 0;
  say("%s %s", what, line);
}

static const char *to(int type) {
  static const char *const names[] = {"host", "broadcast", "multicast", "other", "outgoing"};
  return type < 5 ? names[type] : "?";
}

__attribute__((unused)) static void tell(const struct sockaddr_ll *a, socklen_t length) {
  say("  from: %d bytes, family %d, protocol %04x, lo %d, hatype %d, to %s, halen %d, "
      "%02x%02x%02x%02x%02x%02x",
      length, a->sll_family, ntohs(a->sll_protocol), a->sll_ifindex == 1, a->sll_hatype, to(a->sll_pkttype),
      a->sll_halen, a->sll_addr[0], a->sll_addr[1], a->sll_addr[2], a->sll_addr[3], a->sll_addr[4],
      a->sll_addr[5]);
}

// Receives what is there: how many frames.
__attribute__((unused)) static int drain(const char *what, int s, int shown) {
  int n = 0;
  for (;; n++) {
    struct sockaddr_ll from;
    memset(&from, 0xee, sizeof from);
    socklen_t length = sizeof from;
    long r = SYS_6(SYS_recvfrom, s, data, sizeof data, MSG_DONTWAIT, &from, &length);
    if (r == -EAGAIN) break;
    value(what, r);
    if (r < 0) break;
    tell(&from, length);
    if (shown > 0) hex("  bytes", data, r < shown ? r : shown);
  }
  say("%s: %d in all", what, n);
  return n;
}

__attribute__((unused)) static void statistics(const char *what, int s) {
  struct tpacket_stats_v3 t = {.tp_freeze_q_cnt = 77};
  socklen_t length = sizeof t;
  long r = SYS_5(SYS_getsockopt, s, SOL_PACKET, PACKET_STATISTICS, &t, &length);
  if (r < 0)
    value(what, r);
  else
    say("%s: %d bytes, %u packets, %u drops, %u", what, length, t.tp_packets, t.tp_drops, t.tp_freeze_q_cnt);
}

#endif
