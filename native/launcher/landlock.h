// What of the host's files the sandbox's processes may change, by Landlock.
#ifndef RINGFENCE_LANDLOCK_H
#define RINGFENCE_LANDLOCK_H

#include <stdbool.h>

// Confines the calling process, and all that it will start, to these trees, of which each descriptor is the
// root or a single file: nothing else can be opened for writing, also no FIFO, which a read-only mount lets
// through. What is open already stays as it is; memfds and pipes are nobody's tree. False where the host does
// not have what it takes: then the mounts' own attributes stand alone. no_new_privs must be set.
bool landlock_writes_only_below(const int *trees, int count);

#endif
