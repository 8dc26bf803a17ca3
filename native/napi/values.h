// Numbers between JavaScript and the N-API files. Results are zero or more, or a negative errno.
#ifndef RINGFENCE_NAPI_VALUES_H
#define RINGFENCE_NAPI_VALUES_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

napi_value number(napi_env env, int64_t value);

// Reads `count` leading integer arguments; false (and an exception) if one is missing or no number.
bool integers(napi_env env, napi_callback_info info, napi_value *arguments, size_t expected, int32_t *values,
              size_t count);

// A function of an addon by its name.
struct napi_entry {
  const char *name;
  napi_callback function;
};

void export_entries(napi_env env, napi_value exports, const struct napi_entry *entries, size_t count);

// ---- Entries that several addons have ----

// recvMessage(fd, maxBytes): { data: Buffer, fds: number[] } or a negative errno. Does not wait
// (EAGAIN). End of file is a message without data. What was cut off is an error (EMSGSIZE) and its
// descriptors are closed: a sender never gets to leave some behind.
napi_value recv_message(napi_env env, napi_callback_info info);

// sendMessage(fd, bytes, fds, nonBlocking): bytes sent, or a negative errno.
napi_value send_message(napi_env env, napi_callback_info info);

// accept(fd): descriptor of the next connection, or a negative errno. Does not wait if `fd` is
// polled readable first; a connection that went away meanwhile gives EAGAIN.
napi_value accept_connection(napi_env env, napi_callback_info info);

// peerUid(fd): user id of the process that connected, in this user namespace.
napi_value peer_uid(napi_env env, napi_callback_info info);

// pollStart(fd, events, callback): a handle for pollStop. `events` and the callback's argument:
// 1 readable, 2 writable, 4 disconnected; or a negative errno. Level-triggered.
napi_value poll_start(napi_env env, napi_callback_info info);

// pollStop(handle): once per handle, before its descriptor is closed.
napi_value poll_stop(napi_env env, napi_callback_info info);

#endif
