// Rings of AF_PACKET sockets (packet_mmap): what may be asked for, frames and blocks in memory, how the kernel goes on when
// the reader does not, and poll.
//@ needs: sockets credentials
#include "packet.h"
#include <poll.h>

static long set_ring(int s, int option, unsigned block, unsigned blocks, unsigned frame, unsigned frames) {
  struct tpacket_req r = {block, blocks, frame, frames};
  return SYS_5(SYS_setsockopt, s, SOL_PACKET, option, &r, sizeof r);
}

static long set_blocks(int s, unsigned block, unsigned blocks, unsigned frame, unsigned frames, unsigned ms,
                       unsigned private) {
  struct tpacket_req3 r = {block, blocks, frame, frames, ms, private, 0};
  return SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_RX_RING, &r, sizeof r);
}

static int version(int s, int v) {
  return setsockopt(s, SOL_PACKET, PACKET_VERSION, &v, sizeof v);
}

static unsigned char *map(int s, long length) {
  long at = SYS_6(SYS_mmap, 0, length, PROT_READ | PROT_WRITE, MAP_SHARED, s, 0);
  if (failed(at)) value("map", at);
  return failed(at) ? 0 : (void *)at;
}

static int events(int s) {
  struct pollfd p = {.fd = s, .events = POLLIN};
  return poll(&p, 1, 0) == 1 ? p.revents : 0;
}

static void requests(void) {
  say("-- requests");
  for (int v = 0; v < 3; v++) {
    int s = socket(AF_PACKET, SOCK_RAW, 0);
    version(s, v);
    say("version %d", v);
    value("no blocks", set_ring(s, PACKET_RX_RING, 4096, 0, 0, 0));
    value("no blocks, but frames", set_ring(s, PACKET_RX_RING, 4096, 0, 0, 3));
    value("one", set_ring(s, PACKET_RX_RING, 4096, 1, 2048, 2));
    value("another", set_ring(s, PACKET_RX_RING, 4096, 1, 2048, 2));
    value("none", set_ring(s, PACKET_RX_RING, 0, 0, 0, 0));
    value("not a page", set_ring(s, PACKET_RX_RING, 4095, 1, 2048, 2));
    value("no size", set_ring(s, PACKET_RX_RING, 0, 1, 2048, 2));
    value("a large size", set_ring(s, PACKET_RX_RING, 0x80000000, 1, 2048, 0x100000));
    value("frames too small", set_ring(s, PACKET_RX_RING, 4096, 1, 32, 128));
    value("frames not aligned", set_ring(s, PACKET_RX_RING, 4096, 1, 2040, 2));
    value("frames too large", set_ring(s, PACKET_RX_RING, 4096, 1, 8192, 1));
    value("too many", set_ring(s, PACKET_RX_RING, 4096, 4, 2048, 9));
    value("too few", set_ring(s, PACKET_RX_RING, 4096, 4, 2048, 7));
    value("much", set_ring(s, PACKET_RX_RING, 0x40000000, 0xffffffff, 2048, 2));
    struct tpacket_req r = {4096, 1, 2048, 2};
    value("short", SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_RX_RING, &r, sizeof r - 1));
    value("nowhere", SYS_6(SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED, s, 0));
    close(s);
  }
  int s = socket(AF_PACKET, SOCK_RAW, 0), n = 60;
  version(s, TPACKET_V3);
  value("blocks", set_blocks(s, 4096, 4, 2048, 8, 100, 0));
  value("of a new version", (n = 0, SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_VERSION, &n, 4)));
  value("with room", (n = 60, SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_RESERVE, &n, 4)));
  value("nothing", set_blocks(s, 0, 0, 0, 0, 0, 0));
  value("a private part", set_blocks(s, 4096, 4, 2048, 8, 100, 4000));
  value("a huge one", set_blocks(s, 4096, 4, 2048, 8, 100, 0xfffffff0));
  value("one that fits", set_blocks(s, 4096, 4, 2048, 8, 100, 1000));
  value("map short", SYS_6(SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED, s, 0));
  value("map at a page", SYS_6(SYS_mmap, 0, 16384 - 4096, PROT_READ, MAP_SHARED, s, 4096));
  value("map long", SYS_6(SYS_mmap, 0, 5 * 4096, PROT_READ, MAP_SHARED, s, 0));
  outcome("map", SYS_6(SYS_mmap, 0, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, s, 0));
  close(s);
  s = socket(AF_INET, SOCK_DGRAM, 0);
  value("of another family", SYS_6(SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED, s, 0));
  close(s);
}

static void name_at(unsigned char *p) {
  tell((void *)p, sizeof(struct sockaddr_ll));
}

static void frames(int v, int type) {
  say("-- frames, version %d, type %d", v + 1, type);
  int s = socket(AF_PACKET, type, 0), to4 = receiver(4620), on = 1;
  version(s, v);
  value("ring", set_ring(s, PACKET_RX_RING, 8192, 2, 2048, 8));
  unsigned char *ring = map(s, 16384);
  if (!ring) return;
  struct sockaddr_ll at = lo(ETH_P_IP);
  setsockopt(s, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on);
  bind(s, (void *)&at, sizeof at);
  say("events %x", events(s));
  datagram(4621, 4620, "hello", 5);
  say("events %x", events(s));
  datagram(4621, 4620, data, 3000);
  for (int i = 0; i < 8; i++) {
    unsigned char *p = ring + i * 2048;
    struct tpacket_hdr *h = (void *)p;
    struct tpacket2_hdr *h2 = (void *)p;
    unsigned status = v ? h2->tp_status : h->tp_status;
    if (!status) continue;
    say("frame %d: status %x, %d of %d, mac %d, net %d, time %d", i, status,
        v ? h2->tp_snaplen : h->tp_snaplen, v ? h2->tp_len : h->tp_len, v ? h2->tp_mac : h->tp_mac,
        v ? h2->tp_net : h->tp_net, (v ? h2->tp_sec : h->tp_sec) > 1600000000u);
    name_at(p + TPACKET_ALIGN(v ? sizeof *h2 : sizeof *h));
    hex("  mac", p + (v ? h2->tp_mac : h->tp_mac), 4);
    hex("  net", p + (v ? h2->tp_net : h->tp_net), 4);
  }
  // It is full after eight, and goes on when one is given back.
  for (int i = 0; i < 9; i++)
    datagram(4621, 4620, "more", 4);
  statistics("then", s);
  say("events %x", events(s));
  for (int i = 0; i < 8; i++)
    if (i != 5) *(unsigned *)(ring + i * 2048) = 0;
  say("events %x", events(s));
  for (int i = 0; i < 9; i++)
    datagram(4621, 4620, "more", 4);
  for (int i = 0; i < 8; i++)
    say("status %d: %x", i, *(unsigned *)(ring + i * 2048));
  statistics("then", s);
  for (int i = 0; i < 8; i++)
    *(unsigned *)(ring + i * 2048) = 0;
  say("events %x", events(s));
  value("receive", SYS_6(SYS_recvfrom, s, data, 100, MSG_DONTWAIT, 0, 0));
  // Another has the same memory.
  unsigned char *again = map(s, 16384);
  *(unsigned *)(ring + 5 * 2048) = 77;
  say("alike: %d", again && *(unsigned *)(again + 5 * 2048) == 77);
  munmap(ring, 16384), munmap(again, 16384);
  value("no ring", set_ring(s, PACKET_RX_RING, 0, 0, 0, 0));
  say("events %x", events(s));
  datagram(4621, 4620, "queue", 5);
  say("events %x", events(s));
  value("receive", SYS_6(SYS_recvfrom, s, data, 100, MSG_DONTWAIT, 0, 0));
  say("events %x", events(s));
  close(s), close(to4);
}

static int block(int s, unsigned char *ring, int i, int ms, int size) {
  struct tpacket_block_desc *b = (void *)(ring + i * size);
  struct pollfd p = {.fd = s, .events = POLLIN};
  if (!b->hdr.bh1.block_status && ms) poll(&p, 1, ms);
  struct tpacket_hdr_v1 *h = &b->hdr.bh1;
  say("block %d: status %x, version %d, private %d, %d frames, first %d, length %d, sequence %d, times %d", i,
      h->block_status, b->version, b->offset_to_priv, h->num_pkts, h->offset_to_first_pkt, h->blk_len,
      (int)h->seq_num,
      h->ts_first_pkt.ts_sec > 1600000000u && h->ts_last_pkt.ts_sec >= h->ts_first_pkt.ts_sec);
  if (!h->block_status) return 0;
  unsigned char *at = (void *)b + h->offset_to_first_pkt;
  for (unsigned k = 0; k < h->num_pkts; k++) {
    struct tpacket3_hdr *f = (void *)at;
    if (k < 3) {
      say("  frame: next %d, status %x, %d of %d, mac %d, net %d, time %d", f->tp_next_offset, f->tp_status,
          f->tp_snaplen, f->tp_len, f->tp_mac, f->tp_net, f->tp_sec > 1600000000u);
      name_at(at + TPACKET_ALIGN(sizeof *f));
      hex("  net", at + f->tp_net, 4);
    }
    at += f->tp_next_offset;
  }
  return 1;
}

static void blocks(void) {
  say("-- blocks");
  int s = socket(AF_PACKET, SOCK_RAW, 0), to4 = receiver(4620);
  version(s, TPACKET_V3);
  value("ring", set_blocks(s, 4096, 2, 2048, 4, 60, 13));
  unsigned char *ring = map(s, 8192);
  if (!ring) return;
  struct sockaddr_ll at = lo(ETH_P_IP);
  bind(s, (void *)&at, sizeof at);
  say("events %x", events(s));
  datagram(4621, 4620, "hello", 5);
  datagram(4621, 4620, "again!", 6);
  block(s, ring, 0, 3000, 4096);
  say("events %x", events(s));
  // So many that both are full.
  datagram(4621, 4620, data, 3000);
  for (int i = 0; i < 40; i++)
    datagram(4621, 4620, "to fill it", 10);
  block(s, ring, 1, 3000, 4096);
  struct tpacket_stats_v3 t;
  socklen_t length = sizeof t;
  getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &t, &length);
  say("%d bytes, %d packets, some lost: %d, freezes: %d", length, t.tp_packets, t.tp_drops > 0,
      t.tp_freeze_q_cnt > 0);
  // Both are given back.
  *(unsigned *)(ring + 8) = 0, *(unsigned *)(ring + 4096 + 8) = 0;
  say("events %x", events(s));
  datagram(4621, 4620, "at last", 7);
  block(s, ring, 0, 3000, 4096);
  say("events %x", events(s));
  length = sizeof t, getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &t, &length);
  say("%d packets, %d lost", t.tp_packets, t.tp_drops);
  close(s), close(to4);
}

int main(void) {
  own_network();
  requests();
  for (int v = 0; v < 2; v++)
    frames(v, SOCK_RAW), frames(v, SOCK_DGRAM);
  blocks();
  return 0;
}
