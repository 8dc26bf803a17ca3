// What a container's config.json says of a pod: containers that share one sandbox.
#ifndef RINGFENCE_POD_SPEC_H
#define RINGFENCE_POD_SPEC_H

#include <stdbool.h>

#include "json.h"

enum pod_role {
  POD_NONE,
  POD_SANDBOX, // the container whose sandbox the others of its pod are to be in, and which does nothing itself
  POD_SHARED,  // one with a program of its own, whose sandbox others may be in
  POD_CONTAINER, // one of the others
};

struct pod_spec {
  enum pod_role role;
  char *sandbox; // of POD_CONTAINER: the id of the pod's first container
  // Of POD_SANDBOX: what its containers have of the CPU together (cpu.shares); the usual 1024 where nobody says it.
  long long shares;
};

// Reads it from annotations, by the names of containerd's CRI plugin or of CRI-O, and from what podman says of its pods; by
// a name of our own a container is shared. What is not said whole is not said.
void pod_spec_read(struct pod_spec *pod, const struct json *config);

// Whether others may be made in the sandbox of such a container.
bool pod_takes_others(const struct pod_spec *pod);

// Makes it one of the pod with that first container.
void pod_spec_join(struct pod_spec *pod, const char *sandbox);

#endif
