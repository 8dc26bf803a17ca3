// IP_PKTOPTIONS: what a stream tells of the packet that has opened it, as far as there is room for it, and that other sockets
// have no such option.
//@ needs: tcp
//@ args: 4
//@ args: 6
#include "tcp.h"

#ifndef IP_PKTOPTIONS
#define IP_PKTOPTIONS 9
#endif

static void tell(const char *what, int fd, int room) {
  char bytes[256], line[900];
  socklen_t length = room;
  memset(bytes, 0xee, sizeof bytes);
  long r = SYS_5(SYS_getsockopt, fd, IPPROTO_IP, IP_PKTOPTIONS, bytes, &length);
  int n =
      sprintf(line, "%s, room for %d: %s, %d:", what, room, failed(r) ? error_name(r) : "ok", (int)length);
  for (int i = 0; !failed(r) && i < (int)length; i++)
    // What fills a message up is nobody's.
    n += sprintf(line + n, "%s%02x", i % 4 ? "" : " ",
                 i / 4 == 7 || i / 4 == 13 ? 0 : (unsigned char)bytes[i]);
  say("%s", line);
}

static void want(int fd, int value) {
  setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &value, sizeof value);
  setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &value, sizeof value);
  setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &value, sizeof value);
}

int main(int argc, char **argv) {
  choose_family(argc, argv);
  union name n;
  int tos = 0x20, ttl = 33, fresh = tcp();
  tell("fresh", fresh, 200);
  want(fresh, 1);
  tell("fresh", fresh, 52);
  listener = listening(1, &n);
  client = tcp();
  setsockopt(client, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
  setsockopt(client, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
  if (connect(client, &n.any, size_of()) != 0) _exit(96);
  server = accept(listener, NULL, NULL);
  tell("nothing is wanted", server, 200);
  want(server, 1), want(client, 1), want(listener, 1);
  tell("who listens", listener, 52);
  tell("who has connected", client, 52);
  for (int room = 0; room < 80; room += room < 56 ? 4 : 20)
    tell("who was accepted", server, room);
  tell("no room", server, -1);
  value("set", SYS_5(SYS_setsockopt, server, IPPROTO_IP, IP_PKTOPTIONS, &ttl, 4));
  want(server, 0);
  tell("nothing any more", server, 200);
  tell("datagrams", socket(family, SOCK_DGRAM, 0), 200);
  return 0;
}
