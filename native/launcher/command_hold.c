// `ringfence hold`: a sandbox without a first program, for `exec`, until standard input ends.
#include <unistd.h>

#include "commands.h"
#include "identity.h"
#include "sandbox.h"
#include "session.h"
#include "state.h"

int command_hold(const struct options *options) {
  struct identity identity;
  identity_capture(&identity);
  session_block_signals();
  struct state_directory state;
  state_create(&state, options->values[OPTION_ROOT], options->id);
  struct sandbox sandbox;
  sandbox_start(&sandbox, options, &identity, NULL, &state);
  state_write(&state, "running", sandbox.init);
  struct session session = {
      .control = sandbox.control,
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
