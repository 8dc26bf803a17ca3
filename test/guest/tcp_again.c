// A socket that is connected anew (connect(2) to AF_UNSPEC, then to a peer): nothing of the connection before is in the next
// one, neither bytes that did not arrive nor an error that nobody was told of.
//@ needs: tcp
#include "tcp.h"

static struct sockaddr_in name = {.sin_family = AF_INET};
static int listener;

static int connects(int fd) {
  if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0) return -errno;
  return accept(listener, NULL, NULL);
}

static int disconnects(int fd) {
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  return connect(fd, &none, sizeof none) == 0 ? 0 : -errno;
}

static void resets(int fd) {
  struct linger at_once = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(fd);
}

static void bytes_that_did_not_arrive(void) {
  char got[64] = "";
  int there = -1, fd = socket(AF_INET, SOCK_STREAM, 0), peer = connects(fd);
  say("sent %zd", write(peer, "of the old one", 14));
  say("to nowhere %ld", SYS_6(SYS_recvfrom, fd, 8, 14, 0, 0, 0));
  say("left %d", disconnects(fd));
  int next = connects(fd);
  ioctl(fd, FIONREAD, &there);
  say("there %d", there);
  say("sent %zd", write(next, "new", 3));
  say("got %zd %s", recv(fd, got, sizeof got - 1, 0), got);
  close(peer);
  close(next);
  close(fd);
}

static void error_that_nobody_heard(void) {
  static char many[300000];
  int room = 20000, fd = socket(AF_INET, SOCK_STREAM, 0), peer = connects(fd);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  if (fork() == 0) {
    usleep(50000);
    resets(peer);
    _exit(0);
  }
  resets(peer);
  ssize_t part = write(fd, many, sizeof many);
  say("a part %d", part > 0 && part < (ssize_t)sizeof many);
  say("left %d", disconnects(fd));
  int next = connects(fd);
  struct pollfd one = {fd, POLLIN | POLLOUT, 0};
  poll(&one, 1, 0);
  say("events %x", one.revents);
  say("wrote %zd", write(fd, "hello", 5));
  close(next);
  close(fd);
}

int main(void) {
  socklen_t length = sizeof name;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  signal(SIGPIPE, SIG_IGN);
  listener = socket(AF_INET, SOCK_STREAM, 0);
  bind(listener, (struct sockaddr *)&name, sizeof name);
  listen(listener, 8);
  getsockname(listener, (struct sockaddr *)&name, &length);
  bytes_that_did_not_arrive();
  error_that_nobody_heard();
  return 0;
}
