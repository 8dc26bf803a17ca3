// SCM_RIGHTS and SCM_CREDENTIALS: files and identities that go with messages; recvmsg's answers.
//@ needs: sockets tasks pipes
#include "guest.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static int s[2];

// Sends `text` with descriptors.
static long give(int fd, const char *text, const int *fds, int count) {
  struct iovec v = {(void *)text, strlen(text)};
  union {
    struct cmsghdr c;
    char room[CMSG_SPACE(260 * sizeof(int))];
  } u;
  struct msghdr m = {
      .msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = CMSG_SPACE(count * 4)};
  memset(&u, 0, sizeof u);
  u.c.cmsg_len = CMSG_LEN(count * 4);
  u.c.cmsg_level = SOL_SOCKET;
  u.c.cmsg_type = SCM_RIGHTS;
  memcpy(CMSG_DATA(&u.c), fds, count * 4);
  return SYS_3(SYS_sendmsg, fd, &m, 0);
}

static int got[300];

static void take(const char *what, int fd, size_t room, size_t control, int flags) {
  static char text[200], c[2000];
  struct iovec v = {text, room};
  struct sockaddr_un from;
  struct msghdr m = {.msg_name = &from,
                     .msg_namelen = sizeof from,
                     .msg_iov = &v,
                     .msg_iovlen = 1,
                     .msg_control = control ? c : 0,
                     .msg_controllen = control,
                     .msg_flags = 0x7777};
  memset(text, 0, sizeof text);
  long n = SYS_3(SYS_recvmsg, fd, &m, flags);
  if (failed(n)) {
    say("%s: %s", what, error_name(n));
    return;
  }
  char line[400];
  sprintf(line, "%s: %ld '%s' flags %x control %ld name %d", what, n, text, m.msg_flags,
          (long)m.msg_controllen, m.msg_namelen);
  for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
    if (h->cmsg_type == SCM_RIGHTS) {
      int count = (h->cmsg_len - CMSG_LEN(0)) / 4;
      sprintf(line + strlen(line), "; files %d", count);
      memcpy(got, CMSG_DATA(h), count * 4);
      for (int i = 0; i < count && i < 4; i++)
        sprintf(line + strlen(line), " %s%s", fcntl(got[i], F_GETFD) < 0 ? "bad" : "good",
                fcntl(got[i], F_GETFD) == 1 ? "+cloexec" : "");
    } else if (h->cmsg_type == SCM_CREDENTIALS) {
      struct ucred u;
      memcpy(&u, CMSG_DATA(h), sizeof u);
      sprintf(line + strlen(line), "; from %s %s",
              u.pid == getpid() ? "self"
              : u.pid == 0      ? "nobody"
                                : "another",
              u.uid == getuid() && u.gid == getgid() ? "own ids" : "other ids");
    } else
      sprintf(line + strlen(line), "; type %d", h->cmsg_type);
  }
  say("%s", line);
}

static void kind(const char *name, int type) {
  say("-- %s", name);
  socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, s);
  int p[2];
  pipe(p);
  value("one file", give(s[0], "abc", p, 1));
  take("taken", s[1], 100, 200, MSG_CMSG_CLOEXEC);
  write(p[1], "pipe", 4);
  char c[10] = "";
  value("the file works", SYS_3(SYS_read, got[0], c, 10));
  close(got[0]);
  value("two files", give(s[0], "def", p, 2));
  take("peek", s[1], 100, 200, MSG_PEEK);
  close(got[0]), close(got[1]);
  take("room for one", s[1], 100, CMSG_LEN(4), 0);
  value("two files", give(s[0], "ghi", p, 2));
  take("no room", s[1], 100, 0, 0);
  value("two files", give(s[0], "jkl", p, 2));
  take("too little room for any", s[1], 100, 10, 0);
  value("files and plain", give(s[0], "one", p, 1));
  SYS_6(SYS_sendto, s[0], "two", 3, 0, 0, 0);
  SYS_6(SYS_sendto, s[0], "three", 5, 0, 0, 0);
  value("files and plain", give(s[0], "four", p, 1));
  SYS_6(SYS_sendto, s[0], "five", 4, 0, 0, 0);
  take("first", s[1], 100, 200, 0);
  close(got[0]);
  take("second", s[1], 100, 200, 0);
  take("third", s[1], 100, 200, 0);
  take("fourth", s[1], 100, 200, 0);
  take("fifth", s[1], 100, 200, 0);
  int bad = 99;
  value("a bad descriptor", give(s[0], "x", &bad, 1));
  static int lots[260];
  for (int i = 0; i < 260; i++)
    lots[i] = p[0];
  value("253 files", give(s[0], "x", lots, 253));
  value("254 files", give(s[0], "x", lots, 254));
  take("many", s[1], 100, 2000, 0);
  for (int i = 0; i < 253; i++)
    close(got[i]);
  // A file that is only on its way lives on.
  value("the last holder sends", give(s[0], "y", p, 1));
  close(p[0]);
  signal(SIGPIPE, SIG_IGN);
  value("write to what is on its way", SYS_3(SYS_write, p[1], "x", 1));
  take("taken", s[1], 100, 200, 0);
  value("read", SYS_3(SYS_read, got[0], c, 10));
  value("a socket into itself", give(s[0], "z", s, 2));
  close(s[0]), close(s[1]), close(p[1]), close(got[0]);
}

static void credentials(int type) {
  say("-- credentials %d", type);
  socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, s);
  int on = 1;
  SYS_6(SYS_sendto, s[0], "before", 6, 0, 0, 0);
  value("SO_PASSCRED", SYS_5(SYS_setsockopt, s[1], SOL_SOCKET, SO_PASSCRED, &on, 4));
  take("sent before", s[1], 100, 200, 0);
  SYS_6(SYS_sendto, s[0], "after", 5, 0, 0, 0);
  take("sent after", s[1], 100, 200, 0);
  SYS_6(SYS_sendto, s[0], "cut", 3, 0, 0, 0);
  take("little room", s[1], 100, 20, 0);
  if (fork() == 0) {
    SYS_6(SYS_sendto, s[0], "child", 5, 0, 0, 0);
    _exit(0);
  }
  wait(0);
  SYS_6(SYS_sendto, s[0], "parent", 6, 0, 0, 0);
  take("two writers", s[1], 100, 200, 0);
  take("do not mix", s[1], 100, 200, 0);
  struct ucred u = {getpid(), getuid(), getgid()};
  struct iovec v = {"claim", 5};
  union {
    struct cmsghdr c;
    char room[CMSG_SPACE(sizeof u)];
  } b;
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &b, .msg_controllen = sizeof b};
  memset(&b, 0, sizeof b);
  b.c.cmsg_len = CMSG_LEN(sizeof u), b.c.cmsg_level = SOL_SOCKET, b.c.cmsg_type = SCM_CREDENTIALS;
  memcpy(CMSG_DATA(&b.c), &u, sizeof u);
  value("a true claim", SYS_3(SYS_sendmsg, s[0], &m, 0));
  take("claim", s[1], 100, 200, 0);
  b.c.cmsg_len = 5;
  value("a short header", SYS_3(SYS_sendmsg, s[0], &m, 0));
  b.c.cmsg_len = 500;
  value("a long header", SYS_3(SYS_sendmsg, s[0], &m, 0));
  b.c.cmsg_len = CMSG_LEN(sizeof u), b.c.cmsg_type = 77;
  value("an unknown type", SYS_3(SYS_sendmsg, s[0], &m, 0));
  b.c.cmsg_level = 77;
  value("an unknown level", SYS_3(SYS_sendmsg, s[0], &m, 0));
  struct ucred peer;
  socklen_t length = sizeof peer;
  value("SO_PEERCRED", SYS_5(SYS_getsockopt, s[0], SOL_SOCKET, SO_PEERCRED, &peer, &length));
  yes_no("this process", peer.pid == getpid() && peer.uid == geteuid() && peer.gid == getegid());
  close(s[0]), close(s[1]);
}

int main(void) {
  kind("stream", SOCK_STREAM);
  kind("datagram", SOCK_DGRAM);
  kind("seqpacket", SOCK_SEQPACKET);
  credentials(SOCK_STREAM);
  credentials(SOCK_DGRAM);
  return 0;
}
