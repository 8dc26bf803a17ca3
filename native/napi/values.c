// Numbers between JavaScript and C: see values.h.
#include "napi/values.h"

napi_value number(napi_env env, int64_t value) {
  napi_value result;
  napi_create_int64(env, value, &result);
  return result;
}

bool integers(napi_env env, napi_callback_info info, napi_value *arguments, size_t expected, int32_t *values,
              size_t count) {
  size_t given = expected;
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) == napi_ok && given >= count) {
    size_t i = 0;
    while (i < count && napi_get_value_int32(env, arguments[i], &values[i]) == napi_ok)
      i++;
    if (i == count) return true;
  }
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "wrong arguments");
  return false;
}

void export_entries(napi_env env, napi_value exports, const struct napi_entry *entries, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    napi_create_function(env, entries[i].name, NAPI_AUTO_LENGTH, entries[i].function, NULL, &function);
    napi_set_named_property(env, exports, entries[i].name, function);
  }
}
