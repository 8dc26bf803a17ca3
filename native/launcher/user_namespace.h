// The user namespace of a sandbox on the host, and what its guests are told of theirs. The two have the same ids inside, so
// that the host's kernel translates owners of files: the sandbox's is the namespace that config.json asks for, or one
// below that which it names or has from its caller, where every id is itself.
#ifndef RINGFENCE_USER_NAMESPACE_H
#define RINGFENCE_USER_NAMESPACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "spec.h"

struct user_plan {
  const char *path; // of the namespace to join, or NULL
  int joined;       // that namespace, or -1
  bool needed;      // without one of its own the sandbox would not be what was asked for
  struct id_maps written, told;
  bool keeps_setgroups;
};

// `spec`: of a container, or NULL.
void user_plan(struct user_plan *plan, const struct spec *spec);

// Whether the caller is in the host's initial user namespace, as far as can be seen.
bool user_is_initial(void);

// In a child of the launcher: enters the namespace that is joined, where somebody without ids can make none below.
void user_enter_joined(const struct user_plan *plan);

// Of the sandbox's configuration: the member "users".
void user_write(const struct user_plan *plan, struct buffer *into);

#endif
