// Files that cannot be spliced say so at once, whatever is in the pipe at the other end.
#include "guest.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

int main(void) {
  sigset_t none;
  sigemptyset(&none);
  struct {
    const char *what;
    int fd;
  } kinds[] = {
      {"epoll", epoll_create1(0)},
      {"eventfd", eventfd(0, 0)},
      {"signalfd", signalfd(-1, &none, 0)},
      {"timerfd", timerfd_create(CLOCK_MONOTONIC, 0)},
      {"inotify", inotify_init()},
      {"pidfd", SYS_2(SYS_pidfd_open, getpid(), 0)},
      {"directory", open("/", O_RDONLY | O_DIRECTORY)},
      {"socket", socket(AF_UNIX, SOCK_STREAM, 0)},
  };
  int file = open("/tmp/splice_kinds", O_RDWR | O_CREAT | O_TRUNC, 0600);
  write(file, "0123456789", 10);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    int empty[2], full[2];
    pipe(empty), pipe(full);
    write(full[1], "bytes", 5);
    say("%s", kinds[i].what);
    int fd = kinds[i].fd;
    outcome(" from an empty pipe", SYS_6(SYS_splice, empty[0], 0, fd, 0, 3, SPLICE_F_NONBLOCK));
    outcome(" from a pipe", SYS_6(SYS_splice, full[0], 0, fd, 0, 3, 0));
    if (i < 7)
      outcome(" from a pipe that may come to something", SYS_6(SYS_splice, empty[0], 0, fd, 0, 3, 0));
    outcome(" to a pipe", SYS_6(SYS_splice, fd, 0, empty[1], 0, 3, SPLICE_F_NONBLOCK));
    lseek(file, 0, SEEK_SET);
    outcome(" sent to", SYS_4(SYS_sendfile, fd, file, 0, 3));
    outcome(" sent from", SYS_4(SYS_sendfile, full[1], fd, 0, 3));
    close(empty[0]), close(empty[1]), close(full[0]), close(full[1]);
  }
  unlink("/tmp/splice_kinds");
  return 0;
}
