// What Node is told of a sandbox when it starts: the SandboxConfig of src/shared/process_spec.ts.
#ifndef RINGFENCE_SANDBOX_CONFIG_H
#define RINGFENCE_SANDBOX_CONFIG_H

#include "sandbox.h"
#include "trace.h"
#include "user_namespace.h"

// A memfd with all of it, sealed, so that nobody can change it behind the reader.
int sandbox_config(const struct sandbox_plan *plan, const struct user_plan *users, const char *workers,
                   const struct traces *traces);

// Its member "cgroups" with a comma before it, or nothing: the host's hierarchies, where they are not v2's alone.
void sandbox_cgroups(struct buffer *into);

// --overlay2, or its default: a container's writes go to the files it was given, which are its engine's upper layer already.
const char *sandbox_overlay(const struct sandbox_plan *plan);

#endif
