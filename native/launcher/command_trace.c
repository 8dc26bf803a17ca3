// `ringfence trace create`: a trace session of a sandbox that runs. Its sinks are opened by the caller's rights, and go along
// with the request. What else there is of `trace` is Node's.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "found.h"
#include "installation.h"
#include "report.h"
#include "request.h"
#include "state.h"
#include "trace.h"

static _Noreturn void run_node(const struct options *options) {
  char **command = installation_node_command("cli", options->words);
  execv(command[0], command);
  fail_errno(EXIT_RINGFENCE, "starting %s", command[0]);
}

int command_trace(const struct options *options) {
  if (!options->id || strcmp(options->id, "create") != 0) run_node(options);
  const char *path = options->values[OPTION_CONFIG], *id = options->positionals[1];
  if (!id || !path) fail(EXIT_RINGFENCE, "trace create: name a sandbox, and a session's file with --config");
  struct state_directory state;
  state_find(&state, options->values[OPTION_ROOT], id);
  struct traces traces = {0};
  traces_open(&traces, path);
  const struct trace *trace = &traces.all[0];
  struct lines control = {.fd = state_connect(&state), .patience_ms = 10000};
  if (control.fd < 0) fail(EXIT_RINGFENCE, "sandbox %s is not running", id);
  int descriptors[TRACE_SINKS_MAX + 1], count = 0;
  struct buffer line = {0};
  buffer_printf(&line, "{\"id\":1,\"method\":\"trace_create\",\"params\":{\"connects\":%s,\"open\":[",
                trace->connector >= 0 ? "true" : "false");
  for (int i = 0; i < trace->sink_count; i++) {
    bool is_open = trace->sinks[i] >= 0;
    buffer_printf(&line, "%s%s", i > 0 ? "," : "", is_open ? "true" : "false");
    if (is_open) descriptors[count++] = trace->sinks[i];
  }
  if (trace->connector >= 0) descriptors[count++] = trace->connector;
  buffer_printf(&line, "],\"session\":");
  buffer_append(&line, trace->text.data, trace->text.length);
  buffer_append(&line, "}}\n", 3);
  char *text, message[4096];
  size_t length;
  if (!request_ask(&control, &line, descriptors, count, &text, &length, message, sizeof message))
    fail(EXIT_RINGFENCE, "trace create: %s", message[0] ? message : "the sandbox does not answer");
  buffer_free(&line);
  traces_close(&traces);
  return 0;
}
