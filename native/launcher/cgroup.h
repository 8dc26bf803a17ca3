// A container's control groups on the host: one directory in each hierarchy (v1, hybrid), or one (v2).
#ifndef RINGFENCE_CGROUP_H
#define RINGFENCE_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "json.h"

#define CGROUPS_MAX 32

// Host tasks of a sandbox beside those of its guest, which has one for each of its own: launcher's init,
// waiters, zygote, and Node with its threads (about 15, and a pool for CPU jobs).
#define CGROUP_TASKS_HEADROOM 64

// Least memory.max of a group that a sandbox is in: Node alone has this much in a moment of compiling.
#define CGROUP_MEMORY_MIN (64ll << 20)

struct hierarchy;

struct cgroups {
  int count;
  char **paths; // absolute directories
  char **tops;  // the highest directory of each that was not there before; NULL: it was
  const struct hierarchy *hierarchies; // of each; NULL for groups that are there
  bool in_pod;                         // of the guest alone: the sandbox is its pod's, and elsewhere
  bool lenient;                        // those that cannot be written are left alone
};

// The places of the group that linux.cgroupsPath names: an absolute path below each hierarchy's root, or a relative one
// below the caller's own group. NULL: /<id>. Nothing is made yet. (A unit of systemd: systemd.h.)
void cgroups_plan(struct cgroups *cgroups, const char *path, const char *id);

// Whether all controllers are in one hierarchy (v2).
bool cgroups_unified(const struct cgroups *cgroups);

// Makes the directories; those that are there already are taken as they are. With `lenient`, what cannot be made is left
// out.
void cgroups_make(struct cgroups *cgroups, bool lenient);

// Writes a file of the group that is this directory, and reads the first line of one. False with errno: ENOENT where the
// group has no such file.
bool cgroup_write(const char *directory, const char *name, const char *text);
bool cgroup_read(const char *directory, const char *name, char *into, size_t capacity);

// Writes linux.resources, but for rules of devices: those are the sandbox's own kernel's to keep to, and of the host's
// devices a sandbox has none, since all its mounts are nodev and it can make none.
void cgroups_limit(const struct cgroups *cgroups, const struct json *spec, unsigned resources);

// cpu.weight (v2) of cpu.shares.
long long cgroup_cpu_weight(long long shares);

// What the CPU's quota and period are now, in microseconds; 0 where it is not known.
void cgroups_cpu_quota(const struct cgroups *cgroups, long long *quota, long long *period);

// Sets both; a quota of -1 is none. False with errno.
bool cgroups_set_cpu_quota(const struct cgroups *cgroups, long long quota, long long period);

// Moves a process in.
void cgroups_enter(const struct cgroups *cgroups, pid_t pid);

// The groups below these that --cgroup names ([CONTROLLER,...:]PATH), instead of them; they must be there already.
void cgroups_descend(struct cgroups *cgroups, char *const *names);

// Removes the directories, and what is below; those that are gone are fine. Processes that are just ending
// may keep them for a moment. Parents up to `tops` go too, unless somebody else has groups in them by now.
void cgroups_remove(const struct cgroups *cgroups);

#endif
