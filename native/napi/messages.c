// Sockets that carry descriptors (SCM_RIGHTS), accept, peer credentials: what Node's own modules cannot do. Nothing here
// blocks, except sendMessage on a blocking descriptor without `nonBlocking`.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "napi/values.h"
#include "ringfence/rights.h"

#define DESCRIPTORS_MAX 253 // SCM_MAX_FD
#define MESSAGE_MAX (1 << 20)

static napi_value message_object(napi_env env, const char *bytes, size_t length, const int *fds,
                                 size_t count) {
  napi_value object, data, list;
  void *copied;
  napi_create_object(env, &object);
  napi_create_buffer_copy(env, length, bytes, &copied, &data);
  napi_create_array_with_length(env, count, &list);
  for (size_t i = 0; i < count; i++)
    napi_set_element(env, list, (uint32_t)i, number(env, fds[i]));
  napi_set_named_property(env, object, "data", data);
  napi_set_named_property(env, object, "fds", list);
  return object;
}

napi_value recv_message(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t values[2];
  if (!integers(env, info, arguments, 2, values, 2)) return NULL;
  size_t size = values[1] < 1 || values[1] > MESSAGE_MAX ? MESSAGE_MAX : (size_t)values[1];
  char *bytes = malloc(size);
  if (!bytes) return number(env, -ENOMEM);
  char control[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
  struct iovec text = {.iov_base = bytes, .iov_len = size};
  struct msghdr message = {
      .msg_iov = &text, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t n;
  do
    n = recvmsg(values[0], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    int error = errno;
    free(bytes);
    return number(env, -error);
  }
  int fds[DESCRIPTORS_MAX];
  size_t count = 0;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    size_t more = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds + count, CMSG_DATA(part), more * sizeof(int));
    count += more;
  }
  napi_value result;
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
    while (count > 0)
      close(fds[--count]);
    result = number(env, -EMSGSIZE);
  } else {
    result = message_object(env, bytes, (size_t)n, fds, count);
  }
  free(bytes);
  return result;
}

napi_value send_message(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  int32_t fd;
  if (!integers(env, info, arguments, 4, &fd, 1)) return NULL;
  void *bytes;
  size_t length;
  uint32_t count = 0;
  bool non_blocking = false, is_array = false;
  if (napi_get_buffer_info(env, arguments[1], &bytes, &length) != napi_ok ||
      napi_is_array(env, arguments[2], &is_array) != napi_ok || !is_array ||
      napi_get_value_bool(env, arguments[3], &non_blocking) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "wrong arguments");
    return NULL;
  }
  napi_get_array_length(env, arguments[2], &count);
  if (count > DESCRIPTORS_MAX) return number(env, -EINVAL);
  int fds[DESCRIPTORS_MAX];
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    if (napi_get_element(env, arguments[2], i, &element) != napi_ok ||
        napi_get_value_int32(env, element, &fds[i]) != napi_ok)
      return number(env, -EBADF);
  }
  RIGHTS_CONTROL(control, DESCRIPTORS_MAX);
  struct iovec text = {.iov_base = bytes, .iov_len = length};
  struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};
  rights_attach(&message, control, fds, count);
  ssize_t n;
  do
    n = sendmsg(fd, &message, MSG_NOSIGNAL | (non_blocking ? MSG_DONTWAIT : 0));
  while (n < 0 && errno == EINTR);
  return number(env, n < 0 ? -errno : n);
}

napi_value accept_connection(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int32_t fd;
  if (!integers(env, info, arguments, 1, &fd, 1)) return NULL;
  int result;
  do
    result = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
  while (result < 0 && errno == EINTR);
  return number(env, result < 0 ? -errno : result);
}

napi_value peer_uid(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int32_t fd;
  if (!integers(env, info, arguments, 1, &fd, 1)) return NULL;
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return number(env, -errno);
  return number(env, peer.uid);
}
