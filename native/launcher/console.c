// Pseudo-terminals: see console.h.
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "report.h"
#include "ringfence/rights.h"

void console_check(bool terminal, bool detach, const char *socket) {
  if (terminal && detach && !socket)
    fail(EXIT_RINGFENCE, "cannot allocate tty if ringfence will detach without setting console socket");
  if (!terminal && socket)
    fail(EXIT_RINGFENCE, "cannot use console socket if ringfence will not detach or allocate tty");
}

void console_open(struct console *console, unsigned columns, unsigned rows) {
  console->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  int unlocked = 0;
  if (console->master < 0 || ioctl(console->master, TIOCSPTLCK, &unlocked) < 0)
    fail_errno(EXIT_RINGFENCE, "making a terminal");
  // Not by its name: that is found in whichever /dev/pts this process sees.
  console->slave = ioctl(console->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (console->slave < 0) fail_errno(EXIT_RINGFENCE, "opening the other end of a terminal");
  struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
  if (columns && rows && ioctl(console->master, TIOCSWINSZ, &size) < 0)
    fail_errno(EXIT_RINGFENCE, "setting a terminal's size");
}

// A socket's address holds 107 bytes; the path of an engine may be longer, its last part is not.
static int connect_to(const char *path) {
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char directory[4096];
  if (strlen(path) >= sizeof directory || strlen(name) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address.sun_path, name);
  snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  bool connected = fd >= 0 && back >= 0 && chdir(directory) == 0 &&
                   connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
  int error = errno;
  if (back >= 0 && fchdir(back) < 0) connected = false;
  if (back >= 0) close(back);
  if (!connected && fd >= 0) close(fd);
  errno = error;
  return connected ? fd : -1;
}

void console_send(struct console *console, const char *path) {
  int fd = connect_to(path);
  if (fd < 0) fail_errno(EXIT_RINGFENCE, "connecting to the console socket %s", path);
  static char name[] = "/dev/ptmx"; // what runc says, too
  RIGHTS_CONTROL(control, 1);
  struct iovec text = {.iov_base = name, .iov_len = sizeof name - 1};
  struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};
  rights_attach(&message, control, &console->master, 1);
  if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0) fail_errno(EXIT_RINGFENCE, "sending the terminal to %s", path);
  close(fd);
  close(console->master);
  console->master = -1;
}
