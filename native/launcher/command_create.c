// `ringfence create` and `ringfence run`: a container from a bundle.
#include <stdio.h>
#include <unistd.h>

#include "commands.h"
#include "container.h"
#include "report.h"
#include "request.h"
#include "session.h"

// Whether something refuses; fails with its words.
static void ask(struct lines *lines, const char *request) {
  struct buffer line = {0};
  buffer_printf(&line, "%s\n", request);
  char *text, message[4096];
  size_t length;
  bool done = request_ask(lines, &line, NULL, 0, &text, &length, message, sizeof message);
  buffer_free(&line);
  if (!done) fail(EXIT_RINGFENCE, "%s", message[0] ? message : "the sandbox died");
}

// One that fails ends the container (runtime-spec, "Lifecycle"), and what this launcher has made goes with it.
static void poststart(const struct container *container) {
  char message[2048];
  if (!container_hooks(&container->state, &container->record, "poststart", "running", message,
                       sizeof message))
    fail(EXIT_RINGFENCE, "%s", message);
}

int command_create(const struct options *options) {
  struct identity identity;
  identity_capture(&identity, options->closed_streams);
  struct container container;
  container_create(&container, options, &identity, false);
  container_leave(&container);
  return 0;
}

static int run_detached(const struct options *options, const struct identity *identity) {
  struct container container;
  container_create(&container, options, identity, false);
  ask(&container.control, "{\"id\":1,\"method\":\"start\"}");
  poststart(&container);
  container_leave(&container);
  return 0;
}

int command_run(const struct options *options) {
  struct identity identity;
  identity_capture(&identity, options->closed_streams);
  if (option_on(options, OPTION_DETACH)) return run_detached(options, &identity);
  session_block_signals();
  struct session session = {.watch_input = -1, .forward = true, .terminal = -1};
  session_take_terminal(&session);
  struct container container;
  container_create(&container, options, &identity, true);
  if (!container.spec.terminal.wanted) session.terminal = -1;
  session.control = &container.control;
  session.lifeline = container.sandbox.lifeline;
  session.log = container.sandbox.log;
  ask(session.control, "{\"id\":1,\"method\":\"start\",\"params\":{\"attach\":true}}");
  poststart(&container);
  int code = session_run(&session);
  if (option_on(options, OPTION_KEEP)) {
    container_leave(&container);
    return code;
  }
  container_end(&container);
  container_keep();
  container_remove(&container.state, &container.record);
  return code;
}
