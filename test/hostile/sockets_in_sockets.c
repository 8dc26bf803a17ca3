// Sockets that a guest sends along in their own messages: a long chain that must not end in a deep recursion,
// and very many on their way, which must not make the end of each socket a search through all of them.
//@ args: chain
//@ args: many
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

static int s[2];

static long give(int to, const int *fds, int count) {
  struct iovec v = {"x", 1};
  union {
    struct cmsghdr h;
    char room[CMSG_SPACE(253 * sizeof(int))];
  } u;
  struct msghdr m = {
      .msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
  memset(&u, 0, sizeof u);
  u.h.cmsg_len = CMSG_LEN(count * sizeof(int));
  u.h.cmsg_level = SOL_SOCKET;
  u.h.cmsg_type = SCM_RIGHTS;
  memcpy(CMSG_DATA(&u.h), fds, count * sizeof(int));
  return sendmsg(to, &m, MSG_DONTWAIT) < 0 ? -errno : 0;
}

// Each socket in the queue of the next: the end of the last one ends them all.
static void chain(void) {
  int p[2];
  if (pipe(p) < 0) return;
  int last = p[1];
  for (int n = 0; n < 10000; n++) {
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s) < 0) return;
    long sent = give(s[0], &last, 1);
    if (sent < 0) bad("link", sent);
    close(last);
    close(s[0]);
    last = s[1];
  }
  struct pollfd f = {p[0], POLLIN, 0};
  if (poll(&f, 1, 0) != 0) bad("the chain holds", f.revents);
  close(last);
  if (poll(&f, 1, 20000) != 1) bad("the chain is gone", 0);
}

static void many(void) {
  int carrier[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, carrier) < 0) return;
  for (int total = 0; total < 40000; total += 200) {
    int fds[200];
    for (int i = 0; i < 200; i += 2)
      if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds + i) < 0) return;
    if (give(carrier[0], fds, 200) < 0) {
      socketpair(AF_UNIX, SOCK_STREAM, 0, carrier);
      give(carrier[0], fds, 200);
    }
    for (int i = 0; i < 200; i++)
      close(fds[i]);
  }
  double before = seconds();
  for (int i = 0; i < 500; i++) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0) return;
    close(s[0]);
    close(s[1]);
  }
  if (seconds() - before > 10) bad("milliseconds for 1000 ends", (long)((seconds() - before) * 1000));
}

int main(int count, char **arguments) {
  if (count > 1 && strcmp(arguments[1], "chain") == 0)
    chain();
  else
    many();
  return 0;
}
