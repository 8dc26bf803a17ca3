// Receives to memory that is not there: what does not arrive is there for the next, whoever reads it. What is thrown away
// (MSG_TRUNC) arrives nowhere.
//@ needs: tcp memory processes
//@ args: 4
//@ args: 6
#include "tcp.h"
#include <sys/uio.h>
#include <sys/wait.h>

static void filled(int count) {
  for (int i = 0; i < count; i++) {
    char c = (char)('a' + i % 26);
    if (write(client, &c, 1) != 1) _exit(90);
  }
  for (int i = 0; i < 200 && count_of(server, FIONREAD) < count; i++)
    usleep(10000);
}

int main(int argc, char **argv) {
  choose_family(argc, argv);
  char *edge = pages(2) + 2 * PAGE;
  join();
  filled(60);
  value("read to nowhere", SYS_3(SYS_read, server, edge, 10));
  value("read across the edge", SYS_3(SYS_read, server, edge - 4, 10));
  value("recv across the edge", SYS_6(SYS_recvfrom, server, edge - 4, 60, MSG_DONTWAIT, 0, 0));
  char a[10] = "", b[10] = "";
  struct iovec v[3] = {{a, 5}, {edge, 10}, {b, 5}};
  value("readv", SYS_3(SYS_readv, server, v, 3));
  struct msghdr message = {.msg_iov = v, .msg_iovlen = 3};
  value("recvmsg", SYS_3(SYS_recvmsg, server, &message, 0));
  say("%d bytes", count_of(server, FIONREAD));
  take("the first", server, 7, 0);
  value("read to nowhere", SYS_3(SYS_read, server, edge, 10));
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    take("another's", server, 7, 0);
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  value("read to nowhere", SYS_3(SYS_read, server, edge, 10));
  take("peek", server, 7, MSG_PEEK);
  memset(a, '-', sizeof a);
  value("throw away", SYS_6(SYS_recvfrom, server, a, 5, MSG_TRUNC, 0, 0));
  say("%.5s, %d bytes", a, count_of(server, FIONREAD));
  take("the rest", server, 90, 0);
  filled(3);
  value("throw all away", SYS_6(SYS_recvfrom, server, a, 10, MSG_TRUNC, 0, 0));
  take("nothing", server, 90, MSG_DONTWAIT);
  return 0;
}
