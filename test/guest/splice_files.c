// sendfile, splice, tee, vmsplice, copy_file_range: between files, pipes and sockets.
//@ needs: pipes files sockets tasks
#include "guest.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

static char big[200000], back[200000];

static long at(int fd) {
  return lseek(fd, 0, SEEK_CUR);
}

static int inside(int fd) {
  int n = -1;
  ioctl(fd, FIONREAD, &n);
  return n;
}

int main(void) {
  char name[] = "/tmp/spliceXXXXXX", name2[] = "/tmp/spliceXXXXXX";
  int a = mkstemp(name), b = mkstemp(name2), p[2], q[2], s[2];
  signal(SIGPIPE, SIG_IGN);
  for (unsigned i = 0; i < sizeof big; i++)
    big[i] = i * 7 + i / 1000;
  write(a, big, sizeof big);
  pipe2(p, O_NONBLOCK), pipe2(q, O_NONBLOCK);
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s);

  lseek(a, 0, SEEK_SET);
  value("sendfile to a file", SYS_4(SYS_sendfile, b, a, 0, 150000));
  say("positions %ld %ld", at(a), at(b));
  lseek(b, 0, SEEK_SET);
  value("read", SYS_3(SYS_read, b, back, sizeof back));
  yes_no("equal", memcmp(big, back, 150000) == 0);
  value("sendfile, the rest", SYS_4(SYS_sendfile, b, a, 0, 150000));
  value("sendfile, at the end", SYS_4(SYS_sendfile, b, a, 0, 10));
  off_t off = 100;
  value("sendfile, offset", SYS_4(SYS_sendfile, b, a, &off, 50));
  say("offset %ld, position %ld", (long)off, at(a));
  value("sendfile to a pipe", SYS_4(SYS_sendfile, p[1], a, &off, 40000));
  say("offset %ld, in the pipe %d", (long)off, inside(p[0]));
  value("read", SYS_3(SYS_read, p[0], back, sizeof back));
  yes_no("equal", memcmp(big + 150, back, 40000) == 0);
  off = 0;
  value("sendfile to a pipe", SYS_4(SYS_sendfile, p[1], a, &off, 100000));
  value("sendfile to a full pipe", SYS_4(SYS_sendfile, p[1], a, &off, 10));
  value("read", SYS_3(SYS_read, p[0], back, sizeof back));
  off = 0;
  value("sendfile to a socket", SYS_4(SYS_sendfile, s[0], a, &off, 50000));
  long total = 0, n;
  while ((n = read(s[1], back + total, 9000)) > 0)
    total += n;
  yes_no("all of it", total == 50000 && memcmp(big, back, 50000) == 0);
  off = -1;
  value("negative offset", SYS_4(SYS_sendfile, b, a, &off, 10));
  value("bad offset", SYS_4(SYS_sendfile, b, a, 8, 10));
  value("from a pipe", SYS_4(SYS_sendfile, b, p[0], 0, 10));
  off = 0;
  value("from a pipe, offset", SYS_4(SYS_sendfile, b, p[0], &off, 10));
  value("from a writer", SYS_4(SYS_sendfile, b, open(name, O_WRONLY), 0, 10));
  value("to a reader", SYS_4(SYS_sendfile, open(name, O_RDONLY), a, 0, 10));
  value("to an appender", SYS_4(SYS_sendfile, open(name2, O_WRONLY | O_APPEND), a, 0, 10));
  value("bad descriptors", SYS_4(SYS_sendfile, 99, a, 0, 10));
  value("nothing", SYS_4(SYS_sendfile, b, a, 0, 0));

  // splice
  loff_t from = 1000, to = 5;
  value("splice file to pipe", SYS_6(SYS_splice, a, &from, p[1], 0, 10000, 0));
  say("offset %ld in the pipe %d", (long)from, inside(p[0]));
  value("splice pipe to file", SYS_6(SYS_splice, p[0], 0, b, &to, 4000, 0));
  say("offset %ld in the pipe %d", (long)to, inside(p[0]));
  pread(b, back, 4000, 5);
  yes_no("equal", memcmp(big + 1000, back, 4000) == 0);
  value("splice pipe to pipe", SYS_6(SYS_splice, p[0], 0, q[1], 0, 100000, 0));
  say("in the pipes %d %d", inside(p[0]), inside(q[0]));
  value("splice pipe to socket", SYS_6(SYS_splice, q[0], 0, s[0], 0, 2000, 0));
  value("splice socket to pipe", SYS_6(SYS_splice, s[1], 0, p[1], 0, 5000, 0));
  value("read", SYS_3(SYS_read, p[0], back, sizeof back));
  yes_no("equal", memcmp(big + 5000, back, 2000) == 0);
  value("empty pipe", SYS_6(SYS_splice, p[0], 0, b, 0, 10, 0));
  value("empty pipe to pipe", SYS_6(SYS_splice, p[0], 0, q[1], 0, 10, 0));
  value("same pipe", SYS_6(SYS_splice, p[0], 0, p[1], 0, 10, 0));
  value("no pipe", SYS_6(SYS_splice, a, 0, b, 0, 10, 0));
  value("offset of a pipe", SYS_6(SYS_splice, p[0], &from, b, 0, 10, 0));
  value("bad flags", SYS_6(SYS_splice, p[0], 0, b, 0, 10, 99));
  value("nothing", SYS_6(SYS_splice, 99, 0, 98, 0, 0, 0));
  value("bad descriptor", SYS_6(SYS_splice, 99, 0, p[1], 0, 1, 0));
  value("wrong end", SYS_6(SYS_splice, p[1], 0, b, 0, 1, 0));
  value("bad offset", SYS_6(SYS_splice, a, 8, p[1], 0, 1, 0));
  lseek(a, 199999, SEEK_SET);
  value("the last byte", SYS_6(SYS_splice, a, 0, p[1], 0, 10, 0));
  value("the end", SYS_6(SYS_splice, a, 0, p[1], 0, 10, 0));
  read(p[0], back, 10);

  // tee
  while (read(q[0], back, sizeof back) > 0)
    continue;
  write(p[1], "hello", 5);
  value("tee", SYS_4(SYS_tee, p[0], q[1], 100, 0));
  value("tee, some", SYS_4(SYS_tee, p[0], q[1], 2, 0));
  say("in the pipes %d %d", inside(p[0]), inside(q[0]));
  n = read(q[0], back, 100);
  say("%.*s", (int)n, back);
  value("tee to itself", SYS_4(SYS_tee, p[0], p[1], 2, 0));
  value("tee to a file", SYS_4(SYS_tee, p[0], b, 2, 0));
  read(p[0], back, 100);
  value("tee of nothing", SYS_4(SYS_tee, p[0], q[1], 2, 0));

  // vmsplice
  struct iovec v[2] = {{"abc", 3}, {"defg", 4}}, w[2] = {{back, 2}, {back + 2, 100}};
  value("vmsplice in", SYS_4(SYS_vmsplice, p[1], v, 2, 0));
  value("vmsplice out", SYS_4(SYS_vmsplice, p[0], w, 2, 0));
  say("%.7s", back);
  value("vmsplice of a file", SYS_4(SYS_vmsplice, a, v, 2, 0));

  // copy_file_range
  from = 10, to = 20;
  value("copy_file_range", SYS_6(SYS_copy_file_range, a, &from, b, &to, 120000, 0));
  say("offsets %ld %ld", (long)from, (long)to);
  pread(b, back, 120000, 20);
  yes_no("equal", memcmp(big + 10, back, 120000) == 0);
  from = 10, to = 50;
  value("overlap", SYS_6(SYS_copy_file_range, a, &from, a, &to, 100, 0));
  to = 150;
  value("in one file", SYS_6(SYS_copy_file_range, a, &from, a, &to, 100, 0));
  value("bad flags", SYS_6(SYS_copy_file_range, a, 0, b, 0, 100, 1));
  value("a pipe", SYS_6(SYS_copy_file_range, p[0], 0, b, 0, 100, 0));
  value("a directory", SYS_6(SYS_copy_file_range, open("/tmp", O_RDONLY), 0, b, 0, 100, 0));
  value("to an appender", SYS_6(SYS_copy_file_range, a, 0, open(name2, O_WRONLY | O_APPEND), 0, 100, 0));
  value("to a reader", SYS_6(SYS_copy_file_range, a, 0, open(name2, O_RDONLY), 0, 100, 0));
  lseek(a, 0, SEEK_END);
  value("at the end", SYS_6(SYS_copy_file_range, a, 0, b, 0, 100, 0));

  // Waiting.
  value("one end does not wait", SYS_6(SYS_splice, (pipe(p), p[0]), 0, q[1], 0, 100, 0));
  pipe(q);
  if (fork() == 0) {
    usleep(20000);
    write(p[1], "late", 4);
    _exit(0);
  }
  value("waiting splice", SYS_6(SYS_splice, p[0], 0, q[1], 0, 100, 0));
  wait(0);
  n = read(q[0], back, 100);
  say("%.*s", (int)n, back);
  if (fork() == 0) {
    close(p[1]);
    total = 0;
    while ((n = read(p[0], back, 7000)) > 0)
      total += n;
    say("child: %ld", total);
    _exit(0);
  }
  close(p[0]);
  off = 0;
  long sent = 0;
  while ((n = SYS_4(SYS_sendfile, p[1], a, &off, sizeof big)) > 0)
    sent += n;
  close(p[1]);
  wait(0);
  value("a large sendfile through a pipe", sent);
  pipe(p);
  close(p[0]);
  off = 0;
  value("sendfile, no reader", SYS_4(SYS_sendfile, p[1], a, &off, 10));
  unlink(name), unlink(name2);
  return 0;
}
