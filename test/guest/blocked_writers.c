// Writers that wait, and what lets them go on: a pipe that takes a part of a vmsplice, a terminal whose input
// is flushed.
//@ needs: fork signals pipes ptys
#include "guest.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>

static void vmsplice_takes_what_fits(void) {
  int fds[2];
  if (pipe(fds)) return;
  char *bytes = pages(32);
  struct iovec vector = {bytes, 32 * PAGE};
  value("more than fits", vmsplice(fds[1], &vector, 1, 0));
  value("full, without waiting", vmsplice(fds[1], &vector, 1, SPLICE_F_NONBLOCK) < 0 ? -errno : 0);
  int pid = fork(), status;
  if (pid == 0) {
    alarm(10);
    _exit(vmsplice(fds[1], &vector, 1, 0) == 2 * PAGE ? 3 : 4);
  }
  usleep(50000);
  value("read", read(fds[0], bytes, 2 * PAGE));
  waitpid(pid, &status, 0);
  value("who waited took what was free", status);
  close(fds[0]);
  signal(SIGPIPE, SIG_IGN);
  value("nobody reads", vmsplice(fds[1], &vector, 1, 0) < 0 ? -errno : 0);
  signal(SIGPIPE, SIG_DFL);
}

static void flushed_terminal(void) {
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || grantpt(master) || unlockpt(master)) return;
  int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  struct termios settings;
  tcgetattr(slave, &settings);
  settings.c_lflag &= ~ECHO;
  tcsetattr(slave, TCSANOW, &settings);
  int pid = fork(), status = 0;
  if (pid == 0) {
    alarm(20);
    for (int sent = 0; sent < 40000; sent += 8)
      if (write(master, "0123456\n", 8) != 8) _exit(2);
    _exit(0);
  }
  int done = 0;
  for (int i = 0; i < 400 && !done; i++) {
    usleep(10000);
    tcflush(slave, TCIFLUSH);
    done = waitpid(pid, &status, WNOHANG) == pid;
  }
  yes_no("keys go on when input is flushed", done);
  value("status", status);
  if (!done) kill(pid, SIGKILL);
}

int main(void) {
  vmsplice_takes_what_fits();
  flushed_terminal();
  return 0;
}
