// Readiness of any descriptor, by uv_poll.
#include <stdlib.h>
#include <uv.h>

#include "napi/values.h"

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

napi_value poll_start(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  int32_t values[2];
  if (!integers(env, info, arguments, 3, values, 2)) return NULL;
  uv_loop_t *loop;
  struct watch *watch = calloc(1, sizeof *watch);
  if (!watch || napi_get_uv_event_loop(env, &loop) != napi_ok ||
      uv_poll_init(loop, &watch->handle, values[0]) != 0) {
    free(watch);
    napi_throw_error(env, "ERR_POLL", "this descriptor cannot be polled");
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

napi_value poll_stop(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t count = 1;
  void *watch = NULL;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok || count < 1 ||
      napi_get_value_external(env, argument, &watch) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "no poll handle");
    return NULL;
  }
  watch_close(watch);
  return NULL;
}
