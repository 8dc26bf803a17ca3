// Floods of AF_NETLINK sockets: messages of very many requests and attributes, groups of very many members to which very
// many messages go, queues as deep as may be, as many sockets as there may be, which end at once in each way that there
// is. Each is served in pieces, and a witness waits no longer than it should.
//@ args: 0
//@ args: 1
//@ args: 2
//@ args: 3
//@ args: 4
//@ args: 5
//@ ends: 0
//@ deadline: 60
//@ needs: sockets threads fork
//@ cflags: -pthread
#include "hostile.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

static char buffer[4 << 20];

static int bound(int protocol, unsigned port, unsigned groups, int flags) {
  struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups};
  int s = socket(AF_NETLINK, SOCK_RAW | flags, protocol);
  if (s >= 0) bind(s, (void *)&a, sizeof a);
  return s;
}

static void force(int s, int option, int size) {
  if (setsockopt(s, SOL_SOCKET, option, &size, sizeof size)) bad("a large buffer", -errno);
}

// How many of them fit `size`.
static size_t requests(size_t size, int type, int flags) {
  struct request {
    struct nlmsghdr h;
    struct ifinfomsg i;
  } one = {{sizeof one, type, flags, 1, 0}, {.ifi_index = 1}};
  size_t n = size / sizeof one;
  for (size_t i = 0; i < n; i++)
    memcpy(buffer + i * sizeof one, &one, sizeof one);
  return n * sizeof one;
}

static void many_requests(void) {
  static const struct {
    int type, flags;
  } kinds[] = {{RTM_GETLINK, NLM_F_REQUEST},
               {RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP},
               {RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK},
               {0, 0}};
  int s = bound(NETLINK_ROUTE, 0, 0, SOCK_NONBLOCK);
  force(s, SO_SNDBUFFORCE, sizeof buffer);
  force(s, SO_RCVBUFFORCE, 16 << 20);
  for (size_t k = 0; k < 4; k++) {
    size_t length = requests(2 << 20, kinds[k].type, kinds[k].flags);
    for (int i = 0; i < 4; i++)
      send(s, buffer, length, 0);
    while (recv(s, buffer, sizeof buffer, MSG_TRUNC) > 0 || errno == ENOBUFS)
      continue;
  }
  // One that is still served when its socket ends.
  send(s, buffer, requests(2 << 20, RTM_GETLINK, NLM_F_REQUEST), 0);
}

static void many_attributes(void) {
  int s = bound(NETLINK_ROUTE, 0, 0, 0);
  force(s, SO_SNDBUFFORCE, sizeof buffer);
  size_t length = 2 << 20;
  struct nlmsghdr h = {length, RTM_GETLINK, NLM_F_REQUEST, 1, 0};
  for (int type = RTM_GETLINK; type >= RTM_NEWLINK; type -= RTM_GETLINK - RTM_NEWLINK) {
    memset(buffer, 0, length);
    h.nlmsg_type = type;
    memcpy(buffer, &h, sizeof h);
    for (size_t at = sizeof h + sizeof(struct ifinfomsg); at + 4 <= length; at += 4)
      memcpy(buffer + at, &(struct rtattr){4, 3}, 4);
    for (int i = 0; i < 8; i++)
      if (send(s, buffer, length, 0) < 0) bad("a request", -errno);
  }
}

static void *tells(void *arg) {
  int s = bound(NETLINK_USERSOCK, 0, 0, 0);
  for (int i = 0; i < 300; i++) {
    struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = 1};
    sendto(s, buffer, 100000, i % 2 ? MSG_DONTWAIT : 0, (void *)&a, sizeof a);
  }
  return arg;
}

static void many_members(void) {
  pthread_t threads[4];
  int n = 0;
  while (n < 3000 && bound(NETLINK_USERSOCK, 0, 1, 0) >= 0)
    n++;
  for (int i = 0; i < 4; i++)
    pthread_create(&threads[i], NULL, tells, NULL);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
}

static void deep_queues(void) {
  for (int round = 0; round < 3; round++) {
    int to = bound(NETLINK_USERSOCK, 0x75000, 0, SOCK_NONBLOCK), from = bound(NETLINK_USERSOCK, 0, 0, 0);
    struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = 0x75000};
    force(to, SO_RCVBUFFORCE, 16 << 20);
    int sent = 0, received = 0;
    while (sendto(from, "x", 1, MSG_DONTWAIT, (void *)&a, sizeof a) == 1)
      sent++;
    while (round == 1 && recv(to, buffer, 1, 0) == 1)
      received++;
    if (round == 1 && received != sent) bad("what came", received);
    close(to), close(from);
  }
}

// All of them with messages, and known by their descriptors.
static int many_sockets(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int n = 0, s, last = -1;
  for (; n < 20000 && (s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)) >= 0; n++, last = s)
    send(s, buffer, requests(64, RTM_GETLINK, NLM_F_REQUEST), MSG_DONTWAIT);
  return last;
}

static void many_ends(void) {
  for (int round = 0; round < 4; round++) {
    pid_t child = fork();
    if (child == 0) {
      int last = many_sockets();
      if (round == 0) syscall(SYS_close_range, 3, last, 0);
      if (round == 1)
        for (int fd = 4; fd <= last; fd++)
          dup2(3, fd);
      if (round == 2) kill(getpid(), SIGKILL);
      // While they are let go of, others are used.
      int s = bound(NETLINK_ROUTE, 0, 0, 0);
      if (s >= 0) send(s, buffer, requests(64, RTM_GETLINK, NLM_F_REQUEST), 0), recv(s, buffer, 4096, 0);
      _exit(0);
    }
    waitpid(child, NULL, 0);
  }
}

// Children that wait for room, and are killed while there is none.
static void many_waiters(void) {
  int to = bound(NETLINK_USERSOCK, 0x75000, 0, SOCK_NONBLOCK);
  struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = 0x75000};
  pid_t children[40];
  for (int i = 0; i < 40; i++)
    if ((children[i] = fork()) == 0) {
      int s = bound(NETLINK_USERSOCK, 0, 0, 0);
      for (;;)
        sendto(s, buffer, 1000, 0, (void *)&a, sizeof a);
    }
  for (int i = 0; i < 20000; i++)
    recv(to, buffer, sizeof buffer, 0);
  for (int i = 0; i < 40; i++)
    kill(children[i], SIGKILL), i % 2 ? recv(to, buffer, sizeof buffer, 0) : 0;
  for (int i = 0; i < 40; i++)
    waitpid(children[i], NULL, 0);
}

int main(int argc, char **argv) {
  int how = argc > 1 ? atoi(argv[1]) : 0;
  if (how == 0) many_requests();
  if (how == 1) many_attributes();
  if (how == 2) many_members();
  if (how == 3) deep_queues();
  if (how == 4) many_ends();
  if (how == 5) many_waiters();
  say("done");
  return 0;
}
