// sock_diag with very many sockets: dumps with filters as long as may be, dumps that nobody reads, requests by the ten
// thousand in one message, sockets that end while they are told. Each is served in pieces, and a witness waits no longer
// than it should.
//@ args: 0
//@ args: 1
//@ args: 2
//@ args: 3
//@ ends: 0
//@ deadline: 60
//@ needs: tcp
#include "hostile.h"
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

static char buffer[4 << 20];

struct question {
  struct nlmsghdr h;
  struct inet_diag_req_v2 r;
  struct nlattr a;
};

static int asker(void) {
  int s = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_SOCK_DIAG), size = sizeof buffer;
  if (s < 0) bad("sock_diag", -errno);
  setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  return s;
}

static int sockets(int count, int *fds) {
  int n = 0;
  for (; n < count; n++) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    fds[n] = socket(AF_INET, n & 1 ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (fds[n] < 0) break;
    bind(fds[n], (void *)&a, sizeof a);
    if (!(n & 1)) listen(fds[n], 1);
  }
  return n;
}

static void dump(int s, int protocol, size_t filter) {
  static struct {
    struct question q;
    unsigned char ops[65536];
  } all;
  all.q = (struct question){{sizeof all.q - 4, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0},
                            {AF_INET, protocol, 255, 0, -1, {0}},
                            {4 + filter, INET_DIAG_REQ_BYTECODE}};
  if (filter) all.q.h.nlmsg_len = sizeof all.q + filter;
  // Operations that always go on, and in the end say no.
  for (size_t i = 0; i < filter; i += 4)
    memcpy(all.ops + i, (unsigned char[]){0, 4, 0, 0}, 4);
  send(s, &all, all.q.h.nlmsg_len, 0);
}

static long drain(int s, int patient) {
  long sum = 0;
  for (int idle = 0; idle < patient;) {
    ssize_t n = recv(s, buffer, sizeof buffer, 0);
    if (n > 0)
      sum += n, idle = 0;
    else
      usleep(1000), idle++;
  }
  return sum;
}

int main(int argc, char **argv) {
  int what = argc > 1 ? atoi(argv[1]) : 0, s = asker();
  struct rlimit most = {20000, 20000};
  setrlimit(RLIMIT_NOFILE, &most);
  static int fds[16000];
  int n = sockets(what == 2 ? 200 : 8000, fds);
  if (n < 200) bad("sockets", n);
  switch (what) {
  case 0: // filters of 65 kB for each of them
    for (int i = 0; i < 3; i++) {
      dump(s, IPPROTO_TCP, 65528);
      drain(s, 300);
    }
    break;
  case 1: // dumps that nobody reads, of many askers
    for (int i = 0; i < 500; i++) {
      int one = asker();
      if (one < 0) break;
      dump(one, i & 1 ? IPPROTO_TCP : IPPROTO_UDP, 0);
    }
    break;
  case 2: { // requests by the ten thousand
    size_t length = 0;
    for (; length + sizeof(struct question) < 2 << 20; length += sizeof(struct question) - 4) {
      struct question q = {
          {sizeof q - 4, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0},
          {AF_INET, length & 4 ? IPPROTO_TCP : IPPROTO_UDP, 255, 0, -1, {.idiag_sport = length}},
          {0, 0}};
      memcpy(buffer + length, &q, sizeof q - 4);
    }
    for (int i = 0; i < 4; i++) {
      send(s, buffer, length, 0);
      drain(s, 20);
    }
    break;
  }
  case 3: // they end while they are told
    dump(s, IPPROTO_UDP, 0);
    for (int i = 0; i < n; i++) {
      close(fds[i]);
      if (i % 100 == 0) recv(s, buffer, 8192, 0);
    }
    drain(s, 50);
    break;
  }
  return 0;
}
