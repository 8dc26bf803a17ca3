// Whom a file's signals go to, as ioctl names it: FIOSETOWN and its relatives, which sockets alone have.
//@ needs: sockets pipes
#include "guest.h"
#include <asm/sockios.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const char *who(int id) {
  return id == getpid() ? "me" : id == -getpgrp() ? "my group" : id == 0 ? "nobody" : "another";
}

static void owner(int fd) {
  int by_fio = 7, by_sioc = 7;
  long a = SYS_3(SYS_ioctl, fd, FIOGETOWN, &by_fio), b = SYS_3(SYS_ioctl, fd, SIOCGPGRP, &by_sioc);
  say("  FIOGETOWN %ld: %s; SIOCGPGRP %ld: %s; F_GETOWN: %s", a, who(by_fio), b, who(by_sioc),
      who(fcntl(fd, F_GETOWN)));
}

int main(void) {
  int s[2], p[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  pipe(p);
  owner(s[0]);
  const struct {
    const char *name;
    int id;
  } ids[] = {{"me", getpid()},
             {"nobody", 0},
             {"my group", -getpgrp()},
             {"a stranger", 4000000},
             {"least", INT32_MIN}};
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    say("%s", ids[i].name);
    value("  FIOSETOWN", SYS_3(SYS_ioctl, s[0], FIOSETOWN, &ids[i].id));
    owner(s[0]);
    value("  SIOCSPGRP", SYS_3(SYS_ioctl, s[0], SIOCSPGRP, &ids[i].id));
    owner(s[0]);
  }
  value("set nowhere", SYS_3(SYS_ioctl, s[0], FIOSETOWN, 8));
  value("get nowhere", SYS_3(SYS_ioctl, s[0], FIOGETOWN, 8));
  int me = getpid();
  value("of a pipe", SYS_3(SYS_ioctl, p[0], FIOSETOWN, &me));
  value("of a pipe", SYS_3(SYS_ioctl, p[0], SIOCGPGRP, &me));
  return 0;
}
