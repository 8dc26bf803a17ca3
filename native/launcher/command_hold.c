// `ringfence hold`: a sandbox without a first program, for `exec`, until standard input ends. For tests of what serves density
// groups there may be several, each with a kernel of its own, in one process: ID, ID.1, ID.2 and so on.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "commands.h"
#include "identity.h"
#include "init.h"
#include "record.h"
#include "report.h"
#include "sandbox.h"
#include "session.h"
#include "state.h"

static int kernel_count(const struct options *options) {
  const char *given = options->values[OPTION_KERNELS];
  char *end;
  long count = strtol(given, &end, 10);
  if (*given == '\0' || *end != '\0' || count < 1 || count > KERNELS_MAX)
    fail(EXIT_RINGFENCE, "--kernels: a number from 1 to %d is wanted", KERNELS_MAX);
  return (int)count;
}

int command_hold(const struct options *options) {
  const int kernels = kernel_count(options);
  static char names[KERNELS_MAX][288];
  struct identity identity;
  identity_capture(&identity, options->closed_streams);
  session_block_signals();
  struct state_directory state, others[KERNELS_MAX];
  state_create(&state, options->values[OPTION_ROOT], options->id);
  for (int i = 1; i < kernels; i++) {
    snprintf(names[i], sizeof names[i], "%s.%d", options->id, i);
    state_create(&others[i - 1], options->values[OPTION_ROOT], names[i]);
  }
  struct sandbox_plan plan = {
      .options = options,
      .identity = &identity,
      .state = &state,
      .stdio = {-1, -1, -1},
      .terminal = -1,
      .waiter = -1,
      .kernels = kernels,
      .others = others,
  };
  struct sandbox sandbox;
  sandbox_prepare(&sandbox, &plan);
  sandbox_go(&sandbox);
  struct record record = {.init = sandbox.init, .user_namespace = sandbox.user_namespace};
  record_write(&state, &record);
  for (int i = 1; i < kernels; i++)
    record_write(&others[i - 1], &record);
  struct session session = {
      .control = &(struct lines){.fd = sandbox.control},
      .lifeline = sandbox.lifeline,
      .log = sandbox.log,
      .watch_input = 0,
      .announce = true,
      .terminal = -1,
  };
  int code = session_run(&session);
  sandbox_end(&sandbox);
  state_remove(&state);
  for (int i = 1; i < kernels; i++)
    state_remove(&others[i - 1]);
  return code;
}
