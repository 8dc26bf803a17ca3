// What sockets of AF_UNIX can be asked and told: options and their lengths, who the other end is, times and
// processes of messages, where peeking goes on, whom a message is from, ioctls.
//@ needs: sockets fork pidfd credentials
#include "guest.h"
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define SO_PASSPIDFD_ 76
#define SO_PEERPIDFD_ 77
#define SCM_PIDFD_ 4

static void options(void) {
  static const int numbers[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                16, 18, 19, 20, 21, 22, 23, 24, 27, 28, 29, 30, 31, 32, 33,
                                34, 35, 36, 38, 39, 40, 41, 42, 43, 44, 45, 46, 48, 54, 56,
                                57, 58, 59, 60, 63, 64, 66, 67, 73, 74, 75, 76, 79, 200};
  for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
    int s[2];
    socketpair(AF_UNIX, type, 0, s);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
      int v[16] = {0}, one = 1, option = numbers[i];
      socklen_t length = sizeof v, one_byte = 1;
      long got = SYS_5(SYS_getsockopt, s[0], SOL_SOCKET, option, v, &length);
      long short_got = SYS_5(SYS_getsockopt, s[0], SOL_SOCKET, option, &(char){0}, &one_byte);
      long set = SYS_5(SYS_setsockopt, s[0], SOL_SOCKET, option, &one, 4);
      long short_set = SYS_5(SYS_setsockopt, s[0], SOL_SOCKET, option, &one, 2);
      if (option == SO_COOKIE) v[0] = 0;
      say("%d/%d: %s length %d value %d; short %s %d; set %s, short %s", type, option,
          failed(got) ? error_name(got) : "ok", length, failed(got) ? 0 : v[0],
          failed(short_got) ? error_name(short_got) : "ok", one_byte, failed(set) ? error_name(set) : "ok",
          failed(short_set) ? error_name(short_set) : "ok");
    }
    close(s[0]);
    close(s[1]);
  }
  int s = socket(AF_UNIX, SOCK_STREAM, 0), v, big = 300000000;
  socklen_t length = sizeof v;
  value("PEERPIDFD of nobody", SYS_5(SYS_getsockopt, s, SOL_SOCKET, SO_PEERPIDFD_, &v, &length));
  value("PEERGROUPS of nobody", SYS_5(SYS_getsockopt, s, SOL_SOCKET, SO_PEERGROUPS, &v, &length));
  value("PEERNAME of nobody", SYS_5(SYS_getsockopt, s, SOL_SOCKET, SO_PEERNAME, &v, &length));
  v = 1000000;
  value("SNDBUFFORCE", SYS_5(SYS_setsockopt, s, SOL_SOCKET, SO_SNDBUFFORCE, &v, 4));
  length = sizeof v;
  getsockopt(s, SOL_SOCKET, SO_SNDBUF, &v, &length);
  say("SNDBUF %d", v);

  pid_t child = fork();
  if (child == 0) {
    if (setgid(54321) < 0 || setuid(54321) < 0) _exit(1);
    value("SNDBUFFORCE, unprivileged", SYS_5(SYS_setsockopt, s, SOL_SOCKET, SO_SNDBUFFORCE, &big, 4));
    value("MARK, unprivileged", SYS_5(SYS_setsockopt, s, SOL_SOCKET, SO_MARK, &v, 4));
    _exit(0);
  }
  waitpid(child, NULL, 0);
  close(s);
}

static struct sockaddr_un named(const char *name) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "unix_options.%d.%s", getpid(), name);
  return a;
}

static const char *tail(const struct sockaddr_un *a, socklen_t length) {
  if (length <= sizeof(sa_family_t)) return "nobody";
  const char *dot = memrchr(a->sun_path + 1, '.', sizeof a->sun_path - 1);
  return dot ? dot + 1 : "?";
}

static void senders(int type) {
  struct sockaddr_un to = named("to"), from = named("from"), a;
  int r = socket(AF_UNIX, type, 0), s = socket(AF_UNIX, type, 0);
  bind(r, (void *)&to, sizeof to);
  char c[8];
  if (type == SOCK_DGRAM) {
    socklen_t length = sizeof a;
    sendto(s, "1", 1, 0, (void *)&to, sizeof to);
    value("unbound", recvfrom(r, c, 8, 0, (void *)&a, &length));
    say(" from %s, length %d", tail(&a, length), length);
    sendto(s, "2", 1, 0, (void *)&to, sizeof to);
    bind(s, (void *)&from, sizeof from);
    length = sizeof a;
    value("bound since", recvfrom(r, c, 8, 0, (void *)&a, &length));
    say(" from %s, length %d", tail(&a, length), length);
    sendto(s, "3", 1, 0, (void *)&to, sizeof to);
    close(s);
    length = sizeof a;
    value("closed since", recvfrom(r, c, 8, 0, (void *)&a, &length));
    say(" from %s, length %d", tail(&a, length), length);
    close(r);
    return;
  }
  listen(r, 1);
  bind(s, (void *)&from, sizeof from);
  connect(s, (void *)&to, sizeof to);
  int t = accept(r, NULL, NULL);
  send(s, "1", 1, 0);
  socklen_t length = sizeof a;
  value("stream", recvfrom(t, c, 8, 0, (void *)&a, &length));
  say(" from %s, length %d", tail(&a, length), length);
  send(t, "2", 1, 0);
  length = sizeof a;
  value("back", recvfrom(s, c, 8, 0, (void *)&a, &length));
  say(" from %s, length %d", tail(&a, length), length);
  struct sockaddr_un peer;
  length = 5;
  value("PEERNAME of 5", SYS_5(SYS_getsockopt, s, SOL_SOCKET, SO_PEERNAME, &peer, &length));
  say(" length %d, family %d", length, peer.sun_family);
  close(r);
  close(s);
  close(t);
}

static void controls(struct msghdr *m) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
    say("  type %d, %d bytes", c->cmsg_type, (int)(c->cmsg_len - CMSG_LEN(0)));
    if (c->cmsg_type == SCM_PIDFD_) {
      int fd = *(int *)CMSG_DATA(c);
      char path[64], text[512] = {0};
      sprintf(path, "/proc/self/fdinfo/%d", fd);
      int f = open(path, O_RDONLY);
      read(f, text, sizeof text - 1);
      close(f);
      char *pid = strstr(text, "\nPid:");
      yes_no("  it is the sender's", pid && atoi(pid + 5) == getpid());
      value("  close on exec", fcntl(fd, F_GETFD));
      close(fd);
    }
    if (c->cmsg_type == SO_TIMESTAMP || c->cmsg_type == SO_TIMESTAMPNS)
      yes_no("  it is now",
             // time() is up to a tick behind the clock that messages are stamped by.
             *(time_t *)CMSG_DATA(c) >= time(NULL) - 10 && *(time_t *)CMSG_DATA(c) <= time(NULL) + 1);
  }
}

static void messages(int type) {
  int s[2], one = 1, pipes[2];
  socketpair(AF_UNIX, type, 0, s);
  pipe(pipes);
  static const int wanted[] = {SO_TIMESTAMP, SO_TIMESTAMPNS, SO_PASSCRED, SO_PASSPIDFD_};
  send(s[0], "before", 6, 0);
  for (int i = 0; i <= 4; i++) {
    if (i > 0)
      say("option %d: %ld", wanted[i - 1], SYS_5(SYS_setsockopt, s[1], SOL_SOCKET, wanted[i - 1], &one, 4));
    char control[200] = {0}, data[20];
    struct iovec v = {"message", 7};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    if (i == 4) {
      m.msg_control = control;
      m.msg_controllen = CMSG_SPACE(4);
      struct cmsghdr *c = CMSG_FIRSTHDR(&m);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(4);
      memcpy(CMSG_DATA(c), pipes, 4);
    }
    if (i > 0) sendmsg(s[0], &m, 0);
    v = (struct iovec){data, sizeof data};
    m = (struct msghdr){
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    value(" received", recvmsg(s[1], &m, 0));
    say("  flags %#x", m.msg_flags);
    controls(&m);
  }
  for (int i = 0; i < 2; i++) {
    int v;
    socklen_t length = 4;
    getsockopt(s[1], SOL_SOCKET, wanted[i], &v, &length);
    say("%d is %d", wanted[i], v);
  }
  int v;
  socklen_t length = 4;
  value("PEERPIDFD", SYS_5(SYS_getsockopt, s[0], SOL_SOCKET, SO_PEERPIDFD_, &v, &length));
  yes_no(" a descriptor", length == 4 && v > 2 && fcntl(v, F_GETFD) == 1);
}

static void peeks(int type) {
  int s[2], v = 0;
  socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, s);
  send(s[0], "abcdef", 6, 0);
  send(s[0], "ghi", 3, 0);
  send(s[0], "jklmno", 6, 0);
  char c[20];
  value("PEEK_OFF", SYS_5(SYS_setsockopt, s[1], SOL_SOCKET, SO_PEEK_OFF, &v, 4));
  static const struct {
    int length, flags;
  } reads[] = {{2, MSG_PEEK}, {3, MSG_PEEK}, {4, MSG_PEEK}, {2, 0},        {3, MSG_PEEK},
               {9, MSG_PEEK}, {9, MSG_PEEK}, {3, 0},        {9, MSG_PEEK}, {20, 0}};
  for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
    memset(c, 0, sizeof c);
    long n = SYS_6(SYS_recvfrom, s[1], c, reads[i].length, reads[i].flags, 0, 0);
    socklen_t length = 4;
    getsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &v, &length);
    say(" %s %d: %ld \"%s\", then at %d", reads[i].flags ? "peek" : "read", reads[i].length, n, c, v);
  }
  v = -1;
  value("PEEK_OFF off", SYS_5(SYS_setsockopt, s[1], SOL_SOCKET, SO_PEEK_OFF, &v, 4));
}

static void ioctls(void) {
  int d = socket(AF_UNIX, SOCK_DGRAM, 0), s = socket(AF_UNIX, SOCK_STREAM, 0), v = 7;
  struct sockaddr_un a = named("ioctls");
  bind(s, (void *)&a, sizeof a);
  value("SIOCATMARK of datagrams", SYS_3(SYS_ioctl, d, 0x8905, &v));
  value("SIOCATMARK", SYS_3(SYS_ioctl, s, 0x8905, &v));
  value("SIOCINQ", SYS_3(SYS_ioctl, s, FIONREAD, &v));
  value("SIOCOUTQ", SYS_3(SYS_ioctl, s, TIOCOUTQ, &v));
  listen(s, 1);
  value("SIOCINQ, listening", SYS_3(SYS_ioctl, s, FIONREAD, &v));
  value("SIOCOUTQ, listening", SYS_3(SYS_ioctl, s, TIOCOUTQ, &v));
  struct ifreq r = {.ifr_ifindex = 12345};
  value("SIOCGIFNAME", SYS_3(SYS_ioctl, s, 0x8910, &r));
  strcpy(r.ifr_name, "nosuch0");
  static const int requests[] = {0x8913, 0x8914, 0x8921, 0x8922, 0x8923, 0x8927, 0x8933};
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
    char what[20];
    sprintf(what, "%#x", requests[i]);
    value(what, SYS_3(SYS_ioctl, s, requests[i], &r));
  }
  value("nowhere", SYS_3(SYS_ioctl, s, 0x8913, 8));
  value("unknown", SYS_3(SYS_ioctl, s, 0x8999, &r));
}

int main(void) {
  options();
  senders(SOCK_DGRAM);
  senders(SOCK_STREAM);
  messages(SOCK_DGRAM);
  messages(SOCK_SEQPACKET);
  messages(SOCK_STREAM);
  peeks(SOCK_STREAM);
  peeks(SOCK_DGRAM);
  peeks(SOCK_SEQPACKET);
  ioctls();
  return 0;
}
