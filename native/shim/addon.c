// shim.node: see addon.h.
#include "shim/addon.h"

NAPI_MODULE_INIT() {
  static const struct napi_entry entries[] = {
      {"recvMessage", recv_message},
      {"accept", accept_connection},
      {"pollStart", poll_start},
      {"pollStop", poll_stop},
      {"spawn", spawn_program},
      {"reap", reap_child},
      {"mount", mount_at},
      {"unmount", unmount_at},
      {"listen", listen_at},
      {"setWindow", set_window},
      {"setNonBlocking", set_non_blocking},
      {"read", read_some},
      {"write", write_some},
      {"duplicate", duplicate},
      {"pipe", make_pipe},
      {"eventCounter", event_counter},
  };
  export_entries(env, exports, entries, sizeof entries / sizeof entries[0]);
  return exports;
}
