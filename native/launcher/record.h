// state.json: what one command of the launcher leaves for the next.
#ifndef RINGFENCE_RECORD_H
#define RINGFENCE_RECORD_H

#include <stdbool.h>
#include <sys/types.h>

#include "cgroup.h"
#include "state.h"

struct record {
  pid_t init;
  // The process that stands for a container; 0 where its launcher does.
  pid_t waiter;
  bool user_namespace;
  // Of a container; NULL for a sandbox without one.
  char *bundle;
  char *rootfs;
  char created[32]; // RFC 3339
  char *unit;       // of systemd; NULL: there is none
  bool user_unit;   // of the caller's own systemd
  bool is_pod;      // other containers may be made in its sandbox
  char *sandbox;    // the container whose sandbox it is in, and whose init that is; NULL: its own
  int cgroup_count;
  char *cgroups[CGROUPS_MAX];
  char *cgroup_tops[CGROUPS_MAX]; // as in struct cgroups
  // Start times as in /proc/PID/stat, in clock ticks: a number alone may be somebody else's by now.
  unsigned long long init_start, waiter_start;
};

// Fills in the start times and writes it.
void record_write(const struct state_directory *state, struct record *record);

// False when there is none that can be read.
bool record_read(const struct state_directory *state, struct record *record);

// The control groups in it, which they point into.
struct cgroups record_groups(struct record *record);

// Whether the process that was recorded still exists, and has not ended.
bool record_init_alive(const struct record *record);

bool record_waiter_alive(const struct record *record);

#endif
