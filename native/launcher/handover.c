// Handing over descriptors: see handover.h.
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "report.h"
#include "ringfence/rights.h"

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

void handover_send(const char *path, const char *text, int fd) {
  int socket = connect_to(path);
  if (socket < 0) fail_errno(EXIT_RINGFENCE, "connecting to the socket %s", path);
  RIGHTS_CONTROL(control, 1);
  struct iovec part = {.iov_base = (char *)text, .iov_len = strlen(text)};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  rights_attach(&message, control, &fd, 1);
  if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
    fail_errno(EXIT_RINGFENCE, "sending a descriptor to %s", path);
  close(socket);
}

void handover_pidfd(const char *path, const char *text, pid_t pid) {
  if (!path) return;
  int process = (int)syscall(SYS_pidfd_open, pid, 0);
  if (process < 0) fail_errno(EXIT_RINGFENCE, "opening a pidfd of process %d", pid);
  handover_send(path, text, process);
  close(process);
}
