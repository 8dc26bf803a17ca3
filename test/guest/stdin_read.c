// read from standard input, a pipe: pieces as they are asked for, then end of file.
//@ stdin: hello, guest\nsecond line\n
//@ needs: streams
#include "guest.h"
#include <sys/ioctl.h>

static void waiting(void) {
  int bytes = -1;
  value("FIONREAD", SYS_3(SYS_ioctl, 0, FIONREAD, &bytes));
  value("waiting", bytes);
}

int main(void) {
  char buffer[64] = "";
  waiting();
  value("5 bytes", read(0, buffer, 5));
  say("got %.5s", buffer);
  waiting();
  value("0 bytes", read(0, buffer, 0));
  value("1 byte", read(0, buffer, 1));
  size_t total = 0;
  ssize_t n;
  while ((n = read(0, buffer, sizeof buffer)) > 0)
    total += n;
  value("the rest", total);
  waiting();
  value("end of file", n);
  value("end of file again", read(0, buffer, 10));
  return 0;
}
