// Who called: everything a guest process inherits from the launcher's caller, captured before the
// launcher changes any of it, and written as a ProcessSpec (src/shared/process_spec.ts).
#ifndef RINGFENCE_IDENTITY_H
#define RINGFENCE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "buffer.h"

struct identity {
  uid_t uid;
  gid_t gid;
  int group_count;
  gid_t *groups;
  mode_t umask;
  uint64_t blocked, ignored;          // bit n - 1: signal n
  struct rlimit limits[RLIM_NLIMITS]; // by number
  char *cwd;
  char hostname[65];
  bool terminal;           // standard input is one
  unsigned closed_streams; // bit n: descriptor n, of 0-2, was closed
};

void identity_capture(struct identity *identity, unsigned closed_streams);

// Appends the ProcessSpec of a program with this identity, these arguments and this environment.
void identity_write_spec(const struct identity *identity, char *const *arguments, char *const *environment,
                         struct buffer *into);

#endif
