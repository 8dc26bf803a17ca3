// The N-API face of host.node: what Node's own modules cannot do with a descriptor (napi/values.h), and the event loop's own
// descriptor for a kernel thread's sleep set. Each thread that loads the file has an instance of its own; nothing here is
// shared between threads.
#include "host.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>
#include <uv.h>

#include "napi/values.h"

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
  static const struct napi_entry entries[] = {
      {"recvMessage", recv_message}, {"sendMessage", send_message}, {"accept", accept_connection},
      {"peerUid", peer_uid},         {"pollStart", poll_start},     {"pollStop", poll_stop},
      {"uvBackendFd", uv_loop_fd},   {"exitProcess", exit_process},
  };
  export_entries(env, exports, entries, sizeof entries / sizeof entries[0]);
  return exports;
}
