// States of connections and what poll tells in each: ends from either side, at once, by reset, by linger.
//@ needs: tcp
//@ args: 4
//@ args: 6
#include "tcp.h"
#include <sys/epoll.h>

static void both(const char *what) {
  say("%s", what);
  say_state("  client", client);
  if (server >= 0) say_state("  server", server);
}

static void end(int *fd) {
  close(*fd);
  *fd = -1;
}

int main(int argc, char **argv) {
  choose_family(argc, argv);
  int s = tcp();
  say_state("new", s);
  union name any = loopback(0);
  bind(s, &any.any, size_of());
  say_state("bound", s);
  close(s);

  join();
  both("joined");
  send(client, "x", 1, 0);
  both("data");
  shutdown(client, SHUT_WR);
  both("client has ended");
  take("  data", server, 1, 0);
  both("read");
  shutdown(server, SHUT_WR);
  both("server has ended too");

  join();
  shutdown(client, SHUT_WR);
  end(&server);
  both("both ended, the server by close");

  join();
  end(&server);
  both("the server is closed");
  end(&client);

  join();
  shutdown(client, SHUT_RD);
  both("reads ended");
  shutdown(client, SHUT_RDWR);
  both("and writes");

  join();
  struct linger none = {1, 0};
  setsockopt(server, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  end(&server);
  both("reset");
  give("send", client, "x", 0);
  give("send again", client, "x", 0);
  take("recv", client, 1, 0);

  join();
  send(client, "abc", 3, 0);
  setsockopt(client, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  close(client);
  client = tcp();
  say("reset with data unread");
  say_state("  server", server);
  take("  the error first", server, 9, 0);
  take("  and no data", server, 9, 0);
  value("  peer", SYS_3(SYS_getpeername, server, &any, (socklen_t[]){sizeof any}));

  join();
  struct linger second = {1, 1};
  setsockopt(client, SOL_SOCKET, SO_LINGER, &second, sizeof second);
  send(client, "lingers", 7, 0);
  value("close that lingers", SYS_1(SYS_close, client));
  client = tcp();
  take("data", server, 9, 0);
  take("end", server, 9, 0);

  // Both at once, from a process of each.
  for (int i = 0; i < 3; i++) {
    join();
    shutdown(client, SHUT_WR);
    shutdown(server, SHUT_WR);
    take("client", client, 1, 0);
    take("server", server, 1, 0);
  }

  // Edges.
  join();
  ready(client); // What came before is not told a second time.
  int e = epoll_create1(0);
  struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.u32 = 1}};
  epoll_ctl(e, EPOLL_CTL_ADD, client, &event);
  int k = epoll_wait(e, &event, 1, 0);
  say("at first: %d %x", k, event.events);
  say("once: %d", epoll_wait(e, &event, 1, 0));
  send(server, "1", 1, 0);
  k = epoll_wait(e, &event, 1, 1000);
  say("data: %d %x", k, event.events);
  send(server, "2", 1, 0);
  k = epoll_wait(e, &event, 1, 1000);
  say("more: %d %x", k, event.events);
  say("no more: %d", epoll_wait(e, &event, 1, 0));
  shutdown(server, SHUT_WR);
  k = epoll_wait(e, &event, 1, 1000);
  say("end: %d %x", k, event.events);
  event = (struct epoll_event){EPOLLIN | EPOLLONESHOT, {.u32 = 2}};
  epoll_ctl(e, EPOLL_CTL_MOD, client, &event);
  k = epoll_wait(e, &event, 1, 0);
  say("one shot: %d %x", k, event.events);
  say("no other: %d", epoll_wait(e, &event, 1, 0));
  close(e);
  return 0;
}
