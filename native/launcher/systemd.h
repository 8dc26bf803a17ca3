// A container's control group as a transient unit of systemd (--systemd-cgroup): systemd makes the group's directory and
// keeps to the limits that it was told, whatever else it sets.
#ifndef RINGFENCE_SYSTEMD_H
#define RINGFENCE_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "json.h"
#include "unit_properties.h"

struct unit {
  char name[512];  // PREFIX-NAME.scope, or NAME itself where that is a slice
  char slice[256]; // that it lies in
  char title[256]; // NAME
  bool user;       // of the caller's own systemd
};

// Reads linux.cgroupsPath (SLICE:PREFIX:NAME; NULL: a scope of the container's id) and gives the group's path below a
// hierarchy's root. Fails where it is not valid, or this host has no systemd.
void unit_plan(struct unit *unit, const char *text, const char *id, bool user, char *path, size_t capacity);

// Starts the unit with these processes in it, and waits until it is there.
void unit_start(const struct unit *unit, const struct json *spec, const pid_t *pids, int pid_count,
                struct unit_host *host);

// Tells its limits. Fails where systemd refuses.
void unit_limit(const char *name, bool user, const struct json *json, unsigned resources, bool with_devices,
                struct unit_host *host);

// Stops it; one that is gone is fine. What fails is said, and no more.
void unit_stop(const char *name, bool user);

#endif
