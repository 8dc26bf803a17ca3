// Queues of AF_NETLINK sockets between processes: whom a message to a group reaches, which groups there are and who may
// join them, what a full queue does to senders that wait and to those that do not, what is lost, and how that is told.
//@ needs: sockets fork threads credentials
//@ cflags: -pthread
#include "guest.h"
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#define SIZE 1000 // of messages that fill a queue
enum { A = 0x71000, B, C, NOBODY };

static char buffer[1 << 20];
static const int protocols[] = {NETLINK_ROUTE, NETLINK_USERSOCK, NETLINK_KOBJECT_UEVENT};

static int bound(int protocol, unsigned port, unsigned groups) {
  struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups};
  int s = socket(AF_NETLINK, SOCK_RAW, protocol);
  long r = SYS_3(SYS_bind, s, &a, sizeof a);
  if (r) value("bind", r);
  return s;
}

static long send_to(int s, unsigned port, unsigned groups, int length, int flags) {
  struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups};
  memset(buffer, 'x', length);
  return SYS_6(SYS_sendto, s, buffer, length, flags, &a, sizeof a);
}

static long take(int s) {
  return SYS_6(SYS_recvfrom, s, buffer, sizeof buffer, MSG_DONTWAIT, 0, 0);
}

// What waits there, with the groups that it was sent to.
static void show(const char *who, int s) {
  for (;;) {
    struct sockaddr_nl a;
    char control[64];
    struct iovec v = {buffer, sizeof buffer};
    struct msghdr m = {&a, sizeof a, &v, 1, control, sizeof control, 0};
    long n = SYS_3(SYS_recvmsg, s, &m, MSG_DONTWAIT);
    if (n == -EAGAIN) break;
    value(who, n);
    if (failed(n)) continue;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    say("  groups %#x, group %d", a.nl_groups, c ? *(int *)CMSG_DATA(c) : -1);
  }
}

static void list(int s) {
  unsigned words[4] = {0};
  socklen_t length = sizeof words;
  value("list", SYS_6(SYS_getsockopt, s, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, words, &length, 0));
  say("  %u bytes %#x", length, words[0]);
}

static void memberships(void) {
  for (size_t p = 0; p < 3; p++) {
    int s = bound(protocols[p], 0, 0), last = 0, joined = 0;
    list(s);
    for (int group = -1; group < 100; group++)
      if (setsockopt(s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0)
        last = group, joined++;
    // Of NETLINK_ROUTE newer kernels have more than older ones.
    if (protocols[p] == NETLINK_ROUTE)
      yes_no("many groups", joined == last && last > 32);
    else
      say("protocol %d: %d groups, the last is %d", protocols[p], joined, last);
    list(s);
    close(s);
  }
}

static void reach(int a, int b, int c) {
  int on = 1;
  setsockopt(b, SOL_NETLINK, NETLINK_PKTINFO, &on, sizeof on);
  static const struct {
    const char *what;
    unsigned port, groups;
  } cases[] = {{"to the kernel", 0, 0},
               {"to two groups", 0, 3},
               {"to a port and two groups", C, 3},
               {"to a member's port", B, 1},
               {"to nobody and a group", NOBODY, 1},
               {"to a group of nobody", 0, 8},
               {"to the second group", C, 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    value(cases[i].what, send_to(a, cases[i].port, cases[i].groups, 4, 0));
    show(" B", b);
    show(" C", c);
  }
  value("to the own group", send_to(b, 0, 1, 4, 0));
  show(" B", b);
  for (size_t p = 0; p < 3; p += 2) {
    int s = bound(protocols[p], 0, 0);
    value("to the kernel", send_to(s, 0, 0, 4, 0));
    value("and a group", send_to(s, 0, 1, 4, 0));
    close(s);
  }
}

static int fill(int from, unsigned port) {
  int n = 0;
  while (send_to(from, port, 0, SIZE, MSG_DONTWAIT) == SIZE)
    n++;
  return n;
}

static int drain(int s) {
  int n = 0;
  while (take(s) > 0)
    n++;
  return n;
}

static void events(const char *what, int s) {
  struct pollfd p = {s, POLLIN | POLLOUT, 0};
  poll(&p, 1, 0);
  say("%s: %#x", what, p.revents);
}

static void full(int a, int b, int c) {
  say("%d fill it", fill(a, C));
  events("the receiver", c);
  events("the sender", a);
  value("one leaves", take(c));
  value("one comes", send_to(a, C, 0, SIZE, MSG_DONTWAIT));
  value("one more", send_to(a, C, 0, SIZE, MSG_DONTWAIT));
  value("to a group of it", send_to(a, 0, 2, SIZE, MSG_DONTWAIT));
  events("the receiver", c);
  value("what it learns", take(c));
  value("one leaves", take(c));
  value("one comes", send_to(a, C, 0, SIZE, MSG_DONTWAIT));
  say("%d were there", drain(c));
  value("one comes", send_to(a, C, 0, SIZE, MSG_DONTWAIT));
  say("%d were there", drain(c));
  // Whoever does not want to know of losses.
  int on = 1;
  setsockopt(c, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
  fill(a, C);
  value("to a group of it", send_to(a, 0, 2, SIZE, 0));
  value("what it learns", take(c));
  value("one comes", send_to(a, C, 0, SIZE, MSG_DONTWAIT));
  struct timeval soon = {0, 30000};
  setsockopt(b, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
  value("with a time-out", send_to(b, C, 0, SIZE, 0));
  say("%d were there", drain(c));
}

struct waiting {
  int from;
  unsigned port;
  long result;
};

static void *sends(void *arg) {
  struct waiting *w = arg;
  struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = w->port};
  w->result = SYS_6(SYS_sendto, w->from, "waited", 7, 0, &a, sizeof a);
  return NULL;
}

// Senders that wait go on when there is room, or when nobody is there any more.
static void waits(int a, int c) {
  for (int round = 0; round < 3; round++) {
    pthread_t threads[3];
    struct waiting w[3];
    int left = 0;
    fill(a, C);
    for (int i = 0; i < 3; i++)
      w[i] = (struct waiting){a, C, 1}, pthread_create(&threads[i], NULL, sends, &w[i]);
    usleep(30000);
    if (round < 2)
      left = drain(c);
    else
      close(c);
    // There is room for one as short as these: whose that is nobody can say.
    int sent = 0, refused = 0;
    for (int i = 0; i < 3; i++) {
      pthread_join(threads[i], NULL);
      sent += w[i].result == 7;
      refused += w[i].result == -ECONNREFUSED;
    }
    say("waited: %d sent, %d refused", sent, refused);
    if (round < 2) say("%s", drain(c) + left > 3 ? "all came" : "lost");
  }
}

static void peers(int a, int b, int c) {
  struct sockaddr_nl peer = {.nl_family = AF_NETLINK, .nl_pid = B, .nl_groups = 6};
  value("connect", SYS_3(SYS_connect, c, &peer, sizeof peer));
  socklen_t length = sizeof peer;
  value("peer", SYS_3(SYS_getpeername, c, &peer, &length));
  say("  groups %#x", peer.nl_groups);
  value("from another", send_to(a, C, 0, 4, 0));
  value("from it", send_to(b, C, 0, 4, 0));
  value("to a group", send_to(a, 0, 2, 4, 0));
  show(" C", c);
  peer.nl_family = AF_UNSPEC;
  value("disconnect", SYS_3(SYS_connect, c, &peer, sizeof peer));
  value("from another", send_to(a, C, 0, 4, 0));
  show(" C", c);
}

static void unprivileged(void) {
  if (fork() == 0) {
    if (setuid(1000)) _exit(1);
    for (size_t p = 0; p < 3; p++) {
      struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = 1};
      int s = socket(AF_NETLINK, SOCK_RAW, protocols[p]), group = 1;
      value("bind with a group", SYS_3(SYS_bind, s, &a, sizeof a));
      value("join", SYS_6(SYS_setsockopt, s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group, 0));
      value("leave", SYS_6(SYS_setsockopt, s, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof group, 0));
      value("to a port", send_to(s, A, 0, 4, 0));
      value("to a group", send_to(s, 0, 1, 4, 0));
      a.nl_groups = 0, a.nl_pid = A;
      value("connect", SYS_3(SYS_connect, s, &a, sizeof a));
    }
    _exit(0);
  }
  wait(NULL);
}

int main(void) {
  memberships();
  int a = bound(NETLINK_USERSOCK, A, 0), b = bound(NETLINK_USERSOCK, B, 3), c = bound(NETLINK_USERSOCK, C, 2);
  reach(a, b, c);
  full(a, b, c);
  peers(a, b, c);
  unprivileged();
  drain(a);
  waits(a, c);
  return 0;
}
