// AF_PACKET sockets on lo: names, what they get of datagrams, echoes and frames of their own, who may have one, and what
// is wrong with a call.
//@ needs: sockets tcp credentials fork
#include "packet.h"
#include <poll.h>
#include <sys/wait.h>

static void names(void) {
  say("-- names");
  value("a type", SYS_3(SYS_socket, AF_PACKET, SOCK_STREAM, 0));
  value("seqpacket", SYS_3(SYS_socket, AF_PACKET, SOCK_SEQPACKET, 0));
  int pair[2];
  value("a pair", SYS_4(SYS_socketpair, AF_PACKET, SOCK_RAW, 0, pair));
  int s = socket(AF_PACKET, SOCK_RAW, 0), n;
  struct sockaddr_ll a;
  socklen_t length = sizeof a;
  memset(&a, 0xee, sizeof a);
  value("unbound", SYS_3(SYS_getsockname, s, &a, &length));
  tell(&a, length);
  value("its peer", (length = sizeof a, SYS_3(SYS_getpeername, s, &a, &length)));
  value("connect", (a = lo(ETH_P_ALL), SYS_3(SYS_connect, s, &a, sizeof a)));
  value("listen", SYS_2(SYS_listen, s, 1));
  value("accept", SYS_3(SYS_accept, s, 0, 0));
  value("shutdown", SYS_2(SYS_shutdown, s, SHUT_RDWR));
  value("bind short", SYS_3(SYS_bind, s, &a, sizeof a - 1));
  a.sll_family = AF_INET;
  value("bind to a family", SYS_3(SYS_bind, s, &a, sizeof a));
  a.sll_family = AF_PACKET, a.sll_ifindex = 4242;
  value("bind to nothing", SYS_3(SYS_bind, s, &a, sizeof a));
  a.sll_ifindex = -1;
  value("bind below", SYS_3(SYS_bind, s, &a, sizeof a));
  a.sll_ifindex = 1, a.sll_protocol = htons(ETH_P_IP), a.sll_halen = 77, a.sll_pkttype = 3;
  value("bind", SYS_3(SYS_bind, s, &a, sizeof a));
  memset(&a, 0xee, sizeof a), length = sizeof a;
  value("bound", SYS_3(SYS_getsockname, s, &a, &length));
  tell(&a, length);
  a = lo(0);
  value("bind without", SYS_3(SYS_bind, s, &a, sizeof a));
  length = sizeof a, getsockname(s, (void *)&a, &length);
  tell(&a, length);
  a = lo(0), a.sll_ifindex = 0;
  value("bind to all", SYS_3(SYS_bind, s, &a, sizeof a));
  length = sizeof a, getsockname(s, (void *)&a, &length);
  tell(&a, length);
  static const int options[] = {SO_TYPE,   SO_DOMAIN, SO_PROTOCOL,   SO_ERROR,
                                SO_RCVBUF, SO_SNDBUF, SO_ACCEPTCONN, SO_BPF_EXTENSIONS};
  for (unsigned i = 0; i < sizeof options / sizeof *options; i++) {
    length = sizeof n, n = -1;
    long r = SYS_5(SYS_getsockopt, s, SOL_SOCKET, options[i], &n, &length);
    say("option %d: %ld, %d", options[i], r, n);
  }
  close(s);
  s = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ARP));
  length = sizeof n, getsockopt(s, SOL_SOCKET, SO_PROTOCOL, &n, &length);
  say("protocol %x", n);
  length = sizeof a, getsockname(s, (void *)&a, &length);
  tell(&a, length);
  struct pollfd p = {.fd = s, .events = -1};
  poll(&p, 1, 0);
  say("events %x", p.revents);
  close(s);
}

static void taps(void) {
  say("-- taps");
  int all = tap(SOCK_RAW, ETH_P_ALL), ip = tap(SOCK_RAW, ETH_P_IP), arp = tap(SOCK_RAW, ETH_P_ARP),
      cooked = tap(SOCK_DGRAM, ETH_P_ALL), any = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP)),
      none = socket(AF_PACKET, SOCK_RAW, 0), to4 = receiver(4610), n;
  datagram(4611, 4610, "hello", 5);
  value("FIONREAD", (n = -1, ioctl(all, FIONREAD, &n), n));
  // The header's number and sum are anybody's guess.
  drain("all", all, 14);
  hex("IP", data + 14 + 12, 16);
  drain("ip", ip, 14);
  drain("arp", arp, 14);
  drain("cooked", cooked, 4);
  drain("any", any, 4);
  drain("none", none, 4);
  statistics("all", all), statistics("again", all), statistics("none", none);
  int on = 1;
  value("no outgoing", SYS_5(SYS_setsockopt, all, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, 4));
  datagram(4611, 4610, "again", 5);
  drain("all", all, 0);
  drain("cooked", cooked, 0);

  // Pieces of it.
  datagram(4611, 4610, "pieces", 6);
  value("peek", SYS_6(SYS_recvfrom, all, data, 20, MSG_PEEK, 0, 0));
  value("whole", SYS_6(SYS_recvfrom, all, data, 20, MSG_PEEK | MSG_TRUNC, 0, 0));
  value("flags", SYS_6(SYS_recvfrom, all, data, 20, MSG_OOB, 0, 0));
  value("waitall", SYS_6(SYS_recvfrom, all, data, 20, MSG_WAITALL, 0, 0));
  value("errors", SYS_6(SYS_recvfrom, all, data, 20, MSG_ERRQUEUE, 0, 0));
  struct iovec v = {data, 20};
  char control[256];
  struct sockaddr_ll from;
  struct msghdr m = {.msg_name = &from,
                     .msg_namelen = sizeof from,
                     .msg_iov = &v,
                     .msg_iovlen = 1,
                     .msg_control = control,
                     .msg_controllen = sizeof control};
  value("recvmsg", SYS_3(SYS_recvmsg, all, &m, 0));
  say("flags %x, name %d, control %d", m.msg_flags, m.msg_namelen, (int)m.msg_controllen);
  value("nothing", SYS_6(SYS_recvfrom, all, data, 20, MSG_DONTWAIT, 0, 0));
  close(none), close(any), close(arp), close(to4), close(ip), close(cooked), close(all);
}

static void auxdata(void) {
  say("-- auxdata");
  int all = tap(SOCK_RAW, ETH_P_ALL), cooked = tap(SOCK_DGRAM, ETH_P_IP), to4 = receiver(4610), on = 1, n;
  socklen_t length = sizeof n;
  value("auxdata", SYS_5(SYS_setsockopt, all, SOL_PACKET, PACKET_AUXDATA, &on, 4));
  value("a byte", SYS_5(SYS_setsockopt, cooked, SOL_PACKET, PACKET_AUXDATA, &on, 1));
  value("auxdata", SYS_5(SYS_setsockopt, cooked, SOL_PACKET, PACKET_AUXDATA, &on, 4));
  value("is on", (getsockopt(all, SOL_PACKET, PACKET_AUXDATA, &n, &length), n));
  value("origdev", SYS_5(SYS_setsockopt, all, SOL_PACKET, PACKET_ORIGDEV, &on, 4));
  value("stamps", SYS_5(SYS_setsockopt, all, SOL_SOCKET, SO_TIMESTAMP, &on, 4));
  value("stamps", SYS_5(SYS_setsockopt, cooked, SOL_SOCKET, SO_TIMESTAMPNS, &on, 4));
  for (int round = 0; round < 2; round++) {
    datagram(4611, 4610, "aux", 3);
    for (int i = 0; i < 2; i++)
      for (;;) {
        char control[256];
        struct iovec v = {data, round ? 30 : 4000};
        struct sockaddr_ll from;
        struct msghdr m = {.msg_name = &from,
                           .msg_namelen = sizeof from,
                           .msg_iov = &v,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
        long r = SYS_3(SYS_recvmsg, i ? cooked : all, &m, MSG_DONTWAIT);
        if (r == -EAGAIN) break;
        value(i ? "cooked" : "raw", r);
        say("  flags %x, to %s", m.msg_flags, to(from.sll_pkttype));
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
          say("  control %d %d, %d bytes", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len);
          struct tpacket_auxdata *a = (void *)CMSG_DATA(c);
          if (c->cmsg_level == SOL_PACKET)
            say("    status %x, length %u of %u, mac %d, net %d, vlan %x %x", a->tp_status, a->tp_snaplen,
                a->tp_len, a->tp_mac, a->tp_net, a->tp_vlan_tci, a->tp_vlan_tpid);
        }
      }
  }
  struct timeval t = {0};
  int plain = tap(SOCK_RAW, ETH_P_IP);
  value("no stamp", SYS_3(SYS_ioctl, plain, SIOCGSTAMP, &t));
  datagram(4611, 4610, "aux", 3);
  value("came", SYS_6(SYS_recvfrom, plain, data, 100, 0, 0, 0));
  value("stamp", SYS_3(SYS_ioctl, plain, SIOCGSTAMP, &t));
  yes_no("is a time", t.tv_sec > 1600000000);
  close(plain), close(all), close(cooked), close(to4);
}

static void sending(void) {
  say("-- sending");
  int all = tap(SOCK_RAW, ETH_P_ALL), s = socket(AF_PACKET, SOCK_RAW, 0),
      d = socket(AF_PACKET, SOCK_DGRAM, 0), to4 = receiver(4610), on = 1;
  // A datagram whole, with its sums.
  static const unsigned char udp[] = {0x45, 0,    0, 0x20, 0x12, 0x34, 0x40, 0,   64,  17,   0x2a,
                                      0x97, 127,  0, 0,    1,    127,  0,    0,   1,   0x12, 0x03,
                                      0x12, 0x02, 0, 12,   0,    0,    'f',  'o', 'u', 'r'};
  unsigned char frame[14 + sizeof udp] = {0};
  frame[12] = 8;
  memcpy(frame + 14, udp, sizeof udp);
  value("nowhere", SYS_6(SYS_sendto, s, frame, sizeof frame, 0, 0, 0));
  struct sockaddr_ll at = lo(ETH_P_IP);
  value("by lo", SYS_6(SYS_sendto, s, frame, sizeof frame, 0, &at, sizeof at));
  drain("all", all, 18);
  value("arrived", SYS_6(SYS_recvfrom, to4, data, 100, MSG_DONTWAIT, 0, 0));
  value("short name", SYS_6(SYS_sendto, s, frame, sizeof frame, 0, &at, sizeof at - 1));
  value("shorter", SYS_6(SYS_sendto, s, frame, sizeof frame, 0, &at, 12));
  value("shortest", SYS_6(SYS_sendto, s, frame, sizeof frame, 0, &at, 11));
  drain("all", all, 0);
  while (recv(to4, data, 100, MSG_DONTWAIT) > 0)
    ;
  at.sll_halen = 9;
  value("a long address", SYS_6(SYS_sendto, s, frame, sizeof frame, 0, &at, sizeof at));
  value("a long address of others", SYS_6(SYS_sendto, d, udp, sizeof udp, 0, &at, sizeof at));
  at = lo(ETH_P_IP), at.sll_family = AF_INET;
  value("another family", SYS_6(SYS_sendto, s, frame, sizeof frame, 0, &at, sizeof at));
  at = lo(ETH_P_IP), at.sll_ifindex = 4242;
  value("no device", SYS_6(SYS_sendto, s, frame, sizeof frame, 0, &at, sizeof at));
  at = lo(ETH_P_IP);
  for (int length = 12; length < 17; length++)
    value("short", SYS_6(SYS_sendto, s, frame, length, 0, &at, sizeof at));
  value("empty", SYS_6(SYS_sendto, s, frame, 0, 0, &at, sizeof at));
  value("cooked and empty", SYS_6(SYS_sendto, d, udp, 0, 0, &at, sizeof at));
  value("cooked and short", SYS_6(SYS_sendto, d, udp, 1, 0, &at, sizeof at));
  drain("all", all, 20);
  at.sll_halen = 6, memcpy(at.sll_addr, "\0\0\0\0\0\0", 6);
  value("cooked", SYS_6(SYS_sendto, d, udp, sizeof udp, 0, &at, sizeof at));
  drain("all", all, 18);
  value("arrived", SYS_6(SYS_recvfrom, to4, data, 100, MSG_DONTWAIT, 0, 0));
  at.sll_halen = 6, memcpy(at.sll_addr, "\2\1\2\3\4\5", 6);
  value("for another", SYS_6(SYS_sendto, d, udp, sizeof udp, 0, &at, sizeof at));
  drain("all", all, 18);
  value("arrived", SYS_6(SYS_recvfrom, to4, data, 100, MSG_DONTWAIT, 0, 0));
  memcpy(at.sll_addr, "\377\377\377\377\377\377", 6);
  value("for all", SYS_6(SYS_sendto, d, udp, sizeof udp, 0, &at, sizeof at));
  drain("all", all, 18);
  value("arrived", SYS_6(SYS_recvfrom, to4, data, 100, MSG_DONTWAIT, 0, 0));
  // One of IPv6, which is taken from ::1; the others are from a host that cannot be.
  int to6 = socket(AF_INET6, SOCK_DGRAM, 0);
  struct sockaddr_in6 name6 = {
      .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons(4610)};
  value("receiver", SYS_3(SYS_bind, to6, &name6, sizeof name6));
  unsigned char six[52] = {0x60, [5] = 12, [6] = 17, [7] = 64, [23] = 1,   [39] = 1, [40] = 0x12, 3,
                           0x12, 2,        0,        12,       [48] = 'f', 'o',      'u',         'r'};
  unsigned sum = 17 + 12 + 1 + 1;
  for (int i = 40; i < 52; i += 2)
    sum += six[i] << 8 | six[i + 1];
  sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
  six[46] = sum >> 8, six[47] = sum;
  at = lo(ETH_P_IPV6), at.sll_halen = 6;
  value("of IPv6", SYS_6(SYS_sendto, d, six, sizeof six, 0, &at, sizeof at));
  drain("all", all, 18);
  value("arrived", SYS_6(SYS_recvfrom, to6, data, 100, MSG_DONTWAIT, 0, 0));
  six[46]++;
  value("a wrong sum", SYS_6(SYS_sendto, d, six, sizeof six, 0, &at, sizeof at));
  value("arrived", SYS_6(SYS_recvfrom, to6, data, 100, MSG_DONTWAIT, 0, 0));
  six[46]--;
  memcpy(at.sll_addr, "\377\377\377\377\377\377", 6);
  value("for all", SYS_6(SYS_sendto, d, six, sizeof six, 0, &at, sizeof at));
  value("arrived", SYS_6(SYS_recvfrom, to6, data, 100, MSG_DONTWAIT, 0, 0));
  memcpy(at.sll_addr, "\2\2\2\2\2\2", 6);
  value("for another", SYS_6(SYS_sendto, d, six, sizeof six, 0, &at, sizeof at));
  value("arrived", SYS_6(SYS_recvfrom, to6, data, 100, MSG_DONTWAIT, 0, 0));
  at = lo(ETH_P_IP), at.sll_halen = 6;
  value("of another type", SYS_6(SYS_sendto, d, six, sizeof six, 0, &at, sizeof at));
  value("arrived", SYS_6(SYS_recvfrom, to6, data, 100, MSG_DONTWAIT, 0, 0));
  drain("all", all, 0);
  close(to6);
  // Of no protocol that anybody serves.
  at = lo(0x88b5);
  value("a protocol", SYS_6(SYS_sendto, d, "body", 4, 0, &at, sizeof at));
  drain("all", all, 18);
  frame[12] = 0x88, frame[13] = 0xb5;
  at = lo(0);
  value("by its header", SYS_6(SYS_sendto, s, frame, 20, 0, &at, sizeof at));
  drain("all", all, 18);
  // Bound, and connected to nothing.
  struct sockaddr_ll bound = lo(0x88b5);
  value("bind", SYS_3(SYS_bind, s, &bound, sizeof bound));
  value("send", SYS_6(SYS_sendto, s, frame, 20, 0, 0, 0));
  value("write", SYS_3(SYS_write, s, frame, 21));
  drain("all", all, 18);
  drain("itself", s, 18);
  value("oob", SYS_6(SYS_sendto, s, frame, 20, MSG_OOB, 0, 0));
  value("of lo's size", SYS_6(SYS_sendto, s, data, 65536 + 14, 0, 0, 0));
  value("with a tag", SYS_6(SYS_sendto, s, data, 65536 + 18, 0, 0, 0));
  value("too long", SYS_6(SYS_sendto, s, data, 65536 + 19, 0, 0, 0));
  drain("all", all, 0);
  (void)on;
  close(all), close(s), close(d), close(to4);
}

static void options(void) {
  say("-- options");
  int s = socket(AF_PACKET, SOCK_RAW, 0), n;
  for (int o = 0; o < 27; o++) {
    if (o == PACKET_FANOUT || o == PACKET_FANOUT_DATA || o == PACKET_ROLLOVER_STATS) continue;
    n = 77;
    socklen_t length = sizeof n;
    long r = SYS_5(SYS_getsockopt, s, SOL_PACKET, o, &n, &length);
    say("get %d: %s, %d bytes, %d", o, failed(r) ? error_name(r) : "ok", length, o == PACKET_HDRLEN ? 0 : n);
  }
  for (int o = 0; o < 27; o++) {
    if (o == PACKET_FANOUT || o == PACKET_FANOUT_DATA || o == PACKET_ROLLOVER_STATS) continue;
    n = 1;
    long a = SYS_5(SYS_setsockopt, s, SOL_PACKET, o, &n, 4),
         b = SYS_5(SYS_setsockopt, s, SOL_PACKET, o, &n, 3);
    n = 70000;
    long c = SYS_5(SYS_setsockopt, s, SOL_PACKET, o, &n, 4);
    n = -1;
    long d = SYS_5(SYS_setsockopt, s, SOL_PACKET, o, &n, 4);
    say("set %d: %ld %ld %ld %ld", o, a, b, c, d);
    n = 77;
    socklen_t length = sizeof n;
    if (getsockopt(s, SOL_PACKET, o, &n, &length) == 0 && o != PACKET_STATISTICS) say("  is %d", n);
  }
  for (int version = 0; version < 4; version++) {
    n = version;
    socklen_t length = sizeof n;
    long r = SYS_5(SYS_getsockopt, s, SOL_PACKET, PACKET_HDRLEN, &n, &length);
    say("header %d: %ld, %d", version, r, n);
  }
  value("another level", SYS_5(SYS_setsockopt, s, IPPROTO_IP, 1, &n, 4));
  socklen_t length = 4;
  value("another level", SYS_5(SYS_getsockopt, s, IPPROTO_IP, 1, &n, &length));
  struct packet_mreq m = {.mr_ifindex = 1, .mr_type = PACKET_MR_PROMISC};
  value("promiscuous", SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
  value("twice", SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
  value("short", SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m - 1));
  for (int i = 0; i < 3; i++)
    value("no more", SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof m));
  m.mr_type = PACKET_MR_MULTICAST;
  value("no address", SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
  m.mr_alen = 6, m.mr_address[0] = 1;
  value("a group", SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
  m.mr_alen = 9;
  value("long", SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
  m.mr_type = PACKET_MR_UNICAST, m.mr_alen = 5;
  value("one", SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
  m.mr_type = PACKET_MR_ALLMULTI, m.mr_alen = 0;
  value("all groups", SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
  m.mr_type = 9;
  value("nothing", SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
  m.mr_ifindex = 4242, m.mr_type = PACKET_MR_PROMISC;
  value("nowhere", SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
  value("nowhere", SYS_5(SYS_setsockopt, s, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof m));
  close(s);
}

static void filters(void) {
  say("-- filters");
  int s = tap(SOCK_RAW, ETH_P_ALL), d = tap(SOCK_DGRAM, ETH_P_ALL), to4 = receiver(4610),
      other = receiver(4612);
  // UDP to one port, of what comes in; all but 40 bytes are cut off.
  struct sock_filter f[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 7, 0),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SKF_AD_OFF + SKF_AD_PROTOCOL),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 5),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF + 9),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SKF_NET_OFF + 22),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4610, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 40),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  struct sock_fprog p = {sizeof f / sizeof *f, f};
  value("attach", SYS_5(SYS_setsockopt, s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p));
  value("attach", SYS_5(SYS_setsockopt, d, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p));
  datagram(4611, 4612, "other", 5);
  datagram(4611, 4610, "a longer message", 16);
  drain("raw", s, 14);
  drain("cooked", d, 4);
  statistics("raw", s);
  // What is known of a frame, one after the other.
  static const int loads[] = {SKF_AD_PROTOCOL,  SKF_AD_PKTTYPE, SKF_AD_IFINDEX,  SKF_AD_HATYPE,
                              SKF_AD_MARK,      SKF_AD_QUEUE,   SKF_AD_VLAN_TAG, SKF_AD_VLAN_TAG_PRESENT,
                              SKF_AD_PAY_OFFSET};
  for (unsigned i = 0; i < sizeof loads / sizeof *loads; i++) {
    struct sock_filter g[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + loads[i]),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    p = (struct sock_fprog){4, g};
    setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p);
    setsockopt(d, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p);
    unsigned char much[300] = {0};
    datagram(4611, 4610, much, sizeof much);
    for (int k = 0; k < 2; k++)
      for (long r; (r = SYS_6(SYS_recvfrom, k ? d : s, data, sizeof data, MSG_DONTWAIT, 0, 0)) >= 0;)
        say("load %d: %ld", loads[i], r);
  }
  // By offsets of the headers.
  static const int offsets[] = {
      0, 12, SKF_NET_OFF, SKF_NET_OFF + 9, SKF_LL_OFF, SKF_LL_OFF + 12, SKF_LL_OFF + 23};
  for (unsigned i = 0; i < sizeof offsets / sizeof *offsets; i++) {
    struct sock_filter g[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offsets[i]),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    p = (struct sock_fprog){3, g};
    setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p);
    setsockopt(d, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p);
    unsigned char much[300] = {0};
    datagram(4611, 4610, much, sizeof much);
    for (int k = 0; k < 2; k++)
      for (long r; (r = SYS_6(SYS_recvfrom, k ? d : s, data, sizeof data, MSG_DONTWAIT, 0, 0)) >= 0;)
        say("byte %d: %ld", offsets[i], r);
  }
  value("detach", SYS_5(SYS_setsockopt, s, SOL_SOCKET, SO_DETACH_FILTER, &p, sizeof p));
  value("again", SYS_5(SYS_setsockopt, s, SOL_SOCKET, SO_DETACH_FILTER, &p, sizeof p));
  close(s), close(d), close(to4), close(other);
}

static void bounds(void) {
  say("-- bounds");
  int s = tap(SOCK_RAW, ETH_P_IP), to4 = receiver(4610), size = 4000;
  setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  for (int i = 0; i < 100; i++)
    datagram(4611, 4610, "bytes", 5);
  int n = 0;
  while (recv(s, data, sizeof data, MSG_DONTWAIT) > 0)
    n++;
  struct tpacket_stats t;
  socklen_t length = sizeof t;
  getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &t, &length);
  say("packets %u, all are accounted for: %d, some: %d, not all: %d", t.tp_packets, n + t.tp_drops == 100,
      n > 0, n < 50);
  datagram(4611, 4610, "bytes", 5);
  value("then", SYS_6(SYS_recvfrom, s, data, sizeof data, MSG_DONTWAIT, 0, 0));
  close(s), close(to4);
}

static void old(void) {
  say("-- SOCK_PACKET");
  int s = socket(AF_PACKET, SOCK_PACKET, htons(ETH_P_ALL)), to4 = receiver(4610);
  if (s < 0) return value("none", -errno);
  struct sockaddr a = {.sa_family = AF_PACKET, .sa_data = "lo"};
  value("bind short", SYS_3(SYS_bind, s, &a, sizeof a - 1));
  struct sockaddr b = {.sa_family = AF_PACKET, .sa_data = "nothing"};
  value("bind to nothing", SYS_3(SYS_bind, s, &b, sizeof b));
  value("bind", SYS_3(SYS_bind, s, &a, sizeof a));
  char name[64];
  socklen_t length = sizeof name;
  memset(name, 0xee, sizeof name);
  value("name", SYS_3(SYS_getsockname, s, name, &length));
  hex("  is", (void *)name, length);
  datagram(4611, 4610, "old", 3);
  for (;;) {
    length = sizeof name;
    memset(name, 0, sizeof name);
    long r = SYS_6(SYS_recvfrom, s, data, sizeof data, MSG_DONTWAIT, name, &length);
    if (r < 0) break;
    value("came", r);
    hex("  from", (void *)name, length);
  }
  static unsigned char frame[60] = {[12] = 0x88, 0xb5};
  struct {
    unsigned short family;
    char device[14];
    unsigned short protocol;
  } to = {AF_PACKET, "lo", htons(0x88b5)};
  value("sent", SYS_6(SYS_sendto, s, frame, sizeof frame, 0, &to, sizeof to));
  value("without a protocol", SYS_6(SYS_sendto, s, frame, sizeof frame, 0, &to, 16));
  value("to nobody", SYS_6(SYS_sendto, s, frame, sizeof frame, 0, 0, 0));
  memcpy(to.device, "nothing", 8);
  value("to nothing", SYS_6(SYS_sendto, s, frame, sizeof frame, 0, &to, sizeof to));
  close(s), close(to4);
}

// What goes by a stream is there to be read, all of it.
static void stream(void) {
  say("-- stream");
  struct sockaddr_in name = four;
  socklen_t length = sizeof name;
  int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), size = 1 << 20;
  bind(l, (void *)&name, sizeof name), listen(l, 1), getsockname(l, (void *)&name, &length);
  connect(c, (void *)&name, sizeof name);
  int a = accept(l, 0, 0), s = tap(SOCK_DGRAM, ETH_P_IP);
  setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  static unsigned char sent[50000], got[50000], seen[70000];
  for (unsigned i = 0; i < sizeof sent; i++)
    sent[i] = i * 7 + i / 251;
  value("write", SYS_3(SYS_write, c, sent, sizeof sent));
  unsigned n = 0, payload = 0, wrong = 0, first = 0;
  for (long r; n < sizeof got && (r = read(a, got + n, sizeof got - n)) > 0;)
    n += r;
  yes_no("read", !memcmp(got, sent, sizeof sent));
  for (long r; (r = recv(s, seen, sizeof seen, MSG_DONTWAIT)) > 0;) {
    unsigned char *tcp = seen + (seen[0] & 15) * 4;
    unsigned at = ntohl(*(unsigned *)(tcp + 4)), header = (tcp - seen) + (tcp[12] >> 4) * 4;
    if (*(unsigned short *)(tcp + 2) != name.sin_port || r <= (long)header) continue;
    if (!payload) first = at;
    for (unsigned i = header; i < r; i++, payload++)
      wrong += at - first + i - header >= sizeof sent || seen[i] != sent[at - first + i - header];
  }
  say("all seen %d, wrong %u", payload >= sizeof sent, wrong);
  close(s), close(a), close(c), close(l);
}

int main(void) {
  own_network();
  names();
  taps();
  auxdata();
  sending();
  options();
  filters();
  bounds();
  old();
  stream();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    int raw = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    setgid(1234), setuid(1234);
    value("by another user", SYS_3(SYS_socket, AF_PACKET, SOCK_RAW, 0));
    value("and a bad type", SYS_3(SYS_socket, AF_PACKET, SOCK_STREAM, 0));
    yes_no("one that it had", raw >= 0);
    struct packet_mreq m = {.mr_ifindex = 1, .mr_type = PACKET_MR_PROMISC};
    value("promiscuous", SYS_5(SYS_setsockopt, raw, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
    _exit(0);
  }
  waitpid(pid, 0, 0);
  return 0;
}
