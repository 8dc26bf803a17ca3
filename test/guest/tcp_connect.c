// connect(2) of TCP: refused, under way, done, again, by a name of another kind, and taken back.
//@ needs: tcp
//@ args: 4
//@ args: 6
#include "tcp.h"

int main(int argc, char **argv) {
  choose_family(argc, argv);
  union name n;
  int l = listening(1, &n), closed = listening(1, &n);
  union name nobody = n;
  n = name_of(l);
  close(closed);

  int c = tcp();
  value("nobody there", SYS_3(SYS_connect, c, &nobody, size_of()));
  say_error("no error is left", c);
  say_state("it is as new", c);
  value("the same socket to a listener", SYS_3(SYS_connect, c, &n, size_of()));
  value("again", SYS_3(SYS_connect, c, &n, size_of()));
  int s = accept(l, NULL, NULL);
  value("short name", SYS_3(SYS_connect, c, &n, 7));
  value("negative length", SYS_3(SYS_connect, c, &n, -1));
  value("a name that is not there", SYS_3(SYS_connect, c, 8, size_of()));
  close(c), close(s);

  c = tcp();
  fcntl(c, F_SETFL, O_NONBLOCK);
  long first = SYS_3(SYS_connect, c, &n, size_of());
  yes_no("under way, or done", first == 0 || first == -EINPROGRESS);
  say("ready %x", ready_for(c, POLLOUT));
  say_error("no error", c);
  s = accept(l, NULL, NULL);
  yes_no("accepted", s >= 0);
  close(c), close(s);

  c = tcp();
  fcntl(c, F_SETFL, O_NONBLOCK);
  first = SYS_3(SYS_connect, c, &nobody, size_of());
  yes_no("under way, or refused", first == -ECONNREFUSED || first == -EINPROGRESS);
  if (first == -EINPROGRESS) {
    say("ready %x", ready_for(c, POLLOUT));
    say_error("refused", c);
  } else {
    say("ready 1c");
    say("refused: ECONNREFUSED");
  }
  say_error("told once", c);
  close(c);

  c = tcp();
  union name other = n;
  other.any.sa_family = family == AF_INET ? AF_INET6 : AF_INET;
  value("another family", SYS_3(SYS_connect, c, &other, sizeof(struct sockaddr_in6)));
  other.any.sa_family = AF_UNSPEC;
  value("no family", SYS_3(SYS_connect, c, &other, size_of()));
  other.any.sa_family = 77;
  value("an unknown family", SYS_3(SYS_connect, c, &other, sizeof(struct sockaddr_in6)));
  union name zero = loopback(0);
  value("port 0", SYS_3(SYS_connect, c, &zero, size_of()));
  close(c);
  c = tcp();
  union name any = n;
  if (family == AF_INET)
    any.four.sin_addr.s_addr = 0;
  else
    any.six.sin6_addr = in6addr_any;
  value("any address is this host", SYS_3(SYS_connect, c, &any, size_of()));
  s = accept(l, NULL, NULL);
  yes_no("accepted", s >= 0);
  union name p = {0};
  socklen_t length = sizeof p;
  getpeername(c, &p.any, &length);
  yes_no("it is loopback", memcmp(&p, &n, length) == 0);
  take("reads wait", c, 1, MSG_DONTWAIT);
  any.any.sa_family = AF_UNSPEC;
  value("taken back", SYS_3(SYS_connect, c, &any, size_of()));
  say_state("the client", c);
  say("server ready %x", ready_for(s, POLLIN));
  take("the server", s, 1, 0);
  value("peer", SYS_3(SYS_getpeername, c, &p, &length));
  value("and to a listener again", SYS_3(SYS_connect, c, &n, size_of()));
  say_state("the client", c);
  close(s);
  s = accept(l, NULL, NULL);
  close(c), close(s);

  c = tcp();
  union name mine = loopback(0);
  bind(c, &mine.any, size_of());
  mine = name_of(c);
  value("to itself", SYS_3(SYS_connect, c, &mine, size_of()));
  say_state("it is its own peer", c);
  give("send", c, "me", 0);
  take("recv", c, 9, MSG_DONTWAIT);
  shutdown(c, SHUT_WR);
  take("end", c, 9, MSG_DONTWAIT);
  close(c);

  value("on a listener", SYS_3(SYS_connect, l, &n, size_of()));
  c = tcp();
  value("listen unbound", SYS_2(SYS_listen, c, 3));
  yes_no("it has a port", port_of((union name[]){name_of(c)}) >= 1024);
  value("bind a listener", SYS_3(SYS_bind, c, &zero, size_of()));
  close(c);

  union name group = n;
  if (family == AF_INET)
    group.four.sin_addr.s_addr = inet_addr("224.0.0.1");
  else
    inet_pton(AF_INET6, "ff02::1", &group.six.sin6_addr);
  c = tcp();
  value("a group", SYS_3(SYS_connect, c, &group, size_of()));
  close(c);
  if (family == AF_INET) {
    group.four.sin_addr.s_addr = INADDR_BROADCAST;
    c = tcp();
    value("broadcast", SYS_3(SYS_connect, c, &group, size_of()));
    close(c);
  }
  c = tcp();
  char byte;
  value("send before", SYS_6(SYS_sendto, c, "x", 1, 0, 0, 0));
  value("recv before", SYS_6(SYS_recvfrom, c, &byte, 1, 0, 0, 0));
  value("read before", SYS_3(SYS_read, c, &byte, 1));
  value("shutdown before", SYS_2(SYS_shutdown, c, SHUT_RDWR));
  value("FIONREAD", count_of(c, FIONREAD));
  value("accept before", SYS_3(SYS_accept, c, 0, 0));
  close(c);
  c = socket(family, SOCK_STREAM, IPPROTO_TCP);
  yes_no("TCP by name", c >= 0);
  close(c);
  value("UDP's number", SYS_3(SYS_socket, family, SOCK_STREAM, IPPROTO_UDP));
  value("a number of nobody's", SYS_3(SYS_socket, family, SOCK_STREAM, 200));
  value("a number beyond", SYS_3(SYS_socket, family, SOCK_STREAM, 300));
  value("SEQPACKET", SYS_3(SYS_socket, family, SOCK_SEQPACKET, 0));
  value("pair", SYS_4(SYS_socketpair, family, SOCK_STREAM, 0, (int[2]){0}));
  return 0;
}
