// The maker of sockets: see maker.h.
#include "maker.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../launcher/privileges.h"
#include "alone.h"
#include "ringfence/rights.h"

static ssize_t receive(int channel, struct maker_request *request, int *fd) {
  ssize_t n;
  do
    n = rights_receive(channel, request, sizeof *request, 0, fd);
  while (n < 0 && errno == EINTR);
  return n;
}

static ssize_t send_answer(int channel, int32_t result, int fd) {
  RIGHTS_CONTROL(control, 1);
  struct iovec part = {&result, sizeof result};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  rights_attach(&message, control, &fd, fd >= 0);
  ssize_t n;
  do
    n = sendmsg(channel, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n;
}

// Each question has one answer, in its turn. What is on its way may be too much for the host (ETOOMANYREFS): then the
// answer goes without the descriptor.
static void answer(int channel, int32_t result, int fd) {
  if (send_answer(channel, result, fd) >= 0) return;
  if (fd >= 0) result = -EMFILE;
  while (errno != EPIPE && errno != ECONNRESET) {
    if (send_answer(channel, result, -1) >= 0) return;
    poll(NULL, 0, 1); // there is no memory
  }
  _exit(0); // Node is gone
}

// Which sockets there are: of the internet's families, and of the protocols that a sandbox's own stack has too.
static bool may_be_made(const struct maker_request *request) {
  if (request->domain != AF_INET && request->domain != AF_INET6) return false;
  switch (request->type) {
  case SOCK_STREAM:
    return request->protocol == IPPROTO_TCP;
  case SOCK_DGRAM:
    return request->protocol == IPPROTO_UDP || request->protocol == IPPROTO_ICMP ||
           request->protocol == IPPROTO_ICMPV6;
  case SOCK_RAW:
    return true;
  default:
    return false;
  }
}

static void serve(int channel, const struct maker_request *request, int given) {
  if (request->what == MAKER_SOCKET && may_be_made(request)) {
    int fd = socket(request->domain, request->type | SOCK_CLOEXEC | SOCK_NONBLOCK, request->protocol);
    answer(channel, fd < 0 ? -errno : 0, fd);
    if (fd >= 0) close(fd);
  } else if (request->what == MAKER_BIND && given == -EMFILE) {
    answer(channel, given, -1);
  } else if (request->what == MAKER_BIND && request->name_length <= sizeof request->name) {
    int error = bind(given, (const struct sockaddr *)request->name, request->name_length);
    answer(channel, error < 0 ? -errno : 0, -1);
  } else {
    answer(channel, -EPROTONOSUPPORT, -1);
  }
}

_Noreturn void maker_run(int channel, const char *empty) {
  alone_with(channel, -1, "ringfence-make");
  privileges_maker(empty);
  for (;;) {
    struct maker_request request = {0};
    int given;
    ssize_t n = receive(0, &request, &given);
    if (n <= 0) _exit(0); // Node is gone
    if (n == sizeof request)
      serve(0, &request, given);
    else
      answer(0, -EINVAL, -1);
    if (given >= 0) close(given);
  }
}
