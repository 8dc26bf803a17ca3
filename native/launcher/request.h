// A request to a sandbox's control socket (docs/process-model.md, "Control protocol").
#ifndef RINGFENCE_REQUEST_H
#define RINGFENCE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "lines.h"

// As many as go along with one message of a socket (SCM_MAX_FD, unix(7)).
#define REQUEST_DESCRIPTORS_MAX 253

// Makes JSON part of a line: it has line ends between its parts alone.
void request_flatten(char *json, size_t length);

// Sends a line with descriptors, at most as many as one message holds; the request's time begins (`patience_ms`). False with
// errno, ETIMEDOUT and `late` where nobody reads it.
bool request_send(struct lines *lines, const struct buffer *line, const int *descriptors, int count);

// Waits for the answer to the request with id 1. True: `text` has its line, good until the next read.
// False: it was refused, and `message` says why; "" when the sandbox went away without an answer.
bool request_answer(struct lines *lines, char **text, size_t *length, char *message, size_t capacity);

// Sends a request and waits for its answer, as request_answer.
bool request_ask(struct lines *lines, const struct buffer *line, const int *descriptors, int count,
                 char **text, size_t *length, char *message, size_t capacity);

#endif
