// Floods of internet sockets: datagrams to full queues, to groups of very many members and to raw sockets that each get a
// copy, as many sockets and ports as there may be, connections by the thousand that nobody accepts, forged names, vectors and
// control messages, options of every level, name and length, sockets that are closed while others use them. A witness waits
// no longer than it should.
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
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define MANY 20000

static char buffer[1 << 16];
static int fds[MANY + 100];

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
}

static void many_files(void) {
  struct rlimit l = {MANY + 200, MANY + 200};
  setrlimit(RLIMIT_NOFILE, &l);
}

// Datagrams of every size to queues that are full, from threads.
static void *sender(void *unused) {
  (void)unused;
  struct sockaddr_in to = loopback(7100);
  int s = socket(AF_INET, SOCK_DGRAM, 0), on = 1, size = 500;
  setsockopt(s, SOL_SOCKET, SO_BROADCAST, &on, 4);
  double end = seconds() + FLOOD_S;
  for (unsigned i = 0; seconds() < end; i++) {
    int length = i % 3 ? 65507 : i % 1400;
    setsockopt(s, IPPROTO_UDP, 103, &(int){i % 5 ? 0 : size}, 4);
    sendto(s, buffer, length, MSG_DONTWAIT, (void *)&to, sizeof to);
  }
  close(s);
  return 0;
}

static void datagrams(void) {
  pthread_t threads[4];
  struct sockaddr_in at = loopback(7100);
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  bind(s, (void *)&at, sizeof at);
  for (int i = 0; i < 4; i++)
    pthread_create(&threads[i], 0, sender, 0);
  for (int i = 0; i < 2000; i++)
    recv(s, buffer, sizeof buffer, MSG_DONTWAIT | (i & 1 ? MSG_PEEK : 0));
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], 0);
  while (recv(s, buffer, sizeof buffer, MSG_DONTWAIT) >= 0)
    ;
  struct sockaddr_in to = at;
  if (sendto(s, "x", 1, 0, (void *)&to, sizeof to) != 1) bad("a datagram after a flood", -errno);
  if (recv(s, buffer, sizeof buffer, 0) != 1) bad("what came after a flood", -errno);
}

// A group of very many members on one port, and one of SO_REUSEPORT.
static void groups(void) {
  many_files();
  int on = 1, count = 0;
  struct ip_mreqn m = {.imr_multiaddr.s_addr = htonl(0xef010101), .imr_ifindex = 1};
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(7110)};
  for (; count < 4000; count++) {
    fds[count] = socket(AF_INET, SOCK_DGRAM, 0);
    if (fds[count] < 0) break;
    setsockopt(fds[count], SOL_SOCKET, SO_REUSEADDR, &on, 4);
    setsockopt(fds[count], SOL_SOCKET, SO_REUSEPORT, &on, 4);
    bind(fds[count], (void *)&any, sizeof any);
    setsockopt(fds[count], IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof m);
  }
  if (count < 1000) bad("sockets of a group", count);
  int out = socket(AF_INET, SOCK_DGRAM, 0);
  setsockopt(out, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof m);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7110), .sin_addr = m.imr_multiaddr};
  for (int i = 0; i < 40; i++)
    sendto(out, buffer, i % 2 ? 60000 : 100, 0, (void *)&to, sizeof to);
  struct sockaddr_in one = loopback(7110);
  for (int i = 0; i < 2000; i++)
    sendto(out, "x", 1, 0, (void *)&one, sizeof one);
  int six = socket(AF_INET6, SOCK_DGRAM, 0), joined = 0;
  for (int i = 0; i < 5000; i++) {
    struct ipv6_mreq r = {.ipv6mr_interface = 1};
    r.ipv6mr_multiaddr.s6_addr[0] = 0xff, r.ipv6mr_multiaddr.s6_addr[1] = 5;
    r.ipv6mr_multiaddr.s6_addr[14] = i >> 8, r.ipv6mr_multiaddr.s6_addr[15] = i;
    if (setsockopt(six, IPPROTO_IPV6, IPV6_JOIN_GROUP, &r, sizeof r) == 0) joined++;
  }
  if (joined < 100 || joined > 4000) bad("groups of one socket", joined);
}

// As many sockets as there may be, each with something in its queue; they end at once.
static void sockets(void) {
  many_files();
  int count = 0, out = socket(AF_INET, SOCK_DGRAM, 0);
  for (; count < MANY; count++) {
    fds[count] = socket(AF_INET, SOCK_DGRAM, 0);
    if (fds[count] < 0) break;
    struct sockaddr_in at = loopback(0);
    if (bind(fds[count], (void *)&at, sizeof at)) break;
    socklen_t length = sizeof at;
    getsockname(fds[count], (void *)&at, &length);
    for (int i = 0; i < 2; i++)
      sendto(out, buffer, 1000, 0, (void *)&at, sizeof at);
  }
  if (count < 1000) bad("sockets", count);
}

// All ports.
static void ports(void) {
  many_files();
  struct sockaddr_in at = loopback(0);
  int last = 0;
  for (int i = 0; i < MANY; i++) {
    int s = socket(AF_INET, i & 1 ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (s < 0 || bind(s, (void *)&at, sizeof at)) last = errno;
    if (s < 0) break;
  }
  // What is left of the range is taken by another process.
  if (fork() == 0) {
    many_files();
    for (int i = 0; i < 1000; i++) {
      int s = socket(AF_INET, SOCK_DGRAM, 0);
      if (s < 0 ||
          connect(s, (void *)&(struct sockaddr_in){AF_INET, htons(9), {htonl(INADDR_LOOPBACK)}, {0}}, 16))
        break;
    }
    _exit(0);
  }
  wait(0);
  if (last != 0 && last != EADDRINUSE && last != EMFILE && last != ENFILE && last != ENOBUFS)
    bad("the last of the ports", -last);
}

static unsigned noise_state = 12345;
static unsigned any(unsigned below) {
  noise_state = noise_state * 1664525 + 1013904223;
  return (noise_state >> 8) % below;
}

static int kind(int i) {
  static const int kinds[][3] = {{AF_INET, SOCK_DGRAM, 0},  {AF_INET6, SOCK_DGRAM, 0},
                                 {AF_INET, SOCK_RAW, 1},    {AF_INET6, SOCK_RAW, 58},
                                 {AF_INET, SOCK_RAW, 255},  {AF_INET, SOCK_STREAM, 0},
                                 {AF_INET6, SOCK_STREAM, 0}};
  return socket(kinds[i % 7][0], kinds[i % 7][1] | SOCK_NONBLOCK, kinds[i % 7][2]);
}

static void *pointer(void) {
  static void *const odd[] = {
      0, (void *)1, (void *)8, (void *)RF_STUB_TEXT, (void *)~0ul, (void *)0x7ffffffff000};
  return any(4) ? (void *)(buffer + any(2000)) : odd[any(6)];
}

static void noise(void) {
  for (int i = 0; i < 2048; i++)
    buffer[i] = any(3) ? any(256) : any(2) ? 0 : 2;
}

// Names, vectors and control messages of any form.
static void forged(void) {
  static const int levels[] = {SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_UDP, IPPROTO_TCP, 255, 58, 77};
  double end = seconds() + FORGE_S;
  for (int i = 0; seconds() < end; i++) {
    int s = kind(i);
    struct sockaddr_in at = loopback(7130 + i % 3);
    if (i % 2) bind(s, (void *)&at, sizeof at);
    if (i % 3) connect(s, (void *)&at, sizeof at);
    for (int k = 0; k < 20; k++) {
      noise();
      struct iovec v[3] = {
          {pointer(), any(3000)}, {pointer(), any(70000)}, {pointer(), any(2) ? ~0ul : any(100)}};
      struct msghdr m = {
          pointer(), any(200), any(8) ? v : pointer(), any(5), pointer(), any(3) ? any(300) : ~0u, any(256)};
      struct cmsghdr *c = (void *)buffer;
      if (any(2)) {
        m.msg_control = buffer;
        c->cmsg_len = any(4) ? 16 + any(40) : any(1000), c->cmsg_level = levels[any(8)],
        c->cmsg_type = any(110);
      }
      int flags = any(1 << 16) | MSG_DONTWAIT | MSG_NOSIGNAL;
      switch (any(9)) {
      case 0:
        SYS_3(SYS_sendmsg, s, &m, flags);
        break;
      case 1:
        SYS_3(SYS_recvmsg, s, &m, flags);
        break;
      case 2:
        SYS_6(SYS_sendto, s, pointer(), any(70000), flags, pointer(), any(200));
        break;
      case 3:
        SYS_6(SYS_recvfrom, s, pointer(), any(70000), flags, pointer(), pointer());
        break;
      case 4:
        SYS_5(SYS_setsockopt, s, levels[any(8)], any(120), pointer(), any(6) ? any(300) : ~0u);
        break;
      case 5:
        SYS_5(SYS_getsockopt, s, levels[any(8)], any(120), pointer(), pointer());
        break;
      case 6:
        SYS_3(any(2) ? SYS_bind : SYS_connect, s, pointer(), any(140));
        break;
      case 7:
        SYS_3(SYS_ioctl, s, any(2) ? 0x8900 + any(256) : 0x541b, pointer());
        break;
      default:
        SYS_3(any(2) ? SYS_getsockname : SYS_getpeername, s, pointer(), pointer());
      }
    }
    if (any(4) == 0)
      listen(s, any(10)), SYS_4(SYS_accept4, s, pointer(), pointer(), any(2) ? SOCK_NONBLOCK : 0xffff);
    shutdown(s, any(4));
    close(s);
  }
}

// Sockets that others close, shut down or disconnect meanwhile.
static volatile int shared = -1;
static volatile int over;
static void *user(void *number) {
  for (unsigned i = (long)number; !over; i++) {
    struct sockaddr_in at = loopback(7140);
    char bytes[100];
    struct pollfd p = {shared, POLLIN | POLLOUT, 0};
    switch (i % 7) {
    case 0:
      recv(shared, bytes, sizeof bytes, 0);
      break;
    case 1:
      send(shared, bytes, sizeof bytes, MSG_NOSIGNAL);
      break;
    case 2:
      connect(shared, (void *)&at, sizeof at);
      break;
    case 3:
      accept(shared, 0, 0);
      break;
    case 4:
      poll(&p, 1, 1);
      break;
    case 5:
      shutdown(shared, i % 3);
      break;
    default:
      sendto(shared, bytes, 10, MSG_NOSIGNAL, (void *)&at, sizeof at);
    }
  }
  return 0;
}

static void closing(void) {
  pthread_t threads[6];
  signal(SIGPIPE, SIG_IGN);
  int one = kind(0);
  struct timeval brief = {0, 2000};
  shared = one;
  for (long i = 0; i < 6; i++)
    pthread_create(&threads[i], 0, user, (void *)i);
  double end = seconds() + FLOOD_S;
  for (int i = 0; seconds() < end; i++) {
    int s = kind(i), next;
    struct sockaddr_in at = loopback(7140), none = {.sin_family = AF_UNSPEC};
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof brief);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &(int){1}, 4);
    fcntl(s, F_SETFL, i % 2 ? O_NONBLOCK : 0);
    bind(s, (void *)&at, sizeof at);
    if (i % 3 == 0) listen(s, 3);
    next = shared, shared = s;
    usleep(500);
    connect(s, (void *)&none, sizeof none);
    close(next);
  }
  over = 1;
  close(shared);
  for (int i = 0; i < 6; i++)
    pthread_join(threads[i], 0);
}

// Connections by the thousand: nobody accepts them, they are full of bytes, they end at once; and many brief ones.
static void connections(void) {
  many_files();
  struct sockaddr_in at = loopback(7150);
  int l = socket(AF_INET, SOCK_STREAM, 0), count = 0;
  bind(l, (void *)&at, sizeof at), listen(l, 4096);
  double end = seconds() + 8;
  for (; count < 3000 && seconds() < end; count++) {
    int s = fds[count] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (s < 0) break;
    if (connect(s, (void *)&at, sizeof at) && errno != EINPROGRESS) break;
    for (int i = 0; i < 3; i++)
      if (send(s, buffer, sizeof buffer, MSG_NOSIGNAL) < 0) break;
  }
  if (count < 500) bad("connections", count);
  for (int i = 0; i < count; i++)
    close(fds[i]);
  close(l);
  at.sin_port = htons(7151);
  l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  bind(l, (void *)&at, sizeof at), listen(l, 10);
  end = seconds() + FLOOD_S;
  int done = 0;
  for (; seconds() < end; done++) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s, (void *)&at, sizeof at)) {
      close(s);
      continue;
    }
    int a = accept(l, 0, 0);
    struct linger none = {1, 0};
    if (done % 2) setsockopt(s, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(s), close(a);
  }
  if (done < 50) bad("brief connections", done);
}

// Raw sockets that each get a copy.
static void raw(void) {
  many_files();
  int count = 0;
  for (; count < 1500; count++)
    if ((fds[count] = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)) < 0) break;
  if (count < 100) bad("raw sockets", count);
  struct sockaddr_in to = loopback(0);
  struct icmphdr *h = (void *)buffer;
  memset(buffer, 0, sizeof buffer);
  h->type = ICMP_ECHO, h->checksum = htons(0xf7ff);
  double end = seconds() + FLOOD_S;
  for (int i = 0; seconds() < end; i++)
    sendto(fds[0], buffer, i % 2 ? 64 : 1400, MSG_DONTWAIT, (void *)&to, sizeof to);
}

int main(int argc, char **argv) {
  static void (*const attacks[])(void) = {datagrams, groups,  sockets,     ports,
                                          forged,    closing, connections, raw};
  (void)argc;
  signal(SIGPIPE, SIG_IGN);
  attacks[atoi(argv[1])]();
  return 0;
}
