// The connector of a trace session: see trace_connector.h.
#include "trace_connector.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../keeper/alone.h"
#include "privileges.h"
#include "report.h"
#include "ringfence/rights.h"

int connector_connect(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// 0 and a descriptor, or a negative errno. False: nobody asks any more.
static bool answer(int32_t result, int fd) {
  RIGHTS_CONTROL(control, 1);
  struct iovec part = {&result, sizeof result};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  rights_attach(&message, control, &fd, fd >= 0);
  ssize_t n;
  do
    n = sendmsg(0, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n == sizeof result;
}

static _Noreturn void run(const struct connector_sockets *sockets, int channel) {
  alone_with(channel, -1, "ringfence-trace");
  // The caller's directory may be unmounted while the sandbox lives; the names of sockets are absolute.
  if (chdir("/") < 0) _exit(1);
  privileges_connector();
  for (;;) {
    uint32_t index;
    ssize_t n = recv(0, &index, sizeof index, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) _exit(0); // the sandbox is gone, or the session
    bool is_known = n == sizeof index && index < CONNECTOR_SOCKETS && (sockets->wanted >> index & 1);
    int fd = is_known ? connector_connect(sockets->paths[index]) : -1;
    int32_t result = fd >= 0 ? 0 : is_known ? -errno : -EINVAL;
    bool is_heard = answer(result, fd) || (fd >= 0 && answer(-EMFILE, -1));
    if (fd >= 0) close(fd);
    if (!is_heard) _exit(0);
  }
}

int connector_start(const struct connector_sockets *sockets) {
  int channel[2], status;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
    fail_errno(EXIT_RINGFENCE, "making the connector's channel");
  pid_t parent = fork();
  if (parent < 0) fail_errno(EXIT_RINGFENCE, "starting the connector of a trace session");
  if (parent == 0) {
    // Nobody who waits for the launcher's children meets it.
    pid_t pid = fork();
    if (pid == 0) run(sockets, channel[1]);
    _exit(pid < 0);
  }
  while (waitpid(parent, &status, 0) < 0 && errno == EINTR)
    continue;
  if (status != 0) fail(EXIT_RINGFENCE, "the connector of a trace session could not be started");
  close(channel[1]);
  return channel[0];
}
