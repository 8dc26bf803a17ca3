// Packet sockets that flood: a thousand of them on lo, with the longest filters, while datagrams and streams go by; rings
// whose memory others write to all the time; rings of every size; forged names, frames and virtio headers; random filters;
// as many sockets and rings as there may be; descriptors that name another ring while one is mapped; a datagram in a thousand
// fragments that thousands see. A witness waits no longer than it should.
//@ args: 0
//@ args: 1
//@ args: 2
//@ args: 3
//@ args: 4
//@ args: 5
//@ args: 6
//@ args: 7
//@ ends: 0
//@ deadline: 60
//@ needs: sockets tcp threads fork
//@ cflags: -pthread
#include "hostile.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define MANY 6000

static char buffer[1 << 17];
static int fds[MANY + 100];
static volatile int stop;

static void many_files(void) {
  struct rlimit l = {MANY + 200, MANY + 200};
  if (setrlimit(RLIMIT_NOFILE, &l)) getrlimit(RLIMIT_NOFILE, &l);
}

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
}

static int tap(int type, int protocol) {
  int s = socket(AF_PACKET, type, 0);
  struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = 1};
  if (s >= 0) bind(s, (void *)&at, sizeof at);
  return s;
}

// Datagrams cut into very many, and a stream, for so long.
static void *traffic(void *unused) {
  (void)unused;
  struct sockaddr_in to = loopback(7200),
                     name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int s = socket(AF_INET, SOCK_DGRAM, 0), r = socket(AF_INET, SOCK_DGRAM, 0),
      l = socket(AF_INET, SOCK_STREAM, 0);
  bind(r, (void *)&to, sizeof to);
  socklen_t length = sizeof name;
  bind(l, (void *)&name, sizeof name), listen(l, 1), getsockname(l, (void *)&name, &length);
  int a = socket(AF_INET, SOCK_STREAM, 0);
  connect(a, (void *)&name, sizeof name);
  int b = accept(l, 0, 0);
  static char copy[1 << 16];
  for (unsigned i = 0; !stop; i++) {
    setsockopt(s, IPPROTO_UDP, 103, &(int){i % 2 ? 512 : 0}, 4);
    sendto(s, buffer, i % 3 ? 60000 : i % 1400, MSG_DONTWAIT, (void *)&to, sizeof to);
    while (recv(r, copy, sizeof copy, MSG_DONTWAIT) >= 0)
      ;
    send(a, buffer, 30000, MSG_DONTWAIT);
    while (recv(b, copy, sizeof copy, MSG_DONTWAIT) > 0)
      ;
  }
  close(s), close(r), close(l), close(a), close(b);
  return 0;
}

static void still_works(void) {
  struct sockaddr_in to = loopback(7201);
  int r = socket(AF_INET, SOCK_DGRAM, 0), t = tap(SOCK_RAW, ETH_P_IP);
  bind(r, (void *)&to, sizeof to);
  if (sendto(r, "x", 1, 0, (void *)&to, sizeof to) != 1) bad("a datagram after it", -errno);
  struct pollfd p = {.fd = r, .events = POLLIN};
  if (poll(&p, 1, 10000) != 1) bad("it does not come", 0);
  p.fd = t;
  if (poll(&p, 1, 10000) != 1) bad("it is not seen", 0);
  close(r), close(t);
}

// A thousand that see all, some with filters as long as may be.
static void taps(void) {
  many_files();
  static struct sock_filter f[4096];
  for (int i = 0; i < 4095; i++)
    f[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE);
  f[4095] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xffff);
  struct sock_fprog p = {4096, f};
  for (int i = 0; i < 1000; i++) {
    fds[i] = tap(i % 2 ? SOCK_RAW : SOCK_DGRAM, i % 3 ? ETH_P_ALL : ETH_P_IP);
    if (fds[i] < 0) bad("a socket", -errno);
    if (i % 10 == 0) setsockopt(fds[i], SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p);
  }
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    pthread_create(&threads[i], 0, traffic, 0);
  for (double end = seconds() + FLOOD_S; seconds() < end;)
    for (int i = 0; i < 1000; i++)
      recv(fds[i], buffer, sizeof buffer, MSG_DONTWAIT);
  stop = 1;
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], 0);
  for (int i = 0; i < 1000; i++)
    close(fds[i]);
  still_works();
}

static unsigned char *volatile ring;
static volatile long ring_size;
static pthread_mutex_t ring_lock = PTHREAD_MUTEX_INITIALIZER;

// Writes to the ring what it likes, all the time.
static void *forger(void *unused) {
  (void)unused;
  unsigned seed = 1;
  pthread_mutex_lock(&ring_lock);
  for (unsigned i = 0; !stop; i++) {
    if (i % 256 == 0) pthread_mutex_unlock(&ring_lock), pthread_mutex_lock(&ring_lock);
    unsigned char *at = ring;
    if (!at) continue;
    seed = seed * 1664525 + 1013904223;
    unsigned place = seed % (ring_size / 4) * 4;
    *(volatile unsigned *)(at + place) = seed & 0x1000 ? seed : 0;
    // Where states stand.
    *(volatile unsigned *)(at + place / 2048 * 2048) = seed & 1 ? 0 : seed >> 3;
    *(volatile unsigned *)(at + place / 4096 * 4096 + 8) = seed & 2 ? 0 : seed >> 3;
  }
  pthread_mutex_unlock(&ring_lock);
  return 0;
}

static void rings(void) {
  pthread_t t, f;
  pthread_create(&t, 0, traffic, 0);
  pthread_create(&f, 0, forger, 0);
  long size = 32 * 4096;
  ring_size = size;
  for (double end = seconds() + FLOOD_S; seconds() < end;) {
    for (int version = 0; version < 3; version++) {
      int s = socket(AF_PACKET, version % 2 ? SOCK_RAW : SOCK_DGRAM, 0);
      setsockopt(s, SOL_PACKET, PACKET_VERSION, &version, 4);
      struct tpacket_req3 r = {4096, 32, 2048, 64, 1, 0, 0};
      if (setsockopt(s, SOL_PACKET, PACKET_RX_RING, &r, version == 2 ? (int)sizeof r : 16))
        bad("a ring", -errno);
      unsigned char *at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, s, 0);
      if (at == MAP_FAILED) {
        bad("its memory", -errno);
        break;
      }
      struct sockaddr_ll name = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = 1};
      bind(s, (void *)&name, sizeof name);
      ring = at;
      struct pollfd p = {.fd = s, .events = POLLIN};
      for (int i = 0; i < 50; i++)
        poll(&p, 1, 1);
      struct tpacket_req none = {0};
      if (version < 2) setsockopt(s, SOL_PACKET, PACKET_RX_RING, &none, sizeof none);
      // The memory is there yet.
      at[0] = 1;
      close(s);
      at[size - 1] = 1;
      pthread_mutex_lock(&ring_lock);
      ring = 0;
      pthread_mutex_unlock(&ring_lock);
      munmap(at, size);
    }
  }
  stop = 1;
  pthread_join(t, 0), pthread_join(f, 0);
  still_works();
}

// Rings of every size, and as many as there are.
static void sizes(void) {
  static const unsigned values[] = {
      0,    1,    16,    32,      48,      52,       64,         68,         80,         2048,      4095,
      4096, 8192, 65536, 1 << 20, 1 << 30, 1u << 31, 0x7fffffff, 0xfffffff0, 0xffffffff, 0xfffff000};
  enum { COUNT = sizeof values / sizeof *values };
  unsigned seed = 7;
  int s = socket(AF_PACKET, SOCK_RAW, 0);
  for (int i = 0; i < 60000; i++) {
    struct tpacket_req3 r;
    unsigned *w = (void *)&r;
    for (int k = 0; k < 7; k++) {
      seed = seed * 1664525 + 1013904223;
      w[k] = values[(seed >> 8) % COUNT] + (seed >> 28 == 0);
    }
    if (i % 4 == 0) r.tp_frame_nr = r.tp_frame_size ? r.tp_block_size / r.tp_frame_size * r.tp_block_nr : 0;
    if (i % 1000 == 0) close(s), s = socket(AF_PACKET, SOCK_RAW, 0);
    int version = (seed >> 5) % 3, reserve = values[(seed >> 12) % COUNT];
    setsockopt(s, SOL_PACKET, PACKET_VERSION, &version, 4);
    setsockopt(s, SOL_PACKET, PACKET_RESERVE, &reserve, 4);
    setsockopt(s, SOL_PACKET, i % 5 ? PACKET_RX_RING : PACKET_TX_RING, &r, i % 7 ? (int)sizeof r : i % 30);
    if (i % 50 == 0) sendto(s, buffer, 100, 0, 0, 0), still_works();
  }
  close(s);
  // As much as there is.
  many_files();
  int count = 0, refused = 0;
  for (; count < 1000; count++) {
    fds[count] = tap(SOCK_RAW, ETH_P_ALL);
    struct tpacket_req r = {1 << 20, 64, 2048, 32768};
    if (fds[count] < 0) break;
    if (setsockopt(fds[count], SOL_PACKET, PACKET_RX_RING, &r, sizeof r)) refused++;
  }
  if (!refused) bad("a thousand rings of 64 MiB", count);
  still_works();
  for (int i = 0; i < count; i++)
    close(fds[i]);
}

// Names, frames and virtio headers of all kinds.
static void forged(void) {
  unsigned seed = 3;
  int kinds[] = {SOCK_RAW, SOCK_DGRAM, SOCK_PACKET};
  for (int k = 0; k < 3; k++)
    for (int header = 0; header < 2; header++) {
      int s = socket(AF_PACKET, kinds[k], htons(ETH_P_ALL)), t = tap(kinds[k], ETH_P_ALL);
      setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &header, 4);
      setsockopt(t, SOL_PACKET, PACKET_VNET_HDR, &header, 4);
      setsockopt(t, SOL_PACKET, PACKET_AUXDATA, &(int){1}, 4);
      for (int i = 0; i < 30000; i++) {
        unsigned char name[40];
        for (unsigned n = 0; n < sizeof name; n++)
          seed = seed * 1664525 + 1013904223, name[n] = seed >> 24;
        struct sockaddr_ll *at = (void *)name;
        if (i % 8) {
          at->sll_family = AF_PACKET, at->sll_ifindex = 1, at->sll_halen = i % 16 ? 6 : name[11];
          at->sll_protocol = htons(i % 3 ? ETH_P_IP : ETH_P_IPV6);
          if (i % 4) memset(at->sll_addr, 0, 8);
        }
        if (k == 2) memcpy(name + 2, "lo\0", 4);
        for (int n = 0; n < 80; n++)
          seed = seed * 1664525 + 1013904223, buffer[n] = seed >> 24;
        if (i % 2) memset(buffer, 0, 10), memset(buffer + header * 10, 0, 12);
        if (i % 3)
          buffer[header * 10 + 12] = 8, buffer[header * 10 + 13] = 0, buffer[header * 10 + 14] = 0x45;
        int length = i % 50 ? i % 90 : i % 100 ? 65536 + i % 40 : 100000;
        sendto(s, buffer, length, MSG_DONTWAIT, (void *)name, i % 9 ? (k == 2 ? 18 : 20) : i % 41);
        if (i % 64 == 0) sendto(s, buffer, length, MSG_DONTWAIT, 0, 0);
        if (i % 128 == 0) bind(s, (void *)name, i % 41);
        char control[64];
        struct iovec v = {buffer + 1000, i % 2000};
        struct msghdr m = {.msg_name = name,
                           .msg_namelen = i % 41,
                           .msg_iov = &v,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = i % 65};
        recvmsg(t, &m, MSG_DONTWAIT | (i % 5 ? 0 : MSG_PEEK | MSG_TRUNC));
      }
      close(s), close(t);
    }
  // As long as frames may be, and longer.
  int s = tap(SOCK_RAW, ETH_P_ALL);
  setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &(int){1}, 4);
  memset(buffer, 0, sizeof buffer);
  // To be completed from 34 on, at 16; one of TCP's of many segments.
  memcpy(buffer, "\1\1\66\0\x78\5\42\0\20\0", 10), buffer[22] = 8, buffer[24] = 0x45;
  for (int length = 65500; length < 66100; length++)
    send(s, buffer, length, MSG_DONTWAIT);
  close(s);
  still_works();
}

static void filters(void) {
  unsigned seed = 11;
  struct sockaddr_in to = loopback(7202);
  // Nothing but random numbers.
  static struct sock_filter f[4096];
  for (int i = 0; i < 4095; i++)
    f[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_RANDOM);
  f[4095] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xffff);
  for (int i = 0; i < 200; i++) {
    fds[i] = tap(SOCK_RAW, ETH_P_ALL);
    struct sock_fprog p = {4096, f};
    setsockopt(fds[i], SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p);
  }
  // Others see nothing then, and go on.
  int k = socket(AF_INET, SOCK_DGRAM, 0);
  for (int i = 0; i < 1000; i++)
    sendto(k, buffer, 100, 0, (void *)&to, sizeof to);
  close(k);
  for (int i = 0; i < 200; i++)
    close(fds[i]);
  int s = tap(SOCK_RAW, ETH_P_ALL), d = tap(SOCK_DGRAM, ETH_P_ALL);
  int u = socket(AF_INET, SOCK_DGRAM, 0);
  bind(u, (void *)&to, sizeof to);
  for (int i = 0; i < 20000; i++) {
    struct sock_filter f[16];
    int n = 1 + i % 16;
    for (int k = 0; k < n; k++) {
      seed = seed * 1664525 + 1013904223;
      f[k] = (struct sock_filter){(seed >> 8) & (i % 3 ? 0x7f : 0xffff), (seed >> 16) & 7, (seed >> 20) & 7,
                                  seed >> 9};
      if (i % 2) f[k].code = BPF_LD | (seed >> 12 & 0x18) | (seed & 0x100 ? BPF_ABS : BPF_IND);
      if (seed & 0x800) f[k].k |= 0xffe00000;
    }
    f[n - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
    struct sock_fprog p = {n, i % 97 ? f : (void *)8};
    setsockopt(i % 2 ? s : d, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p);
    sendto(u, buffer, seed % 200, 0, (void *)&to, sizeof to);
    recv(u, buffer, 1, MSG_DONTWAIT), recv(s, buffer, 1, MSG_DONTWAIT), recv(d, buffer, 1, MSG_DONTWAIT);
  }
  close(u), close(s), close(d);
  still_works();
}

// As many as there are, and memberships.
static void crowd(void) {
  many_files();
  int count = 0;
  for (; count < MANY; count++)
    if ((fds[count] = tap(SOCK_RAW, ETH_P_ALL)) < 0) break;
  if (count < 1000) bad("sockets", count);
  struct packet_mreq m = {.mr_ifindex = 1, .mr_type = PACKET_MR_MULTICAST, .mr_alen = 6};
  for (unsigned i = 0; i < 5000; i++) {
    memcpy(m.mr_address, &i, 4);
    setsockopt(fds[0], SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m);
  }
  pthread_t t;
  pthread_create(&t, 0, traffic, 0);
  usleep(FLOOD_S * 1000000);
  stop = 1;
  pthread_join(t, 0);
  for (int i = 0; i < count; i++)
    close(fds[i]);
  still_works();
}

static int ring_of(unsigned blocks) {
  int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  struct tpacket_req r = {4096, blocks, 2048, blocks * 2};
  if (setsockopt(s, SOL_PACKET, PACKET_RX_RING, &r, sizeof r)) bad("a ring", -errno);
  return s;
}

// Gives the descriptor another meaning, all the time.
static void *changer(void *at) {
  int fd = *(int *)at, small = ring_of(1), file = open("/proc/self/exe", O_RDONLY);
  for (unsigned i = 0; !stop; i++) {
    int large = ring_of(16);
    dup2(large, fd);
    sched_yield();
    if (i % 3 == 0) setsockopt(large, SOL_PACKET, PACKET_RX_RING, &(struct tpacket_req){0}, 16);
    dup2(i % 2 ? small : file, fd);
    close(large);
    if (i % 5 == 0) close(fd);
  }
  close(small), close(file);
  return 0;
}

// What is mapped is of the size that was asked for, whatever the descriptor names by then; more of it says nothing.
static void mapped(void) {
  int fd = 900;
  pthread_t t;
  pthread_create(&t, 0, changer, &fd);
  int count = 0;
  for (double end = seconds() + FLOOD_S; seconds() < end;) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    poll(&p, 1, 0);
    volatile char *at = mmap(0, 16 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) continue;
    at[16 * 4096 - 1] = 1, count++;
    munmap((void *)at, 16 * 4096);
  }
  stop = 1;
  pthread_join(t, 0);
  if (!count) bad("nothing was mapped", 0);
  close(fd);

  int s = ring_of(16);
  unsigned *at = mmap(0, 16 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, s, 0);
  unsigned *grown = mremap(at, 16 * 4096, 17 * 4096, MREMAP_MAYMOVE);
  static const unsigned places[] = {0, 4, 3, 16 * 4096, 16 * 4096 - 4, 0x7fffffff, 0x80000000, 0xffffffff};
  for (unsigned i = 0; grown != MAP_FAILED && i < sizeof places / sizeof *places; i++) {
    grown[16 * 1024] = places[i];
    struct pollfd p = {.fd = s, .events = POLLIN};
    poll(&p, 1, 0);
    still_works();
  }
  // Many that had been mapped when they were given up.
  many_files();
  for (int i = 0; i < 1000; i++) {
    fds[i] = ring_of(16);
    char *r = mmap(0, 16 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
    if (r == MAP_FAILED) {
      bad("its memory", -errno);
      break;
    }
    memset(r, 1, 16 * 4096), munmap(r, 16 * 4096);
    if (setsockopt(fds[i], SOL_PACKET, PACKET_RX_RING, &(struct tpacket_req){0}, 16)) bad("none", -errno);
  }
  still_works();
}

static void set_mtu(int mtu) {
  struct ifreq r = {.ifr_ifindex = 1};
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  // Others may have called it something else.
  if (ioctl(s, SIOCGIFNAME, &r)) bad("a name", -errno);
  r.ifr_mtu = mtu;
  if (ioctl(s, SIOCSIFMTU, &r)) bad("an MTU", -errno);
  close(s);
}

// A thousand fragments at once, which four thousand see, or see none of, since they look at another device.
static void fragments(void) {
  many_files();
  int count = 0;
  for (; count < MANY; count++) {
    if ((fds[count] = socket(AF_PACKET, SOCK_RAW, 0)) < 0) break;
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = 1};
    bind(fds[count], (void *)&at, sizeof at);
  }
  set_mtu(68);
  struct sockaddr_in to = loopback(7203);
  int u = socket(AF_INET, SOCK_DGRAM, 0), r = socket(AF_INET, SOCK_DGRAM, 0);
  setsockopt(u, IPPROTO_IP, IP_MTU_DISCOVER, &(int){IP_PMTUDISC_DONT}, 4);
  bind(r, (void *)&to, sizeof to);
  for (double end = seconds() + FLOOD_S; seconds() < end;) {
    sendto(u, buffer, 60000, MSG_DONTWAIT, (void *)&to, sizeof to);
    recv(r, buffer, sizeof buffer, MSG_DONTWAIT);
  }
  set_mtu(65536);
  struct tpacket_stats t;
  socklen_t length = sizeof t;
  if (count > 0 && getsockopt(fds[count - 1], SOL_PACKET, PACKET_STATISTICS, &t, &length)) bad("it", -errno);
  if (t.tp_drops == 0 || t.tp_packets < t.tp_drops) bad("drops", t.tp_drops);
  for (int i = 0; i < count; i++)
    close(fds[i]);
  close(u), close(r);
  still_works();
}

int main(int argc, char **argv) {
  (void)argc;
  void (*parts[])(void) = {taps, rings, sizes, forged, filters, crowd, mapped, fragments};
  parts[atoi(argv[1])]();
  return 0;
}
