// A container that is there, as a command that is asked about it finds it: its record, and what its sandbox answers.
#ifndef RINGFENCE_FOUND_H
#define RINGFENCE_FOUND_H

#include <stdbool.h>
#include <stddef.h>

#include "lines.h"
#include "options.h"
#include "record.h"
#include "state.h"

struct found {
  struct state_directory state;
  struct record record;
  struct lines control; // fd -1: nobody listens
};

// The container that the options name; fails where there is none.
void found_open(struct found *found, const struct options *options);

// Reads the record in the opened directory `found->state`, and connects; false where it is of no container.
bool found_read(struct found *found);

// Connects to its control socket. `control.late`: somebody listens there who does not come to accept.
void found_connect(struct found *found);

// Asks; false with the sandbox's words, or "" where it went away or is late.
bool found_ask(struct found *found, const char *request, char **text, size_t *length, char *message,
               size_t capacity);

void found_ask_or_fail(struct found *found, const char *request);

// creating, created, running, paused or stopped.
const char *found_status(struct found *found);

#endif
