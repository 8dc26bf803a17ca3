// sendfile, splice and their like between files, pipes and sockets of TCP and UDP.
//@ needs: sockets tcp pipes files tasks
#include "guest.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { SIZE = 3000000 };
static unsigned char big[SIZE], back[SIZE];

static int small;

static void connected(int pair[2]) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof name;
  int l = socket(AF_INET, SOCK_STREAM, 0), size = 30000;
  if (small) setsockopt(l, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  bind(l, (void *)&name, sizeof name), listen(l, 1);
  getsockname(l, (void *)&name, &length);
  pair[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (small) setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  connect(pair[0], (void *)&name, sizeof name);
  pair[1] = accept(l, 0, 0);
  close(l);
}

static long read_all(int fd) {
  long total = 0, n;
  while (total < SIZE && (n = read(fd, back + total, SIZE - total)) > 0)
    total += n;
  return total;
}

static int non_blocking(int fd, int on) {
  return fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0);
}

enum { SHARED = 1000000 };

static void splice_all(int from, int to) {
  while (splice(from, 0, to, 0, 5000, 0) > 0)
    ;
  _exit(0);
}

// One pipe that two splice from to streams while a third reads it, and another that all of that comes to: each byte once.
static void shared_pipes(void) {
  int p[2], q[2], one[2], two[2];
  connected(one), connected(two);
  pipe(p), pipe(q);
  fflush(stdout);
  for (int i = 0; i < 6; i++) {
    if (fork()) continue;
    close(i == 5 ? p[0] : p[1]);
    int *s = i % 2 ? one : two;
    if (i < 4) close(s[i / 2 ? 0 : 1]), close((i % 2 ? two : one)[0]), close((i % 2 ? two : one)[1]);
    if (i < 2) close(q[1]), splice_all(p[0], s[0]);
    if (i < 4) close(p[0]), splice_all(s[1], q[1]);
    close(one[0]), close(two[0]), close(one[1]), close(two[1]);
    if (i == 4) {
      for (long n; (n = read(p[0], back, 900)) > 0;)
        write(q[1], back, n);
      _exit(0);
    }
    close(q[1]);
    for (int at = 0, n; at < SHARED; at += n)
      n = write(p[1], big + at, SHARED - at < 3001 ? SHARED - at : 3001);
    _exit(0);
  }
  close(p[0]), close(p[1]), close(q[1]);
  close(one[0]), close(one[1]), close(two[0]), close(two[1]);
  long came = read_all(q[0]), counts[256] = {0}, wrong = 0;
  for (long i = 0; i < came; i++)
    counts[back[i]]++;
  for (int i = 0; i < SHARED; i++)
    counts[big[i]]--;
  for (int i = 0; i < 256; i++)
    wrong += counts[i] != 0;
  say("by shared pipes: %ld, wrong %ld", came, wrong);
  while (wait(0) > 0)
    ;
}

int main(void) {
  char name[] = "/tmp/sendfileXXXXXX";
  int a = mkstemp(name), p[2], s[2];
  unlink(name);
  signal(SIGPIPE, SIG_IGN);
  for (unsigned i = 0; i < SIZE; i++)
    big[i] = i * 7 + i / 1000;
  write(a, big, SIZE);
  pipe(p);

  // All of a file, while somebody reads.
  connected(s);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    close(s[0]);
    long n = read_all(s[1]);
    _exit(n == SIZE && memcmp(big, back, SIZE) == 0 ? 42 : 1);
  }
  off_t off = 0;
  value("sendfile", SYS_4(SYS_sendfile, s[0], a, &off, SIZE));
  say("offset %ld, position %ld", (long)off, (long)lseek(a, 0, SEEK_CUR));
  int status;
  waitpid(pid, &status, 0);
  say("reader: %d", WEXITSTATUS(status));
  value("at the end", SYS_4(SYS_sendfile, s[0], a, &off, 10));
  off = 100;
  value("a piece", SYS_4(SYS_sendfile, s[0], a, &off, 1000));
  value("read", SYS_3(SYS_read, s[1], back, SIZE));
  yes_no("equal", memcmp(big + 100, back, 1000) == 0);
  lseek(a, 5000, SEEK_SET);
  value("from its position", SYS_4(SYS_sendfile, s[0], a, 0, 3000));
  say("position %ld", (long)lseek(a, 0, SEEK_CUR));
  value("read", SYS_3(SYS_read, s[1], back, SIZE));
  yes_no("equal", memcmp(big + 5000, back, 3000) == 0);
  value("from a socket", SYS_4(SYS_sendfile, s[0], s[1], 0, 10));
  value("into a read-only one", (shutdown(s[1], SHUT_WR), SYS_4(SYS_sendfile, s[1], a, &off, 10)));

  close(s[0]), close(s[1]);

  // As much as fits.
  small = 1;
  connected(s);
  non_blocking(s[0], 1);
  off = 0;
  long n = SYS_4(SYS_sendfile, s[0], a, &off, SIZE), more = 0;
  while ((more = SYS_4(SYS_sendfile, s[0], a, &off, SIZE)) > 0)
    n += more;
  say("full: %s, some: %d, as told: %d", error_name(more), n > 0, off == n);
  struct pollfd f = {.fd = s[0], .events = POLLOUT};
  say("writable: %d", poll(&f, 1, 0));
  for (long left = n; left > 0;)
    left -= read(s[1], back, left < SIZE ? left : SIZE);
  say("writable: %d", poll(&f, 1, 1000));
  small = 0;
  close(s[0]), close(s[1]);

  // By pipes.
  connected(s);
  write(p[1], "through a pipe", 14);
  value("to the socket", SYS_6(SYS_splice, p[0], 0, s[0], 0, 100, 0));
  value("from it", SYS_6(SYS_splice, s[1], 0, p[1], 0, 100, 0));
  value("read", SYS_3(SYS_read, p[0], back, 100));
  yes_no("equal", memcmp(back, "through a pipe", 14) == 0);
  non_blocking(s[1], 1);
  value("nothing there", SYS_6(SYS_splice, s[1], 0, p[1], 0, 100, 0));
  non_blocking(s[1], 0);
  off = 0;
  value("an offset", SYS_6(SYS_splice, s[1], &off, p[1], 0, 100, 0));
  value("without a pipe", SYS_6(SYS_splice, s[1], 0, s[0], 0, 100, 0));
  value("tee", SYS_4(SYS_tee, s[1], p[1], 100, 0));
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    // What waits goes on when something comes.
    usleep(100000);
    off = 0;
    sendfile(s[0], a, &off, 20000) == 20000 ? _exit(0) : _exit(1);
  }
  long total = 0;
  while (total < 20000) {
    long moved = SYS_6(SYS_splice, s[1], 0, p[1], 0, 20000, 0);
    if (moved <= 0) break;
    total += read(p[0], back + total, moved);
  }
  say("came: %ld, equal: %d", total, memcmp(big, back, 20000) == 0);
  waitpid(pid, &status, 0);
  say("sender: %d", WEXITSTATUS(status));
  shutdown(s[0], SHUT_WR);
  value("at the end", SYS_6(SYS_splice, s[1], 0, p[1], 0, 100, 0));
  value("into what is shut", SYS_4(SYS_sendfile, s[0], a, &off, 10));
  write(p[1], "x", 1);
  value("spliced into it", SYS_6(SYS_splice, p[0], 0, s[0], 0, 1, 0));
  value("it is still there", SYS_3(SYS_read, p[0], back, 10));
  close(s[0]), close(s[1]);

  // One that waits for room is killed.
  connected(s);
  pid = fork();
  if (pid == 0) {
    for (;;)
      off = 0, sendfile(s[0], a, &off, SIZE);
  }
  usleep(200000);
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  say("killed: %d", WTERMSIG(status));
  close(s[0]), close(s[1]);

  // Datagrams.
  int d[2] = {socket(AF_INET, SOCK_DGRAM, 0), socket(AF_INET, SOCK_DGRAM, 0)};
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  bind(d[1], (void *)&at, sizeof at), getsockname(d[1], (void *)&at, &length);
  off = 0;
  value("to nobody", SYS_4(SYS_sendfile, d[0], a, &off, 1000));
  connect(d[0], (void *)&at, sizeof at);
  value("a datagram", SYS_4(SYS_sendfile, d[0], a, &off, 1000));
  value("came", SYS_6(SYS_recvfrom, d[1], back, SIZE, MSG_DONTWAIT, 0, 0));
  write(p[1], "datagram", 8);
  value("spliced", SYS_6(SYS_splice, p[0], 0, d[0], 0, 100, 0));
  value("came", SYS_6(SYS_recvfrom, d[1], back, SIZE, MSG_DONTWAIT, 0, 0));

  // What is spliced is said by who splices.
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    setgid(1234), setuid(1234);
    struct {
      struct nlmsghdr n;
      struct rtmsg r;
    } m = {{sizeof m, RTM_DELROUTE, NLM_F_REQUEST | NLM_F_ACK, 1, 0}, {.rtm_family = AF_INET}};
    int nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    write(p[1], &m, sizeof m);
    value("a route", SYS_6(SYS_splice, p[0], 0, nl, 0, sizeof m, 0));
    struct {
      struct nlmsghdr n;
      struct nlmsgerr e;
    } answer = {0};
    struct pollfd f = {.fd = nl, .events = POLLIN};
    poll(&f, 1, 5000);
    recv(nl, &answer, sizeof answer, MSG_DONTWAIT);
    say("type %d: %s", answer.n.nlmsg_type, error_name(answer.e.error));
    _exit(0);
  }
  waitpid(pid, &status, 0);

  unsigned seed = 1;
  for (int i = 0; i < SHARED; i++)
    seed = seed * 1664525 + 1013904223, big[i] = seed >> 24;
  shared_pipes();
  return 0;
}
