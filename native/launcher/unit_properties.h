// What a container's systemd unit is told (systemd.resource-control(5)): as runc tells it, bodies of D-Bus messages with an
// array of names and variants.
#ifndef RINGFENCE_UNIT_PROPERTIES_H
#define RINGFENCE_UNIT_PROPERTIES_H

#include <stdbool.h>
#include <sys/types.h>

#include "buffer.h"
#include "json.h"

struct unit_host {
  bool unified;    // control groups of v2
  int version;     // of systemd
  long long quota; // of the CPU in microseconds, as it is now, with its period; 0: not known
  long long period;
};

// Of a new unit: who it is and what is counted. Annotations org.systemd.property.NAME are properties of its own. Fails where
// one is not valid.
void unit_new_properties(struct buffer *body, const struct json *spec, const char *name, const char *slice,
                         bool is_slice, const pid_t *pids, int pid_count, const struct unit_host *host);

// linux.resources. Without `with_devices` the devices stay as they are. Fails where they are not valid.
void unit_limit_properties(struct buffer *body, const struct json *json, unsigned resources,
                           bool with_devices, const struct unit_host *host);

#endif
