// Containers that are there: see found.h.
#include "found.h"

#include <errno.h>
#include <stdio.h>

#include "json.h"
#include "report.h"
#include "request.h"

// How long a kernel that lives may take for an answer. Without one it hangs, or somebody has stopped its
// process.
#define ANSWER_MS 10000

void found_connect(struct found *found) {
  found->control.fd = state_connect(&found->state);
  found->control.late = found->control.fd < 0 && errno == EAGAIN;
}

bool found_read(struct found *found) {
  found->control = (struct lines){.fd = -1};
  if (!record_read(&found->state, &found->record) || !found->record.bundle) return false;
  found_connect(found);
  found->control.patience_ms = ANSWER_MS;
  return true;
}

void found_open(struct found *found, const struct options *options) {
  *found = (struct found){0};
  state_find(&found->state, options->values[OPTION_ROOT], options->id);
  if (!found_read(found)) fail_no_container(options->id);
}

bool found_ask(struct found *found, const char *request, char **text, size_t *length, char *message,
               size_t capacity) {
  struct buffer line = {0};
  buffer_printf(&line, "%s\n", request);
  bool done = request_ask(&found->control, &line, NULL, 0, text, length, message, capacity);
  buffer_free(&line);
  return done;
}

void found_ask_or_fail(struct found *found, const char *request) {
  char *text, message[4096];
  size_t length;
  if (found->control.fd < 0) fail(EXIT_RINGFENCE, "container not running");
  if (!found_ask(found, request, &text, &length, message, sizeof message))
    fail(EXIT_RINGFENCE, "%s",
         found->control.late ? "the container's kernel does not answer"
         : message[0]        ? message
                             : "container not running");
}

const char *found_status(struct found *found) {
  static const char *const statuses[] = {"created", "running", "paused", "stopped"};
  char *text, message[256];
  size_t length;
  struct json_token tokens[32];
  struct json answer;
  if (found->control.fd >= 0 &&
      found_ask(found, "{\"id\":1,\"method\":\"state\"}", &text, &length, message, sizeof message) &&
      json_parse(&answer, text, length, tokens, sizeof tokens / sizeof tokens[0])) {
    unsigned status = json_member(&answer, json_member(&answer, 0, "result"), "status");
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
      if (json_equals(&answer, status, statuses[i])) return statuses[i];
  }
  if (found->control.late) return "running"; // its kernel hangs; it holds what it holds
  // A record without processes is of a `create` that goes on, or that was killed.
  return found->record.init == 0 && state_lock(&found->state, 0) == LOCK_HELD ? "creating" : "stopped";
}
