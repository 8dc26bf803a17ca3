// ioctl's own ways to set descriptor and status flags: FIOCLEX, FIONCLEX, FIONBIO.
//@ needs: pipes
#include "guest.h"
#include <fcntl.h>
#include <sys/ioctl.h>

int main(void) {
  int p[2], on = 1, off = 0;
  pipe(p);
  outcome("FIOCLEX", SYS_2(SYS_ioctl, p[0], FIOCLEX));
  value("close on exec", fcntl(p[0], F_GETFD));
  outcome("FIONCLEX", SYS_2(SYS_ioctl, p[0], FIONCLEX));
  value("close on exec", fcntl(p[0], F_GETFD));
  outcome("FIONBIO on", SYS_3(SYS_ioctl, p[0], FIONBIO, &on));
  value("not blocking", (fcntl(p[0], F_GETFL) & O_NONBLOCK) != 0);
  char c;
  outcome("read", SYS_3(SYS_read, p[0], &c, 1));
  outcome("FIONBIO off", SYS_3(SYS_ioctl, p[0], FIONBIO, &off));
  value("not blocking", (fcntl(p[0], F_GETFL) & O_NONBLOCK) != 0);
  outcome("FIONBIO nowhere", SYS_3(SYS_ioctl, p[0], FIONBIO, 8));
  outcome("bad descriptor", SYS_2(SYS_ioctl, 77, FIOCLEX));
  return 0;
}
