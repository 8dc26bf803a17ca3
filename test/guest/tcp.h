// Sockets of TCP on loopback, of either family. A program's argument is the family: 4 or 6.
#ifndef RINGFENCE_TCP_H
#define RINGFENCE_TCP_H

#include "guest.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

union name {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
};

static int family = AF_INET;

__attribute__((unused)) static void choose_family(int count, char **arguments) {
  if (count > 1 && arguments[1][0] == '6') family = AF_INET6;
  signal(SIGPIPE, SIG_IGN);
}

__attribute__((unused)) static socklen_t size_of(void) {
  return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

__attribute__((unused)) static union name loopback(int port) {
  union name n;
  memset(&n, 0, sizeof n);
  n.any.sa_family = family;
  if (family == AF_INET) {
    n.four.sin_port = htons(port);
    n.four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  } else {
    n.six.sin6_port = htons(port);
    n.six.sin6_addr = in6addr_loopback;
  }
  return n;
}

__attribute__((unused)) static int port_of(const union name *n) {
  return ntohs(n->any.sa_family == AF_INET ? n->four.sin_port : n->six.sin6_port);
}

__attribute__((unused)) static union name name_of(int fd) {
  union name n;
  memset(&n, 0, sizeof n);
  socklen_t length = sizeof n;
  getsockname(fd, &n.any, &length);
  return n;
}

__attribute__((unused)) static int tcp(void) {
  return socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

// Listens on a port that is free; its name.
__attribute__((unused)) static int listening(int backlog, union name *n) {
  int fd = tcp();
  *n = loopback(0);
  if (bind(fd, &n->any, size_of()) != 0 || listen(fd, backlog) != 0) _exit(97);
  *n = name_of(fd);
  return fd;
}

static int listener, client, server;

// A connection; what there was of an earlier one is closed.
__attribute__((unused)) static void join(void) {
  if (listener) close(listener), close(client), close(server);
  union name n;
  listener = listening(8, &n);
  client = tcp();
  if (connect(client, &n.any, size_of()) != 0) _exit(96);
  server = accept(listener, NULL, NULL);
  if (server < 0) _exit(95);
}

__attribute__((unused)) static int ready(int fd) {
  struct pollfd f = {fd, 0x7fff, 0};
  poll(&f, 1, 0);
  return f.revents;
}

// Waits for that event, for two seconds at most; what is ready then.
__attribute__((unused)) static int ready_for(int fd, int events) {
  struct pollfd f = {fd, events, 0};
  poll(&f, 1, 2000);
  return ready(fd);
}

// Until a thread sleeps, as /proc has it.
__attribute__((unused)) static void until_asleep(int tid) {
  char path[64], text[256];
  sprintf(path, "/proc/self/task/%d/stat", tid);
  for (int i = 0, seen = 0; i < 5000 && seen < 5; i++) {
    int fd = open(path, O_RDONLY);
    long n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *state = strrchr(text, ')');
    seen = state && state[2] == 'S' ? seen + 1 : 0;
    usleep(2000);
  }
}

__attribute__((unused)) static int pending_error(int fd) {
  int error = -1;
  socklen_t length = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

__attribute__((unused)) static void say_error(const char *what, int fd) {
  int error = pending_error(fd);
  say("%s: %s", what, error ? error_name(-error) : "no error");
}

__attribute__((unused)) static int state_of(int fd) {
  struct tcp_info info;
  memset(&info, 0, sizeof info);
  socklen_t length = sizeof info;
  getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
  return info.tcpi_state;
}

// Whether a FIN is acknowledged at once is a question of delayed acknowledgements.
static const char *const state_names[] = {"-",          "ESTABLISHED", "SYN_SENT",  "SYN_RECV",
                                          "FIN_WAIT",   "FIN_WAIT",    "TIME_WAIT", "CLOSE",
                                          "CLOSE_WAIT", "LAST_ACK",    "LISTEN",    "CLOSING"};

__attribute__((unused)) static void say_state(const char *what, int fd) {
  int state = state_of(fd);
  say("%s: %s, ready %x", what, state <= 11 ? state_names[state] : "?", ready(fd));
}

__attribute__((unused)) static void take(const char *what, int fd, size_t size, int flags) {
  char c[100] = "";
  long n = SYS_6(SYS_recvfrom, fd, c, size, flags, 0, 0);
  if (failed(n))
    say("%s: %s", what, error_name(n));
  else
    say("%s: %ld %.*s", what, n, (int)(n > 90 ? 90 : n), c);
}

__attribute__((unused)) static void give(const char *what, int fd, const char *text, int flags) {
  value(what, SYS_6(SYS_sendto, fd, text, strlen(text), flags, 0, 0));
}

__attribute__((unused)) static int count_of(int fd, int request) {
  int n = -1;
  if (ioctl(fd, request, &n) != 0) return -errno;
  return n;
}

#endif
