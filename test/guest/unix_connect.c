// Connections of AF_UNIX: bind, listen, connect, accept, in the file system and by abstract names.
//@ needs: sockets tasks files
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static int ready(int fd) {
  struct pollfd f = {fd, 0x7fff, 0};
  poll(&f, 1, 0);
  return f.revents;
}

static void show(const char *what, int fd, int peer) {
  struct sockaddr_un a;
  socklen_t length = sizeof a;
  memset(&a, 0x55, sizeof a);
  long n = SYS_3(peer ? SYS_getpeername : SYS_getsockname, fd, &a, &length);
  if (failed(n)) {
    say("%s: %s", what, error_name(n));
    return;
  }
  const char *slash = length > 2 && a.sun_path[0] ? strrchr(a.sun_path, '/') : 0;
  say("%s: length %d family %d %s", what, length > 10 ? -1 : (int)length, a.sun_family, slash ? slash : "");
}

static void pause_ms(int ms) {
  struct timespec t = {0, ms * 1000000l};
  nanosleep(&t, 0);
}

static void handler(int signo) {
  (void)signo;
}

int main(void) {
  char dir[] = "/tmp/unixXXXXXX";
  if (!mkdtemp(dir)) return 1;
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  sprintf(a.sun_path, "%s/s", dir);
  socklen_t al = offsetof(struct sockaddr_un, sun_path) + strlen(a.sun_path) + 1;
  umask(022);
  int l = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
  show("name before", l, 0);
  value("listen without a name", SYS_2(SYS_listen, l, 5));
  value("connect to nothing", SYS_3(SYS_connect, c, &a, al));
  value("bind", SYS_3(SYS_bind, l, &a, al));
  show("name", l, 0);
  struct stat st;
  stat(a.sun_path, &st);
  say("mode %o", st.st_mode);
  value("bind again", SYS_3(SYS_bind, l, &a, al));
  value("the name is taken", SYS_3(SYS_bind, c, &a, al));
  value("connect before listen", SYS_3(SYS_connect, c, &a, al));
  value("open it", SYS_2(SYS_open, a.sun_path, O_RDWR));
  value("listen", SYS_2(SYS_listen, l, 1));
  say("ready %x", ready(l));
  value("accept, nobody", SYS_3(SYS_accept, l, 0, 0));
  value("connect", SYS_3(SYS_connect, c, &a, al));
  say("ready %x %x", ready(l), ready(c));
  show("client's name", c, 0);
  show("client's peer", c, 1);
  value("connect again", SYS_3(SYS_connect, c, &a, al));
  value("write before it is accepted", SYS_3(SYS_write, c, "early", 5));
  struct sockaddr_un from;
  socklen_t length = sizeof from;
  int s = SYS_4(SYS_accept4, l, &from, &length, SOCK_CLOEXEC);
  say("accepted %d, length %d, flags %o %d", s, length, fcntl(s, F_GETFL), fcntl(s, F_GETFD));
  show("server's name", s, 0);
  show("server's peer", s, 1);
  char text[20] = "";
  value("read", SYS_3(SYS_read, s, text, 10));
  say("got %s", text);
  value("and back", SYS_3(SYS_write, s, "answer", 6));
  value("read", SYS_3(SYS_read, c, text, 10));
  value("read of a listener", SYS_3(SYS_read, l, text, 10));
  value("write to a listener", SYS_3(SYS_write, l, text, 10));
  value("connect of a listener", SYS_3(SYS_connect, l, &a, al));
  show("peer of a listener", l, 1);
  value("accept of no listener", SYS_3(SYS_accept, c, 0, 0));
  value("accept4, bad flags", SYS_4(SYS_accept4, l, 0, 0, 1));

  // The backlog, without waiting and with.
  int many[5];
  for (int i = 0; i < 5; i++) {
    many[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    value("connect", SYS_3(SYS_connect, many[i], &a, al));
  }
  pid_t self = getpid();
  struct sigaction act = {.sa_handler = handler};
  sigaction(SIGUSR1, &act, 0);
  if (fork() == 0) {
    pause_ms(30);
    kill(self, SIGUSR1);
    _exit(0);
  }
  int waiting = socket(AF_UNIX, SOCK_STREAM, 0);
  value("waiting connect, interrupted", SYS_3(SYS_connect, waiting, &a, al));
  wait(0);
  if (fork() == 0) {
    value("child: waiting connect", SYS_3(SYS_connect, waiting, &a, al));
    _exit(0);
  }
  pause_ms(30);
  close(SYS_3(SYS_accept, l, 0, 0));
  wait(0);
  close(l);
  say("ready, listener gone before it accepted: %x", ready(many[1]));
  value("read", SYS_3(SYS_read, many[1], text, 10));
  value("connect to a name without a socket", SYS_3(SYS_connect, many[4], &a, al));

  // A waiting accept, in another process.
  unlink(a.sun_path);
  l = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  bind(l, (void *)&a, al);
  listen(l, 5);
  value("wrong type", SYS_3(SYS_connect, many[4], &a, al));
  if (fork() == 0) {
    s = accept(l, 0, 0);
    value("child: read", SYS_3(SYS_read, s, text, 10));
    write(s, "pong", 4);
    _exit(0);
  }
  c = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  pause_ms(20);
  value("connect", SYS_3(SYS_connect, c, &a, al));
  write(c, "ping!", 5);
  value("read", SYS_3(SYS_read, c, text, 10));
  value("end", SYS_3(SYS_read, c, text, 10));
  wait(0);

  // Addresses.
  struct sockaddr_un x = {.sun_family = AF_UNIX};
  int f = socket(AF_UNIX, SOCK_STREAM, 0);
  value("bind, too short", SYS_3(SYS_bind, f, &x, 1));
  value("bind, too long", SYS_3(SYS_bind, f, &x, 111));
  value("bind, negative", SYS_3(SYS_bind, f, &x, -1));
  x.sun_family = AF_INET;
  value("bind, wrong family", SYS_3(SYS_bind, f, &x, 20));
  x.sun_family = AF_UNIX;
  value("bind, bad address", SYS_3(SYS_bind, f, 8, 20));
  strcpy(x.sun_path, "/no/such/directory/x");
  value("bind, no directory", SYS_3(SYS_bind, f, &x, 30));
  strcpy(x.sun_path, "/tmp");
  value("bind, exists", SYS_3(SYS_bind, f, &x, 10));
  value("connect to a directory", SYS_3(SYS_connect, f, &x, 10));
  value("autobind", SYS_3(SYS_bind, f, &x, 2));
  show("autobound", f, 0);
  length = 1;
  from.sun_path[0] = 'Z';
  value("getsockname, little room", SYS_3(SYS_getsockname, f, &from, &length));
  say("length %d", length);
  length = -1;
  value("getsockname, negative room", SYS_3(SYS_getsockname, f, &from, &length));
  value("getsockname, bad length", SYS_3(SYS_getsockname, f, &from, 8));
  length = 20;
  value("getsockname, bad address", SYS_3(SYS_getsockname, f, 8, &length));
  value("getsockname, no socket", SYS_3(SYS_getsockname, 1, &from, &length));

  // Abstract names hold any bytes and end with their socket.
  struct sockaddr_un n = {.sun_family = AF_UNIX};
  sprintf(n.sun_path + 1, "%d%c%cabstract", self, 0, 1);
  socklen_t nl = 30;
  l = socket(AF_UNIX, SOCK_STREAM, 0);
  value("bind", SYS_3(SYS_bind, l, &n, nl));
  listen(l, 5);
  c = socket(AF_UNIX, SOCK_STREAM, 0);
  value("another length, another name", SYS_3(SYS_connect, c, &n, nl - 1));
  value("connect", SYS_3(SYS_connect, c, &n, nl));
  show("peer", c, 1);
  close(l);
  value("gone", SYS_3(SYS_connect, socket(AF_UNIX, SOCK_STREAM, 0), &n, nl));
  unlink(a.sun_path);
  rmdir(dir);
  return 0;
}
