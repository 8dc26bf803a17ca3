// What the shim's Node cannot do by itself: children, mounts, terminals. Entries of shim.node; results are zero or more, or
// a negative errno.
#ifndef RINGFENCE_SHIM_ADDON_H
#define RINGFENCE_SHIM_ADDON_H

#include "napi/values.h"

// spawn(file, arguments, descriptors, directory): starts a program with these descriptors as its 0, 1, 2..., and no others.
// Its pid.
napi_value spawn_program(napi_env env, napi_callback_info info);

// reap(): [pid, wait status] of a child that has ended, or null. All children are meant, those too that have come here from
// a parent that has ended (prctl(2), PR_SET_CHILD_SUBREAPER).
napi_value reap_child(napi_env env, napi_callback_info info);

// mount(source, target, type, flags, data), unmount(target, flags): see mount(2).
napi_value mount_at(napi_env env, napi_callback_info info);
napi_value unmount_at(napi_env env, napi_callback_info info);

// listen(path): a listening socket there, for the caller alone.
napi_value listen_at(napi_env env, napi_callback_info info);

// setWindow(fd, columns, rows): the size of a terminal.
napi_value set_window(napi_env env, napi_callback_info info);

// setNonBlocking(fd)
napi_value set_non_blocking(napi_env env, napi_callback_info info);

// read(fd, buffer), write(fd, buffer, from, to): bytes.
napi_value read_some(napi_env env, napi_callback_info info);
napi_value write_some(napi_env env, napi_callback_info info);

// duplicate(fd), pipe(): [reading, writing], eventCounter(): an eventfd.
napi_value duplicate(napi_env env, napi_callback_info info);
napi_value make_pipe(napi_env env, napi_callback_info info);
napi_value event_counter(napi_env env, napi_callback_info info);

#endif
