// Mounts of images: see addon.h.
#include <errno.h>
#include <sys/mount.h>
#include <sys/param.h>
#include <unistd.h>

#include "shim/addon.h"

enum { TEXT_MAX = 8192 };

static bool text_at(napi_env env, napi_value value, char *into) {
  size_t length;
  return napi_get_value_string_utf8(env, value, into, TEXT_MAX, &length) == napi_ok && length < TEXT_MAX - 1;
}

napi_value mount_at(napi_env env, napi_callback_info info) {
  napi_value given[5];
  size_t count = 5;
  char source[TEXT_MAX], target[TEXT_MAX], type[TEXT_MAX], data[TEXT_MAX];
  int64_t flags;
  napi_get_cb_info(env, info, &count, given, NULL, NULL);
  if (count < 5 || !text_at(env, given[0], source) || !text_at(env, given[1], target) ||
      !text_at(env, given[2], type) || napi_get_value_int64(env, given[3], &flags) != napi_ok ||
      !text_at(env, given[4], data))
    return number(env, -EINVAL);
  return number(env, mount(source, target, type, (unsigned long)flags, data) < 0 ? -errno : 0);
}

napi_value unmount_at(napi_env env, napi_callback_info info) {
  napi_value given[2];
  size_t count = 2;
  char target[TEXT_MAX];
  int32_t flags;
  napi_get_cb_info(env, info, &count, given, NULL, NULL);
  if (count < 2 || !text_at(env, given[0], target) || napi_get_value_int32(env, given[1], &flags) != napi_ok)
    return number(env, -EINVAL);
  return number(env, umount2(target, flags) < 0 ? -errno : 0);
}
