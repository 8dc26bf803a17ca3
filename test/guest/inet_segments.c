// UDP_SEGMENT and UDP_GRO (udp(7)): many datagrams in one call, and several received as one, over devices of several MTUs.
//@ needs: sockets inet
#include "guest.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

static char sent[70000], got[70000];

static struct sockaddr_storage name_of(int family, int port) {
  struct sockaddr_storage name;
  memset(&name, 0, sizeof name);
  name.ss_family = family;
  if (family == AF_INET) {
    struct sockaddr_in *a = (void *)&name;
    a->sin_port = htons(port);
    a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  } else {
    struct sockaddr_in6 *a = (void *)&name;
    a->sin6_port = htons(port);
    a->sin6_addr = in6addr_loopback;
  }
  return name;
}

static socklen_t size_of(int family) {
  return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static int receiver(int family, int port, int gathers) {
  int s = socket(family, SOCK_DGRAM, 0), large = 1 << 20;
  struct sockaddr_storage name = name_of(family, port);
  bind(s, (void *)&name, size_of(family));
  setsockopt(s, SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
  if (gathers) value("UDP_GRO", SYS_5(SYS_setsockopt, s, IPPROTO_UDP, UDP_GRO, &gathers, sizeof gathers));
  return s;
}

static int sender(int family, int port) {
  int s = socket(family, SOCK_DGRAM, 0);
  struct sockaddr_storage name = name_of(family, port);
  if (port) connect(s, (void *)&name, size_of(family));
  return s;
}

static void segment_size(const char *what, int s, int size) {
  value(what, SYS_5(SYS_setsockopt, s, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size));
}

// All that has come: how long each is, what was said of it, and whether the bytes are in order.
static void came(const char *what, int s) {
  char line[900];
  int n = snprintf(line, sizeof line, "%s:", what);
  long at = 0;
  int repeated = 0, last = -1, last_size = -1;
  for (;;) {
    char control[200];
    struct iovec iov = {got, sizeof got};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int length = recvmsg(s, &m, MSG_DONTWAIT);
    int size = 0;
    if (length >= 0)
      for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) size = *(int *)CMSG_DATA(c);
    if (length >= 0 && memcmp(got, sent + at, length)) n += snprintf(line + n, sizeof line - n, " WRONG");
    if (length >= 0) at += length;
    if (length == last && size == last_size) {
      repeated++;
      continue;
    }
    if (last >= 0) n += snprintf(line + n, sizeof line - n, " %dx%d", repeated, last);
    if (last >= 0 && last_size) n += snprintf(line + n, sizeof line - n, "(%d)", last_size);
    if (length < 0) break;
    repeated = 1, last = length, last_size = size;
  }
  say("%s", line);
}

static long by_message(int s, int size, int length) {
  char control[CMSG_SPACE(2)] = {0};
  struct iovec iov = {sent, length};
  struct msghdr m = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_UDP;
  c->cmsg_type = UDP_SEGMENT;
  c->cmsg_len = CMSG_LEN(2);
  *(uint16_t *)CMSG_DATA(c) = size;
  return SYS_3(SYS_sendmsg, s, &m, 0);
}

static void family(int f, int port) {
  say("-- %s", f == AF_INET ? "IPv4" : "IPv6");
  for (int gathers = 0; gathers < 2; gathers++) {
    int in = receiver(f, port + gathers, gathers), out = sender(f, port + gathers);
    segment_size("in pieces of 1000", out, 1000);
    value("send", SYS_4(SYS_write, out, sent, 4500, 0));
    came("five", in);
    value("send as much as a piece", SYS_4(SYS_write, out, sent, 1000, 0));
    value("send less", SYS_4(SYS_write, out, sent, 10, 0));
    value("send nothing", SYS_4(SYS_write, out, sent, 0, 0));
    int length;
    socklen_t size = sizeof length;
    length = recv(in, got, sizeof got, MSG_DONTWAIT | MSG_TRUNC);
    say("%d %ld %ld", length, (long)recv(in, got, sizeof got, MSG_DONTWAIT),
        (long)recv(in, got, sizeof got, MSG_DONTWAIT));
    value("send 64 of them", SYS_4(SYS_write, out, sent, 64000, 0));
    came("64", in);
    value("send too much", SYS_4(SYS_write, out, sent, 66000, 0));
    segment_size("in pieces of 100", out, 100);
    value("send 128", SYS_4(SYS_write, out, sent, 12800, 0));
    came("128", in);
    value("send 129", SYS_4(SYS_write, out, sent, 12801, 0));
    came("nothing", in);
    value("by a message in pieces of 700", by_message(out, 700, 2000));
    came("three", in);
    value("by a message in none", by_message(out, 0, 2000));
    came("one", in);
    segment_size("in one", out, 0);
    value("by a message in pieces of 2000", by_message(out, 2000, 4001));
    value("and one more", SYS_4(SYS_write, out, sent, 5, 0));
    length = recv(in, got, 100, MSG_DONTWAIT | MSG_TRUNC | MSG_PEEK);
    say("the first: %d", length);
    while (recv(in, got, sizeof got, MSG_DONTWAIT) >= 0)
      ;
    segment_size("in pieces of 1", out, 1);
    value("send 3", SYS_4(SYS_write, out, sent, 3, 0));
    came("three", in);
    int on = 1;
    segment_size("in pieces of 500", out, 500);
    setsockopt(out, IPPROTO_UDP, UDP_CORK, &on, sizeof on);
    value("a part", SYS_4(SYS_write, out, sent, 700, 0));
    value("another", SYS_4(SYS_write, out, sent + 700, 700, 0));
    on = 0;
    value("all", SYS_5(SYS_setsockopt, out, IPPROTO_UDP, UDP_CORK, &on, sizeof on));
    came("three", in);
    on = 1;
    setsockopt(out, SOL_SOCKET, SO_NO_CHECK, &on, sizeof on);
    value("without checksums", SYS_4(SYS_write, out, sent, 1400, 0));
    came("so", in);
    getsockopt(in, IPPROTO_UDP, UDP_GRO, &length, &size);
    say("UDP_GRO: %d", length);
    close(in), close(out);
  }
  segment_size("negative", sender(f, port), -1);
  segment_size("too large", sender(f, port), 65536);
}

static void lo_mtu(int mtu) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq r = {.ifr_name = "lo", .ifr_mtu = mtu};
  value("mtu", SYS_3(SYS_ioctl, fd, SIOCSIFMTU, &r));
  close(fd);
}

static void narrow(int f, int port) {
  say("-- narrow, %s", f == AF_INET ? "IPv4" : "IPv6");
  lo_mtu(1500);
  int in = receiver(f, port, 1), out = sender(f, port);
  int most = f == AF_INET ? 1472 : 1452;
  segment_size("as long as may be", out, most);
  value("send", SYS_4(SYS_write, out, sent, 5000, 0));
  came("so", in);
  segment_size("longer", out, most + 1);
  value("send", SYS_4(SYS_write, out, sent, 5000, 0));
  came("nothing", in);
  value("send one that is not cut", SYS_4(SYS_write, out, sent, most + 1, 0));
  came("one", in);
  segment_size("in one", out, 0);
  value("send", SYS_4(SYS_write, out, sent, 5000, 0));
  came("one", in);
  close(in), close(out);
  lo_mtu(65536);
}

int main(void) {
  unshare(CLONE_NEWNET);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  ioctl(fd, SIOCSIFFLAGS, &up);
  close(fd);
  for (unsigned i = 0; i < sizeof sent; i++)
    sent[i] = i * 7 + i / 256;
  family(AF_INET, 7300);
  family(AF_INET6, 7310);
  narrow(AF_INET, 7320);
  narrow(AF_INET6, 7330);
  return 0;
}
