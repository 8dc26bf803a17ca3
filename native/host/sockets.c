// Sockets of the host, for sandboxes that were given a network of it (--network=host): made by others, and used here without
// ever waiting. Names, values of options and control messages cross by the scratch area.
#include "host.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "../keeper/maker.h"
#include "ringfence/rights.h"

// Where things stand in the scratch area (src/workers/net/host/host_calls.ts).
enum { NAME = 0, NAME_SIZE = 128, RESULT = NAME_SIZE, CONTROL = 144 };
// Parts of what stands before the bytes that a peek wants, and these (PEEK_MAX in src/workers/net/host/incoming.ts).
enum { PEEK_PARTS = 130 };

struct result {
  uint32_t nameLength, controlLength;
  int32_t flags;
};

static uint8_t *scratch(uint32_t offset, uint32_t length) {
  return offset <= rf_scratch_size && length <= rf_scratch_size - offset ? rf_scratch + offset : NULL;
}

RF_EXPORT int32_t rf_socket_bind(int32_t fd, uint32_t length) {
  uint8_t *name = scratch(NAME, length);
  return name ? result_of(bind(fd, (struct sockaddr *)name, length)) : -EFAULT;
}

/* EINPROGRESS where others wait. */
RF_EXPORT int32_t rf_socket_connect(int32_t fd, uint32_t length) {
  uint8_t *name = scratch(NAME, length);
  return name ? result_of(connect(fd, (struct sockaddr *)name, length)) : -EFAULT;
}

RF_EXPORT int32_t rf_socket_listen(int32_t fd, int32_t backlog) {
  return result_of(listen(fd, backlog));
}

/* The peer's name is where a name is given. */
RF_EXPORT int32_t rf_socket_accept(int32_t fd) {
  struct sockaddr *name = (struct sockaddr *)scratch(NAME, NAME_SIZE);
  socklen_t length = NAME_SIZE;
  return name ? result_of(accept4(fd, name, &length, SOCK_NONBLOCK | SOCK_CLOEXEC)) : -EFAULT;
}

RF_EXPORT int32_t rf_socket_shutdown(int32_t fd, int32_t how) {
  return result_of(shutdown(fd, how));
}

/* The length of the socket's own name, or its peer's. */
RF_EXPORT int32_t rf_socket_name(int32_t fd, int32_t isPeer) {
  struct sockaddr *name = (struct sockaddr *)scratch(NAME, NAME_SIZE);
  if (!name) return -EFAULT;
  socklen_t length = NAME_SIZE;
  int error = isPeer ? getpeername(fd, name, &length) : getsockname(fd, name, &length);
  return error < 0 ? -errno : (int32_t)length;
}

/* The length of an option's value, of which no more than `room` bytes are wanted. */
RF_EXPORT int32_t rf_socket_get(int32_t fd, int32_t level, int32_t name, uint32_t room) {
  uint8_t *value = scratch(0, room);
  if (!value) return -EFAULT;
  // There are options that read what stands there.
  memset(value, 0, room);
  socklen_t length = room;
  return getsockopt(fd, level, name, value, &length) < 0 ? -errno : (int32_t)length;
}

RF_EXPORT int32_t rf_socket_set(int32_t fd, int32_t level, int32_t name, uint32_t length) {
  uint8_t *value = scratch(0, length);
  return value ? result_of(setsockopt(fd, level, name, value, length)) : -EFAULT;
}

/* What an ioctl tells as a number: bytes in a queue, whether the mark is reached. */
RF_EXPORT int32_t rf_socket_count(int32_t fd, uint32_t request) {
  int count = 0;
  return ioctl(fd, request, &count) < 0 ? -errno : count;
}

/* Sends bytes, to a name and with control messages if these have lengths. */
RF_EXPORT int32_t rf_socket_send(int32_t fd, uint8_t *bytes, uint32_t length, int32_t flags,
                                 uint32_t nameLength, uint32_t controlLength) {
  if (nameLength > NAME_SIZE || !scratch(CONTROL, controlLength)) return -EFAULT;
  struct iovec iov = {bytes, length};
  struct msghdr message = {
      .msg_name = nameLength ? rf_scratch + NAME : NULL,
      .msg_namelen = nameLength,
      .msg_iov = &iov,
      .msg_iovlen = 1,
      .msg_control = controlLength ? rf_scratch + CONTROL : NULL,
      .msg_controllen = controlLength,
  };
  return result_of(sendmsg(fd, &message, flags | MSG_DONTWAIT | MSG_NOSIGNAL));
}

static int32_t receive(int32_t fd, struct iovec *iov, size_t count, int32_t flags, uint32_t controlRoom) {
  if (!scratch(CONTROL, controlRoom)) return -EFAULT;
  struct msghdr message = {
      .msg_name = rf_scratch + NAME,
      .msg_namelen = NAME_SIZE,
      .msg_iov = iov,
      .msg_iovlen = count,
      .msg_control = controlRoom ? rf_scratch + CONTROL : NULL,
      .msg_controllen = controlRoom,
  };
  ssize_t n = recvmsg(fd, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0) return -errno;
  struct result result = {message.msg_namelen, (uint32_t)message.msg_controllen, message.msg_flags};
  memcpy(rf_scratch + RESULT, &result, sizeof result);
  return (int32_t)n;
}

/* Receives bytes; struct result and what it counts stand in the scratch area. */
RF_EXPORT int32_t rf_socket_receive(int32_t fd, uint8_t *bytes, uint32_t length, int32_t flags,
                                    uint32_t controlRoom) {
  struct iovec iov = {bytes, length};
  return receive(fd, &iov, 1, flags, controlRoom);
}

/* As rf_socket_receive, of a stream's bytes that stay and stand behind so many others. EAGAIN: there are none. */
RF_EXPORT int32_t rf_socket_peek(int32_t fd, uint8_t *bytes, uint32_t length, int32_t flags,
                                 uint32_t controlRoom, uint32_t skip) {
  struct iovec iov[PEEK_PARTS];
  size_t count = 0;
  // What stands before them goes to the scratch area, one part over the other; names and results come behind it.
  for (uint32_t left = skip; left > 0; count++) {
    if (count == PEEK_PARTS - 1) return -EAGAIN;
    uint32_t part = left < rf_scratch_size ? left : rf_scratch_size;
    iov[count] = (struct iovec){rf_scratch, part};
    left -= part;
  }
  iov[count++] = (struct iovec){bytes, length};
  int32_t n = receive(fd, iov, count, flags | MSG_PEEK, controlRoom);
  if (n <= 0) return n;
  return (uint32_t)n > skip ? n - (int32_t)skip : -EAGAIN;
}

/* Receives bytes, and nothing that goes with them, into the scratch area. */
RF_EXPORT int32_t rf_socket_take(int32_t fd, uint32_t length) {
  uint8_t *bytes = scratch(0, length);
  return bytes ? (int32_t)result_of(recv(fd, bytes, length, MSG_DONTWAIT)) : -EFAULT;
}

/* Receives bytes of a stream into an array, and copies them from there to a stub's memory: how many there were. How many of
   these have arrived stands in the scratch area; the others are in the array. */
RF_EXPORT int32_t rf_receive_to(int32_t fd, int32_t pid, double address, uint32_t length, uint8_t *bytes) {
  uint32_t *told = (uint32_t *)scratch(0, sizeof *told);
  if (!told) return -EFAULT;
  ssize_t n = recv(fd, bytes, length, MSG_DONTWAIT);
  if (n < 0) return -errno;
  int64_t arrived = n > 0 ? rf_copy_to_stub(pid, address, bytes, (size_t)n) : 0;
  *told = arrived > 0 ? (uint32_t)arrived : 0;
  return (int32_t)n;
}

/* Copies a stub's memory to an array, and sends what has come there: how many bytes were taken. EFAULT: none could be
   read. */
RF_EXPORT int32_t rf_send_from(int32_t fd, int32_t pid, double address, uint32_t length, uint8_t *bytes) {
  int64_t fetched = rf_copy_from_stub(pid, address, bytes, length);
  if (fetched <= 0) return -EFAULT;
  return (int32_t)result_of(send(fd, bytes, (size_t)fetched, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* Asks the maker of sockets for one, or has it bind that socket to the name in the scratch area. */
RF_EXPORT int32_t rf_maker_ask(int32_t channel, int32_t domain, int32_t type, int32_t protocol) {
  struct maker_request request = {.what = MAKER_SOCKET, .domain = domain, .type = type, .protocol = protocol};
  return result_of(send(channel, &request, sizeof request, MSG_DONTWAIT | MSG_NOSIGNAL));
}

RF_EXPORT int32_t rf_maker_bind(int32_t channel, int32_t fd, uint32_t length) {
  struct maker_request request = {.what = MAKER_BIND, .name_length = length};
  uint8_t *name = scratch(NAME, length);
  if (!name || length > sizeof request.name) return -EINVAL;
  memcpy(request.name, name, length);
  RIGHTS_CONTROL(control, 1);
  struct iovec part = {&request, sizeof request};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  rights_attach(&message, control, &fd, 1);
  return result_of(sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* The answer to what was asked first: 0 or a negative errno stands in the scratch area, the result is the descriptor that
   came along, or 0; -EMFILE stands there if there was no room for the one that came. EAGAIN: there is no answer yet; EPIPE:
   there will be none any more. */
RF_EXPORT int32_t rf_maker_answer(int32_t channel) {
  int32_t *result = (int32_t *)scratch(0, sizeof *result);
  if (!result) return -EFAULT;
  int fd;
  ssize_t n = rights_receive(channel, result, sizeof *result, MSG_DONTWAIT, &fd);
  if (n < 0) return -errno;
  if (n != sizeof *result) return -EPIPE;
  if (fd == -EMFILE) *result = fd;
  return fd < 0 ? 0 : fd;
}
