// Listeners of TCP: the queue, its bound, flags, readiness, and their end before connections were accepted.
//@ needs: tcp
//@ args: 4
//@ args: 6
#include "tcp.h"
#include <sys/epoll.h>
#include <sys/wait.h>

int main(int argc, char **argv) {
  choose_family(argc, argv);
  union name n;
  int l = listening(2, &n);
  say_state("new", l);
  fcntl(l, F_SETFL, O_NONBLOCK);
  value("nobody waits", SYS_3(SYS_accept, l, 0, 0));
  int one, length4 = 4;
  getsockopt(l, SOL_SOCKET, SO_ACCEPTCONN, &one, (socklen_t *)&length4);
  say("SO_ACCEPTCONN %d", one);
  take("recv", l, 1, 0);
  give("send", l, "x", 0);

  int c[3];
  for (int i = 0; i < 3; i++) {
    c[i] = tcp();
    value("connect", SYS_3(SYS_connect, c[i], &n, size_of()));
    char text[] = {'a' + i, 0};
    send(c[i], text, 1, 0);
  }
  say("ready %x", ready(l));
  // The queue holds one more than its bound: the next waits for room.
  int more = tcp();
  fcntl(more, F_SETFL, O_NONBLOCK);
  value("the fourth", SYS_3(SYS_connect, more, &n, size_of()));
  usleep(20000);
  say_state("it waits", more);
  value("again", SYS_3(SYS_connect, more, &n, size_of()));
  close(more);
  struct tcp_info info;
  socklen_t length = sizeof info;
  getsockopt(l, IPPROTO_TCP, TCP_INFO, &info, &length);
  say("TCP_INFO: %u wait, of %u", info.tcpi_unacked, info.tcpi_sacked);
  value("a larger bound", SYS_2(SYS_listen, l, 9));
  length = sizeof info;
  getsockopt(l, IPPROTO_TCP, TCP_INFO, &info, &length);
  say("TCP_INFO: %u wait, of %u", info.tcpi_unacked, info.tcpi_sacked);
  for (int i = 0; i < 3; i++) {
    int s = accept(l, NULL, NULL);
    take("in order", s, 9, 0);
    close(s), close(c[i]);
  }
  value("no more", SYS_3(SYS_accept, l, 0, 0));
  say("ready %x", ready(l));

  // Who has gone already is accepted all the same.
  c[0] = tcp();
  connect(c[0], &n.any, size_of());
  send(c[0], "gone", 4, 0);
  close(c[0]);
  int s = accept(l, NULL, NULL);
  take("what it said", s, 9, 0);
  take("its end", s, 9, 0);
  close(s);

  // A reset before accept.
  c[0] = tcp();
  connect(c[0], &n.any, size_of());
  struct linger none = {1, 0};
  setsockopt(c[0], SOL_SOCKET, SO_LINGER, &none, sizeof none);
  close(c[0]);
  usleep(1000);
  say("ready %x", ready(l));
  s = accept(l, NULL, NULL);
  yes_no("accepted", s >= 0);
  say("ready %x", ready(s));
  take("reset", s, 9, 0);
  union name from;
  length = sizeof from;
  value("its peer", SYS_3(SYS_getpeername, s, &from, &length));
  close(s);

  // Level and edge.
  int e = epoll_create1(0);
  struct epoll_event event = {EPOLLIN | EPOLLET, {.u32 = 7}};
  epoll_ctl(e, EPOLL_CTL_ADD, l, &event);
  say("nothing: %d", epoll_wait(e, &event, 1, 0));
  for (int i = 0; i < 2; i++) {
    c[i] = tcp();
    connect(c[i], &n.any, size_of());
    say("an edge: %d", epoll_wait(e, &event, 1, 1000));
    say("no other: %d", epoll_wait(e, &event, 1, 0));
  }
  // The listener's end resets who waits.
  close(e);
  close(l);
  say("ready %x", ready_for(c[0], POLLIN));
  take("reset", c[0], 9, 0);
  take("the second", c[1], 9, 0);
  close(c[0]), close(c[1]);

  // shutdown ends listening, and accept that waits.
  l = listening(2, &n);
  pid_t waits = fork();
  if (waits == 0) {
    long result = SYS_3(SYS_accept, l, 0, 0);
    _exit(result == -EINVAL ? 1 : 2);
  }
  usleep(100000);
  value("shutdown", SYS_2(SYS_shutdown, l, SHUT_RD));
  int status;
  waitpid(waits, &status, 0);
  say("who waited got EINVAL: %d", WEXITSTATUS(status));
  say_state("after it", l);
  value("accept", SYS_3(SYS_accept, l, 0, 0));
  value("listen again", SYS_2(SYS_listen, l, 2));
  say_state("it listens again", l);
  c[0] = tcp();
  value("connect", SYS_3(SYS_connect, c[0], &n, size_of()));
  close(c[0]), close(l);

  // A time limit for accept.
  l = listening(2, &n);
  struct timeval brief = {0, 30000};
  setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
  value("nobody in time", SYS_3(SYS_accept, l, 0, 0));
  value("flags", SYS_4(SYS_accept4, l, 0, 0, 1));
  close(l);

  // Children that share a listener.
  l = listening(20, &n);
  for (int i = 0; i < 3; i++)
    if (fork() == 0) {
      for (int j = 0; j < 4; j++) {
        int a = accept(l, NULL, NULL);
        char byte;
        if (recv(a, &byte, 1, 0) != 1) _exit(1);
        send(a, &byte, 1, 0);
        close(a);
      }
      _exit(0);
    }
  int right = 0;
  for (int i = 0; i < 12; i++) {
    int k = tcp();
    char byte = 'A' + i, back = 0;
    connect(k, &n.any, size_of());
    send(k, &byte, 1, 0);
    recv(k, &back, 1, 0);
    right += back == byte;
    close(k);
  }
  say("%d of 12 came back", right);
  for (int i = 0; i < 3; i++) {
    wait(&status);
    say("child: %d", status);
  }
  close(l);
  return 0;
}
