// Connections of TCP: names, data both ways, flags of send and recv, ends.
//@ needs: tcp
//@ args: 4
//@ args: 6
#include "tcp.h"
#include <pthread.h>
#include <sys/uio.h>
#include <sys/wait.h>

static void say_name(const char *what, int fd, int peer, const union name *listens) {
  union name n;
  memset(&n, 0, sizeof n);
  socklen_t length = sizeof n;
  long result = SYS_3(peer ? SYS_getpeername : SYS_getsockname, fd, &n, &length);
  if (failed(result)) {
    say("%s: %s", what, error_name(result));
    return;
  }
  char text[64];
  inet_ntop(n.any.sa_family, n.any.sa_family == AF_INET ? (void *)&n.four.sin_addr : &n.six.sin6_addr, text,
            sizeof text);
  int port = port_of(&n);
  say("%s: %s of %d bytes, %s", what, text, length,
      port == 0                             ? "no port"
      : listens && port == port_of(listens) ? "the listener's port"
                                            : "another port");
}

static void names(void) {
  union name n;
  int l = listening(5, &n);
  say_name("listener", l, 0, &n);
  say_name("its peer", l, 1, &n);
  int c = tcp();
  say_name("before connect", c, 0, &n);
  say_name("its peer", c, 1, &n);
  value("connect", SYS_3(SYS_connect, c, &n, size_of()));
  say_name("client", c, 0, &n);
  say_name("its peer", c, 1, &n);
  union name from;
  memset(&from, 0, sizeof from);
  socklen_t length = sizeof from;
  int s = accept4(l, &from.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  say("accepted: family %d, %d bytes, port %s, flags %o %d", from.any.sa_family, length,
      port_of(&from) == port_of((union name[]){name_of(c)}) ? "the client's" : "another", fcntl(s, F_GETFL),
      fcntl(s, F_GETFD));
  say_name("server", s, 0, &n);
  say_name("its peer", s, 1, NULL);
  length = 5;
  value("short name", SYS_3(SYS_getpeername, c, &from, &length));
  say("length %d", length);
  length = -1;
  value("negative length", SYS_3(SYS_getpeername, c, &from, &length));
  value("no memory", SYS_3(SYS_getpeername, c, 8, &length));
  close(s);
  close(c);
  close(l);
}

static void data(void) {
  join();
  say("ready %x %x", ready(client), ready(server));
  give("send", client, "hello world", 0);
  say("ready %x, %d bytes, out %d", ready(server), count_of(server, FIONREAD), count_of(client, TIOCOUTQ));
  take("peek", server, 5, MSG_PEEK);
  take("some", server, 5, 0);
  give("more", client, "+more", 0);
  take("both at once", server, 50, 0);
  take("empty", server, 50, MSG_DONTWAIT);
  take("nothing wanted", server, 0, MSG_DONTWAIT);
  give("thrown away", client, "0123456789", 0);
  take("truncated", server, 4, MSG_TRUNC);
  take("the rest", server, 50, 0);
  give("all", client, "abc", 0);
  take("waits for all there is", server, 3, MSG_WAITALL);
  value("nothing", SYS_6(SYS_sendto, client, "", 0, 0, 0, 0));
  say("ready %x", ready(server));
  struct iovec parts[3] = {{"one ", 4}, {"", 0}, {"two", 3}};
  value("writev", SYS_3(SYS_writev, client, parts, 3));
  char a[3], b[20] = "";
  struct iovec into[2] = {{a, 3}, {b, 19}};
  value("readv", SYS_3(SYS_readv, server, into, 2));
  say("%.3s|%s", a, b);
  union name elsewhere = loopback(9);
  value("sendto with a name", SYS_6(SYS_sendto, client, "x", 1, 0, &elsewhere, size_of()));
  char c[8];
  socklen_t length = sizeof elsewhere;
  memset(&elsewhere, 0x55, sizeof elsewhere);
  value("recvfrom with a name", SYS_6(SYS_recvfrom, server, c, 8, 0, &elsewhere, &length));
  say("length %d", length);
  value("send from nowhere", SYS_6(SYS_sendto, client, 8, 4, 0, 0, 0));
  give("before a fault", client, "fault", 0);
  value("recv to nowhere", SYS_6(SYS_recvfrom, server, 8, 5, 0, 0, 0));
  take("still there", server, 50, MSG_DONTWAIT);
  give("bad flag", client, "q", 0x8000000);
  take("after it", server, 9, MSG_DONTWAIT);
  struct msghdr m = {.msg_iov = parts, .msg_iovlen = 3};
  value("sendmsg", SYS_3(SYS_sendmsg, client, &m, MSG_MORE));
  give("and the end", client, "!", 0);
  char control[64];
  struct msghdr r = {
      .msg_iov = into, .msg_iovlen = 2, .msg_control = control, .msg_controllen = 64, .msg_flags = 77};
  memset(b, 0, sizeof b);
  value("recvmsg", SYS_3(SYS_recvmsg, server, &r, 0));
  say("%.3s|%s flags %x control %ld", a, b, r.msg_flags, (long)r.msg_controllen);
}

static void ends(void) {
  join();
  give("last words", client, "bye", 0);
  value("shutdown write", SYS_2(SYS_shutdown, client, SHUT_WR));
  say("ready %x %x", ready(client), ready(server));
  give("send behind it", client, "x", 0);
  take("words", server, 9, 0);
  take("end", server, 9, 0);
  take("end again", server, 9, MSG_PEEK);
  give("the other way still", server, "back", 0);
  take("it comes", client, 9, 0);
  close(server);
  server = -1;
  take("both ended", client, 9, 0);
  say("ready %x", ready(client));
  value("shutdown again", SYS_2(SYS_shutdown, client, SHUT_RDWR));
  value("bad how", SYS_2(SYS_shutdown, client, 3));

  join();
  value("shutdown read", SYS_2(SYS_shutdown, client, SHUT_RD));
  take("reads end", client, 9, 0);
  say("ready %x", ready(client));
  give("the peer does not know", server, "data", 0);
  take("it is read all the same", client, 9, MSG_DONTWAIT);
  take("then the end", client, 9, MSG_DONTWAIT);

  join();
  give("unread", client, "unread", 0);
  close(server);
  server = -1;
  say("reset: ready %x", ready_for(client, POLLIN));
  take("once", client, 9, 0);
  take("then the end", client, 9, 0);
  give("nobody there", client, "x", MSG_NOSIGNAL);
  say_error("error", client);

  join();
  close(server);
  server = -1;
  give("the first is taken", client, "x", 0);
  give("the second is not", client, "y", 0);
  say_error("error", client);
  take("end", client, 9, 0);

  signal(SIGPIPE, SIG_DFL);
  join();
  if (fork() == 0) {
    shutdown(client, SHUT_WR);
    send(client, "x", 1, 0);
    _exit(0);
  }
  int status;
  wait(&status);
  say("SIGPIPE ends it: %x", status);
  signal(SIGPIPE, SIG_IGN);
}

#define BIG (3 << 20)
static unsigned char out[BIG], in[BIG];

static void *sender(void *unused) {
  for (size_t done = 0; done < BIG;) {
    size_t piece = 1 + (done * 7919) % 100000;
    if (piece > BIG - done) piece = BIG - done;
    ssize_t n = send(client, out + done, piece, 0);
    if (n <= 0) break;
    done += n;
  }
  shutdown(client, SHUT_WR);
  return unused;
}

static void bulk(void) {
  join();
  for (int i = 0; i < BIG; i++)
    out[i] = (i * 31 + (i >> 9)) & 0xff;
  pthread_t thread;
  pthread_create(&thread, NULL, sender, NULL);
  size_t done = 0;
  for (;;) {
    size_t piece = 1 + (done * 104729) % 70000;
    if (piece > BIG - done) piece = BIG - done;
    if (piece == 0) piece = 1;
    ssize_t n = recv(server, in + (done < BIG ? done : 0), piece, done % 3 == 0 ? MSG_WAITALL : 0);
    if (n <= 0) break;
    done += n;
  }
  pthread_join(thread, NULL);
  say("%zu bytes came, %s", done, memcmp(in, out, BIG) == 0 ? "the same" : "others");
}

int main(int argc, char **argv) {
  choose_family(argc, argv);
  names();
  data();
  ends();
  bulk();
  return 0;
}
