// getsockopt, setsockopt, time-outs, MSG_WAITALL, sendmmsg and recvmmsg on AF_UNIX sockets.
//@ needs: sockets tasks
#include "guest.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

static int s[2];

static void get(const char *what, int fd, int option) {
  int v[8] = {0x5555, 0x5555, 0x5555, 0x5555};
  socklen_t length = sizeof v;
  long n = SYS_5(SYS_getsockopt, fd, SOL_SOCKET, option, v, &length);
  if (failed(n))
    say("%s: %s", what, error_name(n));
  else
    say("%s: %d, %d", what, length, v[0]);
}

static void set(const char *what, int option, int v) {
  value(what, SYS_5(SYS_setsockopt, s[0], SOL_SOCKET, option, &v, 4));
}

static long ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(void) {
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  get("TYPE", s[0], SO_TYPE);
  get("DOMAIN", s[0], SO_DOMAIN);
  get("PROTOCOL", s[0], SO_PROTOCOL);
  get("ERROR", s[0], SO_ERROR);
  get("ACCEPTCONN", s[0], SO_ACCEPTCONN);
  get("SNDBUF", s[0], SO_SNDBUF);
  get("RCVBUF", s[0], SO_RCVBUF);
  get("PASSCRED", s[0], SO_PASSCRED);
  get("REUSEADDR", s[0], SO_REUSEADDR);
  get("KEEPALIVE", s[0], SO_KEEPALIVE);
  get("BROADCAST", s[0], SO_BROADCAST);
  get("LINGER", s[0], SO_LINGER);
  get("RCVTIMEO", s[0], SO_RCVTIMEO);
  get("RCVLOWAT", s[0], SO_RCVLOWAT);
  get("SNDLOWAT", s[0], SO_SNDLOWAT);
  get("PRIORITY", s[0], SO_PRIORITY);
  get("999", s[0], 999);
  get("not a socket", 1, SO_TYPE);
  set("SNDBUF 10000", SO_SNDBUF, 10000);
  get("SNDBUF", s[0], SO_SNDBUF);
  set("SNDBUF 1", SO_SNDBUF, 1);
  get("SNDBUF", s[0], SO_SNDBUF);
  set("RCVBUF 1", SO_RCVBUF, 1);
  get("RCVBUF", s[0], SO_RCVBUF);
  set("REUSEADDR 5", SO_REUSEADDR, 5);
  get("REUSEADDR", s[0], SO_REUSEADDR);
  set("PASSCRED", SO_PASSCRED, 7);
  get("PASSCRED", s[0], SO_PASSCRED);
  set("PASSCRED off", SO_PASSCRED, 0);
  set("PRIORITY 3", SO_PRIORITY, 3);
  get("PRIORITY", s[0], SO_PRIORITY);
  set("TYPE", SO_TYPE, 3);
  set("999", 999, 3);
  int v = 1;
  char room[4] = {9, 9, 9, 9};
  socklen_t length = 2;
  value("short value", SYS_5(SYS_setsockopt, s[0], SOL_SOCKET, SO_REUSEADDR, &v, 2));
  value("bad value", SYS_5(SYS_setsockopt, s[0], SOL_SOCKET, SO_REUSEADDR, 8, 4));
  value("another level", SYS_5(SYS_setsockopt, s[0], 6, 1, &v, 4));
  value("get, another level", SYS_5(SYS_getsockopt, s[0], 6, 1, &v, &length));
  value("get, little room", SYS_5(SYS_getsockopt, s[0], SOL_SOCKET, SO_TYPE, room, &length));
  say("%d: %d %d %d", length, room[0], room[1], room[2]);
  length = -1;
  value("get, negative room", SYS_5(SYS_getsockopt, s[0], SOL_SOCKET, SO_TYPE, room, &length));
  value("get, bad length", SYS_5(SYS_getsockopt, s[0], SOL_SOCKET, SO_TYPE, room, 8));

  // Time-outs.
  struct timeval t = {0, 30000}, bad = {0, 1000000}, got;
  value("RCVTIMEO", SYS_5(SYS_setsockopt, s[1], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
  value("RCVTIMEO, bad", SYS_5(SYS_setsockopt, s[1], SOL_SOCKET, SO_RCVTIMEO, &bad, sizeof bad));
  length = sizeof got;
  getsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &got, &length);
  yes_no("as set", got.tv_sec == 0 && got.tv_usec >= 28000 && got.tv_usec <= 32000);
  long began = ms();
  char c[20];
  value("recv", SYS_6(SYS_recvfrom, s[1], c, 10, 0, 0, 0));
  value("read", SYS_3(SYS_read, s[1], c, 10));
  yes_no("long enough", ms() - began >= 55);

  // All of it, in pieces.
  if (fork() == 0) {
    for (int i = 0; i < 4; i++) {
      usleep(5000);
      write(s[0], "abc", 3);
    }
    _exit(0);
  }
  close(s[0]);
  t.tv_sec = 5;
  setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  value("MSG_WAITALL", SYS_6(SYS_recvfrom, s[1], c, 10, MSG_WAITALL, 0, 0));
  say("%.10s", c);
  value("up to the end", SYS_6(SYS_recvfrom, s[1], c, 10, MSG_WAITALL, 0, 0));
  wait(0);

  // Many messages.
  socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s);
  struct iovec iov[3] = {{"one", 3}, {"second", 6}, {"3", 1}};
  struct mmsghdr m[3] = {{.msg_hdr = {.msg_iov = iov, .msg_iovlen = 1}},
                         {.msg_hdr = {.msg_iov = iov + 1, .msg_iovlen = 1}},
                         {.msg_hdr = {.msg_iov = iov + 1, .msg_iovlen = 2}}};
  value("sendmmsg", SYS_4(SYS_sendmmsg, s[0], m, 3, 0));
  say("lengths %d %d %d", m[0].msg_len, m[1].msg_len, m[2].msg_len);
  char in[4][20] = {"", "", "", ""};
  struct iovec to[4];
  struct mmsghdr r[4] = {0};
  for (int i = 0; i < 4; i++)
    to[i] = (struct iovec){in[i], 6}, r[i].msg_hdr = (struct msghdr){.msg_iov = to + i, .msg_iovlen = 1};
  value("recvmmsg", SYS_5(SYS_recvmmsg, s[1], r, 4, 0, 0));
  say("%d %s %x, %d %s %x, %d %s %x", r[0].msg_len, in[0], r[0].msg_hdr.msg_flags, r[1].msg_len, in[1],
      r[1].msg_hdr.msg_flags, r[2].msg_len, in[2], r[2].msg_hdr.msg_flags);
  value("recvmmsg, nothing", SYS_5(SYS_recvmmsg, s[1], r, 4, 0, 0));
  SYS_4(SYS_sendmmsg, s[0], m, 1, 0);
  fcntl(s[1], F_SETFL, 0);
  value("recvmmsg, MSG_WAITFORONE", SYS_5(SYS_recvmmsg, s[1], r, 4, MSG_WAITFORONE, 0));
  value("sendmmsg, bad vector", SYS_4(SYS_sendmmsg, s[0], 8, 3, 0));
  struct msghdr h = {.msg_iov = (void *)8, .msg_iovlen = 1};
  value("sendmsg, bad vector", SYS_3(SYS_sendmsg, s[0], &h, 0));
  h.msg_iovlen = 2000;
  value("sendmsg, too many vectors", SYS_3(SYS_sendmsg, s[0], &h, 0));
  value("sendmsg, bad header", SYS_3(SYS_sendmsg, s[0], 8, 0));
  h = (struct msghdr){.msg_iov = iov, .msg_iovlen = 1, .msg_name = "x", .msg_namelen = -1};
  value("sendmsg, negative name", SYS_3(SYS_sendmsg, s[0], &h, 0));
  return 0;
}
