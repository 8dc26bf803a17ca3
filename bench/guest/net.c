// TCP and UDP on loopback: a byte there and back, bulk, and connections that are made and ended.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "round_trips.h"

#define BLOCK (64 << 10)

static char block[BLOCK];
static union {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
} name;
static socklen_t name_length;
static int listener;

static int new_socket(int type) {
  int fd = socket(name.any.sa_family, type, 0);
  CHECK(fd >= 0);
  return fd;
}

// A socket of that type on a free port of loopback, whose name is `name` from now on.
static int bound(int family, int type) {
  memset(&name, 0, sizeof name);
  name.any.sa_family = family;
  name_length = family == AF_INET ? sizeof name.four : sizeof name.six;
  if (family == AF_INET)
    name.four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else
    name.six.sin6_addr = in6addr_loopback;
  int fd = new_socket(type);
  CHECK(bind(fd, &name.any, name_length) == 0);
  CHECK(getsockname(fd, &name.any, &name_length) == 0);
  return fd;
}

static void listen_on(int family) {
  listener = bound(family, SOCK_STREAM);
  CHECK(listen(listener, 128) == 0);
}

static int connected(void) {
  int fd = new_socket(SOCK_STREAM);
  CHECK(connect(fd, &name.any, name_length) == 0);
  return fd;
}

static void no_delay(int fd) {
  int one = 1;
  CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0);
}

// ---- Round trips ----

static void begin_tcp(int family, bool by_epoll) {
  listen_on(family);
  int client = connected(), server = accept(listener, NULL, NULL);
  CHECK(server >= 0);
  no_delay(client);
  no_delay(server);
  close(listener);
  start_other((struct end){client, client, -1}, (struct end){server, server, -1}, by_epoll);
}

static void begin_tcp4(void) {
  begin_tcp(AF_INET, false);
}
static void begin_tcp6(void) {
  begin_tcp(AF_INET6, false);
}
static void begin_tcp_epoll(void) {
  begin_tcp(AF_INET, true);
}

static void begin_udp(void) {
  int server = bound(AF_INET, SOCK_DGRAM), client = new_socket(SOCK_DGRAM);
  CHECK(connect(client, &name.any, name_length) == 0);
  CHECK(getsockname(client, &name.any, &name_length) == 0);
  CHECK(connect(server, &name.any, name_length) == 0);
  start_other((struct end){client, client, -1}, (struct end){server, server, -1}, false);
}

// An empty datagram ends the other side, which does not see that a socket is closed.
static void end_udp(void) {
  CHECK(send(mine.out, "", 0, 0) == 0);
  end_processes();
}

// ---- In one process ----

static int pair[2];

static void begin_pair(void) {
  listen_on(AF_INET);
  pair[0] = connected();
  pair[1] = accept(listener, NULL, NULL);
  CHECK(pair[1] >= 0);
  no_delay(pair[0]);
  close(listener);
}

static void begin_udp_pair(void) {
  pair[1] = bound(AF_INET, SOCK_DGRAM);
  pair[0] = new_socket(SOCK_DGRAM);
  CHECK(connect(pair[0], &name.any, name_length) == 0);
}

static void loop_pair(long count) {
  char byte;
  while (count--) {
    CHECK(write(pair[0], "x", 1) == 1);
    CHECK(read(pair[1], &byte, 1) == 1);
  }
}

static void end_pair(void) {
  close(pair[0]);
  close(pair[1]);
}

// ---- Bulk ----

// The other process reads whatever comes and, at the end of each batch, says that it has all.
static void begin_bulk(int family) {
  listen_on(family);
  other = fork();
  CHECK(other >= 0);
  if (other == 0) {
    int fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    long wanted;
    while (read(fd, &wanted, sizeof wanted) == sizeof wanted) {
      while (wanted > 0) {
        ssize_t n = read(fd, block, wanted < BLOCK ? (size_t)wanted : BLOCK);
        CHECK(n > 0);
        wanted -= n;
      }
      CHECK(write(fd, "x", 1) == 1);
    }
    _exit(0);
  }
  pair[0] = connected();
  close(listener);
}

static void begin_bulk4(void) {
  begin_bulk(AF_INET);
}
static void begin_bulk6(void) {
  begin_bulk(AF_INET6);
}

static void loop_bulk(long count) {
  long bytes = count * BLOCK;
  char byte;
  CHECK(write(pair[0], &bytes, sizeof bytes) == sizeof bytes);
  while (count--)
    for (size_t done = 0; done < BLOCK;) {
      ssize_t n = write(pair[0], block + done, BLOCK - done);
      CHECK(n > 0);
      done += (size_t)n;
    }
  CHECK(read(pair[0], &byte, 1) == 1);
}

static void end_bulk(void) {
  close(pair[0]);
  CHECK(waitpid(other, NULL, 0) == other);
}

// ---- Connections ----

static void begin_listener(void) {
  listen_on(AF_INET);
}

static void end_listener(void) {
  close(listener);
}

// Both ends are ours. The client's end resets, so that its port is free at once.
static void loop_connect(long count) {
  struct linger none = {1, 0};
  while (count--) {
    int client = connected(), server = accept(listener, NULL, NULL);
    CHECK(server >= 0);
    CHECK(setsockopt(client, SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0);
    close(client);
    close(server);
  }
}

// A server of one byte for each connection.
static void begin_server(void) {
  listen_on(AF_INET);
  other = fork();
  CHECK(other >= 0);
  if (other != 0) return;
  while (true) {
    int fd = accept(listener, NULL, NULL);
    char byte;
    CHECK(fd >= 0 && read(fd, &byte, 1) == 1);
    if (byte == 'e') _exit(0);
    CHECK(write(fd, &byte, 1) == 1);
    close(fd);
  }
}

static void loop_request(long count) {
  char byte;
  while (count--) {
    int fd = connected();
    CHECK(write(fd, "x", 1) == 1);
    CHECK(read(fd, &byte, 1) == 1);
    CHECK(read(fd, &byte, 1) == 0);
    close(fd);
  }
}

static void end_server(void) {
  int fd = connected();
  CHECK(write(fd, "e", 1) == 1);
  CHECK(waitpid(other, NULL, 0) == other);
  close(fd);
  close(listener);
}

int main(int argc, char **argv) {
  static const struct subject subjects[] = {
      {"tcp_trip", loop_processes, begin_tcp4, end_processes},
      {"tcp6_trip", loop_processes, begin_tcp6, end_processes},
      {"tcp_trip_epoll", loop_processes, begin_tcp_epoll, end_processes},
      {"udp_trip", loop_processes, begin_udp, end_udp},
      {"tcp_byte", loop_pair, begin_pair, end_pair},
      {"udp_byte", loop_pair, begin_udp_pair, end_pair},
      {"tcp_bulk", loop_bulk, begin_bulk4, end_bulk},
      {"tcp6_bulk", loop_bulk, begin_bulk6, end_bulk},
      {"tcp_connect", loop_connect, begin_listener, end_listener},
      {"tcp_request", loop_request, begin_server, end_server},
  };
  return BENCH_MAIN(subjects);
}
