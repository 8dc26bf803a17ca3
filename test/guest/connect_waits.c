// Connections that wait for a listener without room: what a time-out of theirs is told as, the first time and then.
//@ args: 4
//@ args: 6
//@ needs: tcp sockets
#include "tcp.h"

int main(int count, char **arguments) {
  choose_family(count, arguments);
  union name to;
  listener = listening(0, &to);
  int first = tcp();
  value("has room", connect(first, &to.any, size_of()));
  int fd = tcp();
  struct timeval soon = {0, 100000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
  value("waits", SYS_3(SYS_connect, fd, &to, size_of()));
  value("waits again", SYS_3(SYS_connect, fd, &to, size_of()));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  value("does not wait", SYS_3(SYS_connect, fd, &to, size_of()));
  close(fd);
  fd = tcp();
  fcntl(fd, F_SETFL, O_NONBLOCK);
  value("another that does not wait", SYS_3(SYS_connect, fd, &to, size_of()));
  value("again", SYS_3(SYS_connect, fd, &to, size_of()));
  return 0;
}
