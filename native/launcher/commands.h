// The commands that the launcher serves itself. Each returns the exit code.
#ifndef RINGFENCE_COMMANDS_H
#define RINGFENCE_COMMANDS_H

#include <stdbool.h>

#include "options.h"

int command_do(const struct options *options);
int command_hold(const struct options *options);
int command_create(const struct options *options);
int command_run(const struct options *options);
int command_start(const struct options *options);
int command_state(const struct options *options);
int command_kill(const struct options *options);
int command_delete(const struct options *options);
int command_pause(const struct options *options);
int command_resume(const struct options *options);
int command_update(const struct options *options);
int command_ps(const struct options *options);
int command_list(const struct options *options);
int command_wait(const struct options *options);
int command_exec(const struct options *options);
int command_metric_server(const struct options *options);
int command_trace(const struct options *options);
int command_debug(const struct options *options);

// `delete`: ends the container's sandbox and removes what is on the host. With `force` whatever it does, and nothing is said
// where there is none. `patience_ms`: how long a sandbox may take to answer, and to end, before it is ended.
void container_delete(const char *root, const char *id, bool force, int patience_ms);

#endif
