// Lines of text that come from a socket, bounded: what the sandbox says is not to be trusted.
#ifndef RINGFENCE_LINES_H
#define RINGFENCE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

struct lines {
  int fd;
  struct buffer received;
  size_t taken;       // bytes of the line that was handed out last
  int patience_ms;    // how long a request may take, from its first byte to its answer; 0: for ever
  long long deadline; // of the request that is under way, as monotonic_ms; 0: none
  bool late;          // the answer did not come until then
};

enum lines_state { LINES_OPEN, LINES_END, LINES_TOO_LONG };

// The next line that has arrived whole, with a NUL in place of its end; good until the next call.
bool lines_take(struct lines *lines, char **line, size_t *length);

// Receives once, with `wait` as long as it takes.
enum lines_state lines_fill(struct lines *lines, bool wait);

// The milliseconds that are left until the deadline, for poll: -1 where there is none, 0 where it has passed.
int lines_left(const struct lines *lines);

// Waits for the next line; false at the end, when the deadline has passed, or when a line is longer than 1 MiB.
bool lines_next(struct lines *lines, char **line, size_t *length);

#endif
