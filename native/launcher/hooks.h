// Hooks of a container's config.json (runtime-spec, "POSIX-platform Hooks"), run on the host.
#ifndef RINGFENCE_HOOKS_H
#define RINGFENCE_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "json.h"

bool hooks_present(const struct json *spec, const char *name);

// Runs hooks.<name> in order, each with the state on its standard input and its own environment; `enter`, if
// it is not NULL, is called in the hook's process before it execs. False at the first that fails or takes
// longer than its timeout, with a message; what it still runs is killed.
bool hooks_run(const struct json *spec, const char *name, const char *state, size_t length,
               void (*enter)(void *), void *argument, char *message, size_t capacity);

#endif
