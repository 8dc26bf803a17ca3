// The waiter: the process that an engine takes for the container. A child of the launcher (so that the
// launcher's exit hands it to the caller's subreaper) inside the sandbox's namespaces; it ends as the
// guest's process did. `do` has none: there the launcher itself stands for the guest.
#ifndef RINGFENCE_WAITER_H
#define RINGFENCE_WAITER_H

#include <stdbool.h>
#include <sys/types.h>

#include "cgroup.h"

// Messages on the channel, a SOCK_SEQPACKET pair whose other end the sandbox holds; one int each.
// To the sandbox: a signal number that somebody sent to the waiter, with WAITER_FROM_TERMINAL where a
// line discipline did. From it: the wait status of the guest's process, once. End of file instead means
// that the sandbox has died.
#define WAITER_FROM_TERMINAL 0x100

// Starts a waiter beside init, leader of a session of its own; `channel` is its end of the pair, which the
// caller then closes, and `terminal` becomes the session's controlling terminal, if it is not -1.
// With `own_mounts` it has a mount namespace to itself, where nothing is changed yet; else it is in init's.
// `groups`, if it is not NULL, are control groups that it is to be in. Returns its pid as the caller's namespace knows it.
pid_t waiter_start(pid_t init, bool user_namespace, bool own_mounts, int channel, int terminal,
                   const struct cgroups *groups);

#endif
