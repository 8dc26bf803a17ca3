// Sockets on the loopback device of the host's side, which Node asks for: those that stand for what the guest listens on, so
// that whoever is on the host's side of the namespace reaches it at localhost; and those to the engine's name server. Of
// what is asked nothing is taken for good but a family and a port: see keeper.h.
#include "keeper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128

static int closed(int fd) {
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static int stream(int family) {
  return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

// At localhost, or at all addresses: by a link that the keeper has cut off nobody gets there. Whoever comes by another one Node
// sends away.
static int listening(int family, uint16_t port, bool anywhere) {
  int fd = stream(family), on = 1, error;
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET) {
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr.s_addr = htonl(anywhere ? INADDR_ANY : INADDR_LOOPBACK)};
    error = bind(fd, (struct sockaddr *)&name, sizeof name);
  } else {
    struct sockaddr_in6 name = {.sin6_family = AF_INET6,
                                .sin6_port = htons(port),
                                .sin6_addr = anywhere ? in6addr_any : in6addr_loopback};
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    error = bind(fd, (struct sockaddr *)&name, sizeof name);
  }
  return error < 0 || listen(fd, BACKLOG) < 0 ? closed(fd) : fd;
}

static int to_resolver(void) {
  int fd = stream(AF_INET);
  if (fd < 0) return -1;
  struct sockaddr_in name = {
      .sin_family = AF_INET, .sin_port = htons(RESOLVER_PORT), .sin_addr.s_addr = htonl(RESOLVER_ADDRESS)};
  if (connect(fd, (struct sockaddr *)&name, sizeof name) == 0 || errno == EINPROGRESS) return fd;
  return closed(fd);
}

int loopback_socket(const struct keeper_request *request) {
  bool is_family = request->family == AF_INET || request->family == AF_INET6;
  bool is_place = is_family && request->port > 0 && request->port <= UINT16_MAX;
  if (request->what == KEEPER_LISTEN && is_place)
    return listening((int)request->family, (uint16_t)request->port, false);
  if (request->what == KEEPER_LISTEN_ANYWHERE && is_place) {
    int fd = listening((int)request->family, (uint16_t)request->port, true);
    return fd >= 0 ? fd : listening((int)request->family, (uint16_t)request->port, false);
  }
  if (request->what == KEEPER_RESOLVE) return to_resolver();
  errno = EINVAL;
  return -1;
}
