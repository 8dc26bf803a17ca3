// What the host sees of a container's files: the waiter's mount namespace, which engines enter (podman cp, nsenter -m),
// and whose root is /proc/PID/root. The container's root and bind mounts are there, and the stubs of its processes in /proc;
// what its kernel keeps in memory (tmpfs, devices) is not. No process of the sandbox's but the waiter is in it.
#ifndef RINGFENCE_SHOWN_ROOT_H
#define RINGFENCE_SHOWN_ROOT_H

#include <stdbool.h>
#include <sys/types.h>

#include "spec.h"

// Makes it, when the container's mount points are there. Ends the launcher where the host's own files would stay in view.
// `by_launcher`: the files are opened as the launcher sees them, not from within the waiter's namespace.
void shown_root_make(pid_t init, pid_t waiter, bool user_namespace, const struct spec *spec,
                     bool by_launcher);

#endif
