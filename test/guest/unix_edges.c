// AF_UNIX sockets at the edges: peeks beyond one round, MSG_WAITALL with MSG_PEEK, SO_RCVLOWAT, empty
// writes, claims of identities that nobody has, a datagram socket's pending error.
//@ needs: sockets tasks
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

static char big[200000];
static int s[2];

static long result(long n) {
  return n < 0 ? -errno : n;
}

static long take(int fd, size_t size, int flags) {
  return result(recv(fd, big, size, flags));
}

// Another process writes when this one has had time to wait.
static void later(int fd, const char *text, int ms) {
  if (fork() == 0) {
    usleep(ms * 1000);
    if (write(fd, text, strlen(text)) < 0) _exit(1);
    _exit(0);
  }
}

static void streams(void) {
  int size = 400000, low = 10;
  socklen_t length = sizeof low;
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  value("send", result(send(s[0], big, 100000, 0)));
  value("peek", take(s[1], 100000, MSG_PEEK));
  value("peek for more", take(s[1], sizeof big, MSG_PEEK));
  value("receive", take(s[1], sizeof big, 0));
  send(s[0], "abc", 3, 0);
  value("peek at all without waiting", take(s[1], 10, MSG_PEEK | MSG_WAITALL | MSG_DONTWAIT));
  later(s[0], "defghijklm", 100);
  value("peek at all", take(s[1], 10, MSG_PEEK | MSG_WAITALL));
  value("all", take(s[1], 13, MSG_WAITALL));
  value("low-water mark", result(setsockopt(s[1], SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low)));
  send(s[0], "abc", 3, 0);
  later(s[0], "defghijklm", 100);
  value("as many as the mark", take(s[1], 20, 0));
  send(s[0], "abc", 3, 0);
  value("less than the mark, without waiting", take(s[1], 20, MSG_DONTWAIT));
  send(s[0], "abc", 3, 0);
  value("room below the mark", take(s[1], 2, 0));
  for (int v = -5; v <= 0; v += 5) {
    setsockopt(s[1], SOL_SOCKET, SO_RCVLOWAT, &v, sizeof v);
    getsockopt(s[1], SOL_SOCKET, SO_RCVLOWAT, &low, &length);
    say("mark %d is %d", v, low);
  }
  shutdown(s[0], SHUT_WR);
  value("peek at all up to the end", take(s[1], 10, MSG_PEEK | MSG_WAITALL));
  close(s[0]);
  close(s[1]);
}

static void datagrams(void) {
  struct iovec nothing = {big, 0};
  socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
  value("write of nothing", result(write(s[0], big, 0)));
  value("arrives", take(s[1], 10, MSG_DONTWAIT));
  value("vector of nothing", result(writev(s[0], &nothing, 1)));
  value("does not", take(s[1], 10, MSG_DONTWAIT));
  close(s[0]);
  close(s[1]);
  int d[3];
  struct sockaddr_un names[3];
  socklen_t length = 2 + 1 + 8;
  for (int i = 0; i < 3; i++) {
    names[i] = (struct sockaddr_un){.sun_family = AF_UNIX};
    sprintf(names[i].sun_path + 1, "e%d-%06d", i, getppid() % 1000000);
    length = 2 + 1 + strlen(names[i].sun_path + 1);
    d[i] = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    bind(d[i], (struct sockaddr *)&names[i], length);
  }
  connect(d[0], (struct sockaddr *)&names[1], length);
  connect(d[1], (struct sockaddr *)&names[0], length);
  value("send", result(send(d[1], "x", 1, 0)));
  value("the peer turns away", result(connect(d[0], (struct sockaddr *)&names[2], length)));
  value("a send tells", result(send(d[1], "x", 1, 0)));
  value("once", result(send(d[1], "x", 1, 0)));
  value("a receive does not", take(d[1], 1, 0));
}

static void claim(const char *what, pid_t pid, uid_t uid, gid_t gid) {
  struct ucred c = {pid, uid, gid};
  union {
    struct cmsghdr h;
    char room[CMSG_SPACE(sizeof c)];
  } u;
  struct iovec v = {"x", 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof u};
  memset(&u, 0, sizeof u);
  u.h.cmsg_len = CMSG_LEN(sizeof c);
  u.h.cmsg_level = SOL_SOCKET;
  u.h.cmsg_type = SCM_CREDENTIALS;
  memcpy(CMSG_DATA(&u.h), &c, sizeof c);
  value(what, result(sendmsg(s[0], &m, 0)));
}

int main(void) {
  streams();
  datagrams();
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  claim("oneself", getpid(), getuid(), getgid());
  claim("no process", 4194303, getuid(), getgid());
  claim("process 0", 0, getuid(), getgid());
  claim("no user", getpid(), -1, getgid());
  claim("no group", getpid(), getuid(), -1);
  while (wait(0) > 0) {
  }
  return 0;
}
