// Pipes in one process: capacity, non-blocking ends, ends that are closed.
//@ needs: pipes signals
#include "guest.h"
#include <fcntl.h>
#include <sys/ioctl.h>

int main(void) {
  int fds[2] = {-1, -1};
  value("pipe2 O_NONBLOCK|O_CLOEXEC", SYS_2(SYS_pipe2, fds, O_NONBLOCK | O_CLOEXEC));
  say("descriptors %d %d", fds[0], fds[1]);
  value("flags of the reading end", fcntl(fds[0], F_GETFL));
  value("flags of the writing end", fcntl(fds[1], F_GETFL));
  value("close-on-exec", fcntl(fds[0], F_GETFD));
  char buffer[70000];
  memset(buffer, 'p', sizeof buffer);
  value("read of an empty pipe", read(fds[0], buffer, 10) < 0 ? -errno : 0);
  value("write 5", write(fds[1], "hello", 5));
  int waiting = -1;
  value("FIONREAD", ioctl(fds[0], FIONREAD, &waiting));
  value(" bytes", waiting);
  value("read 3", read(fds[0], buffer, 3));
  value("read the rest", read(fds[0], buffer, 100));
  value("write 70000", write(fds[1], buffer, 70000));
  value("write 1 more", write(fds[1], buffer, 1) < 0 ? -errno : 0);
  value("read 4096", read(fds[0], buffer, 4096));
  value("write 5000, more than fits at once", write(fds[1], buffer, 5000));
  value("read all", read(fds[0], buffer, 70000));
  value("capacity", fcntl(fds[0], F_GETPIPE_SZ));
  value("capacity 8192", fcntl(fds[0], F_SETPIPE_SZ, 8192));
  value("write 20000", write(fds[1], buffer, 20000));
  value("capacity below what is in it", fcntl(fds[0], F_SETPIPE_SZ, 4096) < 0 ? -errno : 0);
  value("lseek", lseek(fds[0], 0, SEEK_SET) < 0 ? -errno : 0);
  value("write to the reading end", write(fds[0], "x", 1) < 0 ? -errno : 0);
  value("read of the writing end", read(fds[1], buffer, 1) < 0 ? -errno : 0);
  close(fds[1]);
  value("read what is left", read(fds[0], buffer, 70000));
  value("then end of file", read(fds[0], buffer, 70000));
  close(fds[0]);
  value("pipe2 bad flags", SYS_2(SYS_pipe2, fds, 0x40000000));
  value("pipe bad address", SYS_1(SYS_pipe, 8));
  value("pipe", SYS_1(SYS_pipe, fds));
  close(fds[0]);
  signal(SIGPIPE, SIG_IGN);
  value("write without a reader", write(fds[1], "x", 1) < 0 ? -errno : 0);
  signal(SIGPIPE, SIG_DFL);
  say("and with SIGPIPE");
  value("write", write(fds[1], "x", 1));
  return 0;
}
