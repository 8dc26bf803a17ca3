// Namespaces of other processes, and children of the launcher that enter them in its place: it could not come back from a
// user namespace, nor from a mount namespace. Such a child says itself what fails, and ends as the launcher is to end.
#ifndef RINGFENCE_NAMESPACES_H
#define RINGFENCE_NAMESPACES_H

#include <stddef.h>
#include <sys/types.h>

// A process's namespace by its name in /proc/PID/ns (user, pid, mnt...), as a descriptor. Fails where it cannot be opened.
int namespace_of(pid_t pid, const char *name);

// Waits for the child's end. Where it has failed, the launcher ends with its code.
void namespace_child_end(pid_t child);

// Reads what the child has to tell, of that length, from a pipe, closes that, and waits for its end. Where it has told less,
// the launcher ends with its code.
void namespace_child_answer(pid_t child, int pipe, void *into, size_t length);

#endif
