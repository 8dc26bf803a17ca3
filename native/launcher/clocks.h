// The container's clocks: a time namespace of the host's (time_namespaces(7)), so that whatever runs in the sandbox, by
// system calls or by the vDSO, has them.
#ifndef RINGFENCE_CLOCKS_H
#define RINGFENCE_CLOCKS_H

#include "buffer.h"
#include "spec.h"

// Of the launcher, before init is born: joins the namespace that is named, and learns its offsets. Returns what
// clocks_leave needs.
int clocks_join(struct spec *spec);
void clocks_leave(int own);

// Of init, while it is alone: what it starts from now on has the offsets.
void clocks_set(const struct spec *spec);

// Writes them as SandboxConfig's timeOffsets (process_spec.ts).
void clocks_write(const struct spec *spec, struct buffer *into);

#endif
