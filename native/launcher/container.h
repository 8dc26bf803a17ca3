// Making and removing a container: everything on the host's side of an OCI runtime's create and delete.
#ifndef RINGFENCE_CONTAINER_H
#define RINGFENCE_CONTAINER_H

#include <stdbool.h>

#include "identity.h"
#include "lines.h"
#include "options.h"
#include "pod.h"
#include "record.h"
#include "sandbox.h"
#include "spec.h"
#include "state.h"

struct container {
  struct state_directory state;
  struct spec spec;
  struct sandbox sandbox; // init 0: it is in its pod's
  struct pod pod;
  bool in_pod;
  struct record record;
  long long quota, period; // of the CPU, set when it is created; 0: none
  bool has_unit;           // systemd was asked for one
  struct lines control;    // this launcher's connection to the sandbox
};

// Creates the container that the options name. With `attached`, this launcher stands for it, with its own
// standard streams and terminal; otherwise a waiter does. If it fails, or the launcher ends before
// container_leave or container_keep, nothing is left.
void container_create(struct container *container, const struct options *options,
                      const struct identity *identity, bool attached);

// From now on its removal is the caller's business.
void container_keep(void);

// The launcher may end now, and the container stays.
void container_leave(struct container *container);

// Ends the sandbox of a container that this launcher has made, or the container alone, if that is in its pod's.
void container_end(struct container *container);

// Removes what is left of a container whose sandbox is gone, and runs its poststop hooks.
void container_remove(const struct state_directory *state, struct record *record);

// Runs those of its creation; fails with the first that fails. In a pod this launcher is in a mount namespace of its own then
// (mounts_separate).
void container_create_hooks(struct container *container);

// Whether its config.json has hooks of that name.
bool container_has_hooks(const struct state_directory *state, const char *name);

// Runs the hooks of that name in a container's config.json with its state; false with a message.
bool container_hooks(const struct state_directory *state, const struct record *record, const char *name,
                     const char *status, char *message, size_t capacity);

// The state of a container as hooks see it (runtime-spec, "State"), or with an owner as `state` and `list`
// print it; else NULL.
void container_state(const struct state_directory *state, const struct record *record, const char *status,
                     const char *owner, struct buffer *into);

// Whether the caller does without the control groups that he has no right to.
bool container_is_lenient(const struct options *options);

// Writes a pid to --pid-file, whole or not at all.
void container_write_pid(const char *path, pid_t pid);

#endif
