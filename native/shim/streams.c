// Terminals and pipes of containers: see addon.h. Descriptors here do not wait.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "shim/addon.h"

static int listen_on(const struct sockaddr_un *name) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  mode_t mask = umask(0177);
  int bound = bind(fd, (const struct sockaddr *)name, sizeof *name);
  int error = bound < 0 || listen(fd, 1) < 0 ? errno : 0;
  umask(mask);
  if (error == 0) return fd;
  close(fd);
  return -error;
}

napi_value listen_at(napi_env env, napi_callback_info info) {
  napi_value path;
  size_t count = 1, length = 0;
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  napi_get_cb_info(env, info, &count, &path, NULL, NULL);
  if (count < 1 || napi_get_value_string_utf8(env, path, NULL, 0, &length) != napi_ok)
    return number(env, -EINVAL);
  if (length >= sizeof name.sun_path) return number(env, -ENAMETOOLONG);
  napi_get_value_string_utf8(env, path, name.sun_path, sizeof name.sun_path, &length);
  return number(env, listen_on(&name));
}

napi_value set_window(napi_env env, napi_callback_info info) {
  napi_value given[3];
  int32_t values[3];
  if (!integers(env, info, given, 3, values, 3)) return NULL;
  struct winsize size = {.ws_col = (unsigned short)values[1], .ws_row = (unsigned short)values[2]};
  return number(env, ioctl(values[0], TIOCSWINSZ, &size) < 0 ? -errno : 0);
}

napi_value set_non_blocking(napi_env env, napi_callback_info info) {
  napi_value given[1];
  int32_t fd;
  if (!integers(env, info, given, 1, &fd, 1)) return NULL;
  int flags = fcntl(fd, F_GETFL);
  return number(env, flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0);
}

napi_value read_some(napi_env env, napi_callback_info info) {
  napi_value given[2];
  int32_t fd;
  void *bytes;
  size_t length;
  if (!integers(env, info, given, 2, &fd, 1)) return NULL;
  if (napi_get_buffer_info(env, given[1], &bytes, &length) != napi_ok) return number(env, -EINVAL);
  ssize_t n;
  do
    n = read(fd, bytes, length);
  while (n < 0 && errno == EINTR);
  return number(env, n < 0 ? -errno : n);
}

napi_value write_some(napi_env env, napi_callback_info info) {
  napi_value given[4];
  int32_t fd;
  uint32_t from, to;
  void *bytes;
  size_t length;
  if (!integers(env, info, given, 4, &fd, 1)) return NULL;
  if (napi_get_buffer_info(env, given[1], &bytes, &length) != napi_ok ||
      napi_get_value_uint32(env, given[2], &from) != napi_ok ||
      napi_get_value_uint32(env, given[3], &to) != napi_ok || from > to || to > length)
    return number(env, -EINVAL);
  ssize_t n;
  do
    n = write(fd, (char *)bytes + from, to - from);
  while (n < 0 && errno == EINTR);
  return number(env, n < 0 ? -errno : n);
}

napi_value duplicate(napi_env env, napi_callback_info info) {
  napi_value given[1];
  int32_t fd;
  if (!integers(env, info, given, 1, &fd, 1)) return NULL;
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return number(env, copy < 0 ? -errno : copy);
}

napi_value make_pipe(napi_env env, napi_callback_info info) {
  (void)info;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return number(env, -errno);
  napi_value result;
  napi_create_array_with_length(env, 2, &result);
  for (uint32_t i = 0; i < 2; i++)
    napi_set_element(env, result, i, number(env, ends[i]));
  return result;
}

napi_value event_counter(napi_env env, napi_callback_info info) {
  (void)info;
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return number(env, fd < 0 ? -errno : fd);
}
