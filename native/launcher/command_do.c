// `ringfence do`: one command in a sandbox of its own, as if the caller had run it.
#include <unistd.h>

#include "commands.h"
#include "identity.h"
#include "sandbox.h"
#include "session.h"

int command_do(const struct options *options) {
  struct identity identity;
  identity_capture(&identity, options->closed_streams);
  session_block_signals();
  struct session session = {.watch_input = -1, .forward = true};
  session_take_terminal(&session);
  struct sandbox_plan plan = {
      .options = options,
      .identity = &identity,
      .program = options->arguments,
      .stdio = {0, 1, 2},
      .terminal = identity.terminal ? 0 : -1,
      .waiter = -1,
  };
  struct sandbox sandbox;
  sandbox_prepare(&sandbox, &plan);
  sandbox_go(&sandbox);
  sandbox_release_stdio();
  session.control = &(struct lines){.fd = sandbox.control};
  session.lifeline = sandbox.lifeline;
  session.log = sandbox.log;
  int code = session_run(&session);
  sandbox_end(&sandbox);
  return code;
}
