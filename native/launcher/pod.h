// A container that is made in the sandbox of its pod: what its launcher does in place of starting a sandbox.
#ifndef RINGFENCE_POD_H
#define RINGFENCE_POD_H

#include <stdbool.h>

#include "cgroup.h"
#include "options.h"
#include "record.h"
#include "sandbox.h"
#include "spec.h"
#include "state.h"

// The pod's first container, in whose sandbox the others are made.
struct pod {
  struct state_directory state;
  struct record record;
};

// Whether a container with that config.json is one of a pod whose sandbox lives, below the same --root: by what the engine
// says, or since it names namespaces of one of its containers. Fails where it names others as well.
bool pod_find(struct pod *pod, const struct options *options, struct spec *spec);

// Has the pod's kernel create it, with descriptors of all that it is to have, which stay the caller's; fails with its words.
// `groups`: its control groups, which its programs are put in; `waiter`: the process that stands for it, or 0.
void pod_create(const struct pod *pod, const struct sandbox_plan *plan, const struct cgroups *groups,
                pid_t waiter);

// Ends a container of a pod, whatever it does, by its own control socket. The sandbox stays.
void pod_end(const struct state_directory *state);

#endif
