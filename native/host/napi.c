// The N-API face of host.node: what Node's own modules cannot do with a descriptor. Sockets that
// carry descriptors (SCM_RIGHTS), accept, peer credentials, readiness of any descriptor by uv_poll,
// and the event loop's own descriptor for a kernel thread's sleep set. Each thread
// that loads the file has an instance of its own; nothing here is shared between threads.
// Results are numbers: zero or more, or a negative errno. Nothing here blocks, except sendMessage
// on a blocking descriptor without `nonBlocking`.
#include "host.h"

#include <errno.h>
#include <limits.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "ringfence/rights.h"

#define DESCRIPTORS_MAX 253 // SCM_MAX_FD
#define MESSAGE_MAX (1 << 20)

static napi_value number(napi_env env, int64_t value) {
  napi_value result;
  napi_create_int64(env, value, &result);
  return result;
}

// Reads `count` leading integer arguments; false (and an exception) if one is missing or no number.
static bool integers(napi_env env, napi_callback_info info, napi_value *arguments, size_t expected,
                     int32_t *values, size_t count) {
  size_t given = expected;
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) == napi_ok && given >= count) {
    size_t i = 0;
    while (i < count && napi_get_value_int32(env, arguments[i], &values[i]) == napi_ok)
      i++;
    if (i == count) return true;
  }
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "host.node: wrong arguments");
  return false;
}

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

// recvMessage(fd, maxBytes): { data: Buffer, fds: number[] } or a negative errno. Does not wait
// (EAGAIN). End of file is a message without data. What was cut off is an error (EMSGSIZE) and its
// descriptors are closed: a sender never gets to leave some behind.
static napi_value recv_message(napi_env env, napi_callback_info info) {
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

// sendMessage(fd, bytes, fds, nonBlocking): bytes sent, or a negative errno.
static napi_value send_message(napi_env env, napi_callback_info info) {
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
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "host.node: wrong arguments");
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

// accept(fd): descriptor of the next connection, or a negative errno. Does not wait if `fd` is
// polled readable first; a connection that went away meanwhile gives EAGAIN.
static napi_value accept_connection(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int32_t fd;
  if (!integers(env, info, arguments, 1, &fd, 1)) return NULL;
  int result;
  do
    result = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
  while (result < 0 && errno == EINTR);
  return number(env, result < 0 ? -errno : result);
}

// peerUid(fd): user id of the process that connected, in this user namespace.
static napi_value peer_uid(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int32_t fd;
  if (!integers(env, info, arguments, 1, &fd, 1)) return NULL;
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return number(env, -errno);
  return number(env, peer.uid);
}

// One polled descriptor.
struct watch {
  uv_poll_t handle;
  napi_env env;
  napi_ref callback;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  bool closing;
};

static void watch_ready(uv_poll_t *handle, int status, int events) {
  struct watch *watch = handle->data;
  napi_handle_scope scope;
  napi_open_handle_scope(watch->env, &scope);
  napi_value callback, receiver, argument = number(watch->env, status < 0 ? status : events);
  napi_get_reference_value(watch->env, watch->callback, &callback);
  napi_get_global(watch->env, &receiver);
  napi_make_callback(watch->env, watch->context, receiver, callback, 1, &argument, NULL);
  napi_close_handle_scope(watch->env, scope);
}

static void watch_closed(uv_handle_t *handle) {
  struct watch *watch = handle->data;
  napi_remove_async_cleanup_hook(watch->cleanup);
  free(watch);
}

static void watch_close(struct watch *watch) {
  if (watch->closing) return;
  watch->closing = true;
  uv_poll_stop(&watch->handle);
  napi_delete_reference(watch->env, watch->callback);
  napi_async_destroy(watch->env, watch->context);
  uv_close((uv_handle_t *)&watch->handle, watch_closed);
}

static void watch_cleanup(napi_async_cleanup_hook_handle handle, void *data) {
  (void)handle;
  watch_close(data);
}

// pollStart(fd, events, callback): a handle for pollStop. `events` and the callback's argument:
// 1 readable, 2 writable, 4 disconnected; or a negative errno. Level-triggered.
static napi_value poll_start(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  int32_t values[2];
  if (!integers(env, info, arguments, 3, values, 2)) return NULL;
  uv_loop_t *loop;
  struct watch *watch = calloc(1, sizeof *watch);
  if (!watch || napi_get_uv_event_loop(env, &loop) != napi_ok ||
      uv_poll_init(loop, &watch->handle, values[0]) != 0) {
    free(watch);
    napi_throw_error(env, "ERR_POLL", "host.node: this descriptor cannot be polled");
    return NULL;
  }
  watch->env = env;
  watch->handle.data = watch;
  napi_value name, result;
  napi_create_string_utf8(env, "ringfence:poll", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &watch->context);
  napi_create_reference(env, arguments[2], 1, &watch->callback);
  napi_add_async_cleanup_hook(env, watch_cleanup, watch, &watch->cleanup);
  uv_poll_start(&watch->handle, values[1], watch_ready);
  napi_create_external(env, watch, NULL, NULL, &result);
  return result;
}

// pollStop(handle): once per handle, before its descriptor is closed.
static napi_value poll_stop(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t count = 1;
  void *watch = NULL;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok || count < 1 ||
      napi_get_value_external(env, argument, &watch) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "host.node: no poll handle");
    return NULL;
  }
  watch_close(watch);
  return NULL;
}

static void earliest_timer(uv_handle_t *handle, void *due) {
  if (handle->type != UV_TIMER || !uv_is_active(handle)) return;
  uint64_t left = uv_timer_get_due_in((uv_timer_t *)handle);
  int *ms = due;
  if (left > INT_MAX) left = INT_MAX;
  if (*ms < 0 || (int)left < *ms) *ms = (int)left;
}

static __thread uv_loop_t *own_loop;

/* Milliseconds until the event loop of the calling thread has a timer due, or work; -1 for none. Not
   uv_backend_timeout: that says 0 in any callback of setImmediate, which is where a kernel thread's loop runs. */
int rf_event_loop_ms(void) {
  int ms = -1;
  if (!own_loop) return ms;
  // What began to be watched in the last turn is in the loop's epoll descriptor after the next one alone.
  if (own_loop->watcher_queue.next != &own_loop->watcher_queue) return 0;
  uv_update_time(own_loop);
  uv_walk(own_loop, earliest_timer, &ms);
  return ms;
}

// uvBackendFd(): the epoll descriptor of the calling thread's event loop: readable when it has work. From now on
// rf_epoll_wait of this thread ends in time for the loop's timers.
static napi_value uv_loop_fd(napi_env env, napi_callback_info info) {
  (void)info;
  if (napi_get_uv_event_loop(env, &own_loop) != napi_ok) return number(env, -EINVAL);
  return number(env, uv_backend_fd(own_loop));
}

// exitProcess(code): ends the process without asking its threads, which may be in native calls.
static napi_value exit_process(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int32_t code;
  if (!integers(env, info, arguments, 1, &code, 1)) return NULL;
  _exit(code);
}

NAPI_MODULE_INIT() {
  rf_forget_lock_order();
  static const struct {
    const char *name;
    napi_callback function;
  } functions[] = {
      {"recvMessage", recv_message}, {"sendMessage", send_message}, {"accept", accept_connection},
      {"peerUid", peer_uid},         {"pollStart", poll_start},     {"pollStop", poll_stop},
      {"uvBackendFd", uv_loop_fd},   {"exitProcess", exit_process},
  };
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
