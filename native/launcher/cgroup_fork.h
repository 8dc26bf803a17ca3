// Children in control groups from their beginning. Who is moved by others waits until no CPU of the host can still be
// forking or executing (some 10 ms, a grace period of RCU); who is made in a group, or moves itself, does not.
#ifndef RINGFENCE_CGROUP_FORK_H
#define RINGFENCE_CGROUP_FORK_H

#include <stdbool.h>
#include <sys/types.h>

#include "cgroup.h"

// clone(2) with these flags beside SIGCHLD, but CLONE_VM. `in_groups` tells whether the child is in all of the groups;
// else it is where its parent is, or in some, and is to be moved (cgroups_enter). `groups` may be NULL.
pid_t cgroups_fork(const struct cgroups *groups, unsigned long flags, bool *in_groups);

#endif
