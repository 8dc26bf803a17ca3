// dup, dup2, dup3, fcntl: lowest free numbers, flags per descriptor and per open file.
//@ needs: pipes files
#include "guest.h"
#include <fcntl.h>
#include <sys/resource.h>

int main(void) {
  int fds[2];
  if (pipe(fds)) return 1;
  value("dup", SYS_1(SYS_dup, fds[0]));
  value("dup again", SYS_1(SYS_dup, fds[0]));
  value("close 3", SYS_1(SYS_close, 3));
  value("dup takes the lowest", SYS_1(SYS_dup, 1));
  value("dup2 to 20", SYS_2(SYS_dup2, fds[1], 20));
  value("dup2 to itself", SYS_2(SYS_dup2, 20, 20));
  value("dup3 to itself", SYS_3(SYS_dup3, 20, 20, 0));
  value("dup2 of a bad one to itself", SYS_2(SYS_dup2, 77, 77));
  value("dup3 close-on-exec", SYS_3(SYS_dup3, 20, 21, O_CLOEXEC));
  value("its flag", fcntl(21, F_GETFD));
  value("flag of 20", fcntl(20, F_GETFD));
  value("dup3 bad flags", SYS_3(SYS_dup3, 20, 22, O_NONBLOCK));
  value("F_DUPFD from 30", fcntl(20, F_DUPFD, 30));
  value("F_DUPFD_CLOEXEC from 30", fcntl(20, F_DUPFD_CLOEXEC, 30));
  value("its flag", fcntl(31, F_GETFD));
  value("F_DUPFD from -1", fcntl(20, F_DUPFD, -1) < 0 ? -errno : 0);
  value("F_SETFD", fcntl(20, F_SETFD, FD_CLOEXEC));
  value("its flag", fcntl(20, F_GETFD));
  value("O_NONBLOCK is of the open file", fcntl(20, F_SETFL, O_NONBLOCK));
  value("seen through the other", fcntl(21, F_GETFL));
  value("fcntl 9999", fcntl(20, 9999, 0) < 0 ? -errno : 0);
  value("fcntl of a bad descriptor", fcntl(77, F_GETFD) < 0 ? -errno : 0);
  struct rlimit limit = {40, 40};
  setrlimit(RLIMIT_NOFILE, &limit);
  value("dup2 beyond the limit", SYS_2(SYS_dup2, 1, 40));
  value("F_DUPFD beyond the limit", fcntl(1, F_DUPFD, 40) < 0 ? -errno : 0);
  int count = 0;
  while (SYS_1(SYS_dup, 1) >= 0)
    count++;
  value("until there is no room", count);
  value("then", SYS_1(SYS_dup, 1));
  value("pipe", SYS_1(SYS_pipe, fds));
  value("close_range 5 to 19", SYS_3(SYS_close_range, 5, 19, 0));
  value("dup", SYS_1(SYS_dup, 1));
  return 0;
}
