// `ringfence wait`: until the container has stopped, then how, as runsc says it.
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "commands.h"
#include "found.h"
#include "json.h"
#include "report.h"

#define CREATING_POLL_US 10000

// The code of a container whose sandbox died, as that of its waiter.
static int code_of(const char *text, size_t length) {
  struct json_token tokens[32];
  struct json answer;
  long long status;
  if (!json_parse(&answer, text, length, tokens, sizeof tokens / sizeof tokens[0]) ||
      !json_integer(&answer, json_member(&answer, json_member(&answer, 0, "result"), "status"), 0, 0xffff,
                    &status))
    return EXIT_SANDBOX_DIED;
  return WIFSIGNALED((int)status) ? 128 + WTERMSIG((int)status) : WEXITSTATUS((int)status);
}

int command_wait(const struct options *options) {
  struct found found;
  char *text, message[4096];
  size_t length;
  int code = EXIT_SANDBOX_DIED;
  found_open(&found, options);
  while (found.control.fd < 0 && strcmp(found_status(&found), "creating") == 0) {
    close(found.state.lock);
    usleep(CREATING_POLL_US);
    found_open(&found, options);
  }
  found.control.patience_ms = 0;
  if (found.control.fd >= 0 &&
      found_ask(&found, "{\"id\":1,\"method\":\"wait\"}", &text, &length, message, sizeof message))
    code = code_of(text, length);
  else if (found.control.fd >= 0 && message[0])
    fail(EXIT_RINGFENCE, "%s", message);
  struct buffer line = {0};
  buffer_printf(&line, "{\"id\":");
  buffer_json_text(&line, options->id);
  buffer_printf(&line, ",\"exitStatus\":%d}\n", code);
  if (write_all(1, line.data, line.length) < 0) fail_errno(EXIT_RINGFENCE, "writing the status");
  return 0;
}
