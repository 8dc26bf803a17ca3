// SO_TIMESTAMPING: which flags there are, and when messages came, beside SO_TIMESTAMPNS; of datagrams and of frames.
//@ needs: sockets credentials
#include "packet.h"
#include <linux/net_tstamp.h>

static void control(int s, int flags) {
  char bytes[300];
  char b[100];
  struct iovec io = {b, sizeof b};
  struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = bytes, .msg_controllen = sizeof bytes};
  value("  came", SYS_3(SYS_recvmsg, s, &m, flags));
  for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
    struct timespec t[3] = {0};
    memcpy(t, CMSG_DATA(h), h->cmsg_len > 48 ? 48 : 16);
    say("  control %d %d, %d bytes: a time %d, of hardware %d", h->cmsg_level, h->cmsg_type, (int)h->cmsg_len,
        t[0].tv_sec > 1600000000, t[1].tv_sec != 0 || t[2].tv_sec != 0);
  }
}

// Linux begins to stamp some time after the first socket has asked for it, and goes on while one asks.
static int keep_stamps(void) {
  int s = receiver(4632), flags = 0x18, has_stamp = 0;
  setsockopt(s, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags);
  for (int i = 0; !has_stamp && i < 1000; i++) {
    char bytes[100], b[8];
    struct iovec io = {b, sizeof b};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = bytes, .msg_controllen = sizeof bytes};
    datagram(4631, 4632, "x", 1);
    recvmsg(s, &m, 0);
    has_stamp = m.msg_controllen > 0;
    if (!has_stamp) usleep(1000);
  }
  return s;
}

int main(void) {
  own_network();
  int keeper = keep_stamps();
  static const int flags[] = {
      0x18, 0x8, 0x10, 0x18 | 1 << 11, 1 << 12, 1 << 12 | 1 << 11, 1 << 16, 1 << 16 | 1 << 7, 1 << 19, -1, 0};
  int s = receiver(4630), p = tap(SOCK_RAW, ETH_P_IP);
  for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
    for (int k = 0; k < 2; k++) {
      // Whether there is a time where nobody here has asked for one is others' doing.
      if (flags[i] == 0x10 && !k) continue;
      int one = k, got[3] = {9, 9, 9};
      socklen_t length = sizeof got;
      say("flags %x, %d", flags[i], k);
      value("  set", SYS_5(SYS_setsockopt, s, SOL_SOCKET, SO_TIMESTAMPING, &flags[i], 4));
      value("  of frames", SYS_5(SYS_setsockopt, p, SOL_SOCKET, SO_TIMESTAMPING, &flags[i], 4));
      value("  get", SYS_5(SYS_getsockopt, s, SOL_SOCKET, SO_TIMESTAMPING, got, &length));
      say("  is %d bytes, %x %x", length, got[0], got[1]);
      setsockopt(s, SOL_SOCKET, SO_TIMESTAMPNS, &one, 4);
      setsockopt(p, SOL_SOCKET, SO_TIMESTAMPNS, &one, 4);
      datagram(4631, 4630, "x", 1);
      control(s, 0);
      control(p, 0);
    }
  close(s), close(p), close(keeper);
  return 0;
}
