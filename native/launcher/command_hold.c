// `ringfence hold`: a sandbox without a first program, for `exec`, until standard input ends.
#include <unistd.h>

#include "commands.h"
#include "identity.h"
#include "record.h"
#include "sandbox.h"
#include "session.h"
#include "state.h"

int command_hold(const struct options *options) {
  struct identity identity;
  identity_capture(&identity, options->closed_streams);
  session_block_signals();
  struct state_directory state;
  state_create(&state, options->values[OPTION_ROOT], options->id);
  struct sandbox_plan plan = {
      .options = options,
      .identity = &identity,
      .state = &state,
      .stdio = {-1, -1, -1},
      .terminal = -1,
      .waiter = -1,
  };
  struct sandbox sandbox;
  sandbox_prepare(&sandbox, &plan);
  sandbox_go(&sandbox);
  struct record record = {.init = sandbox.init, .user_namespace = sandbox.user_namespace};
  record_write(&state, &record);
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
  return code;
}
