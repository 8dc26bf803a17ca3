// Hooks of a container's config.json (runtime-spec, "POSIX-platform Hooks"), run on the host.
#ifndef RINGFENCE_HOOKS_H
#define RINGFENCE_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "json.h"

bool hooks_present(const struct json *spec, const char *name);

// Fails, with its place, at the first hook that is none: all of them, before anything is made.
void hooks_check(const struct json *spec);

// How hooks of a container are run.
struct hook_place {
  const char *directory; // their working directory, if it can be entered
  void (*enter)(void *); // is called in the hook's process, which may fork there; or NULL
  void *argument;
};

// Runs hooks.<name> in order, each with the state on its standard input. One that names no environment has the
// launcher's, as with runc; also one in the container's namespaces, to which runc gives the environment of the
// container's process: a host program must not load what an image names in LD_PRELOAD. False at the first that
// fails or takes longer than its timeout, with a message in runc's words; what it still runs is killed.
bool hooks_run(const struct json *spec, const char *name, const char *state, size_t length,
               const struct hook_place *place, char *message, size_t capacity);

#endif
