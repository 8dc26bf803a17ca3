// `ringfence metric-server`: Node serves it (src/main/metrics/), without anything that it does not need. It talks to
// sandboxes, which may be hostile, and to whoever reaches its address.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "installation.h"
#include "landlock.h"
#include "privileges.h"
#include "report.h"

#define UNIX "unix:"

// The directory in which it makes its socket; -1: there is none, or it cannot be opened, which Node explains.
static int socket_directory(const char *address) {
  if (!address || strncmp(address, UNIX, strlen(UNIX)) != 0) return -1;
  char *path = strdup(address + strlen(UNIX));
  if (!path) fail_errno(EXIT_RINGFENCE, "starting the metric server");
  char *name = strrchr(path, '/');
  if (name) name[name == path] = '\0';
  int directory = name ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
  free(path);
  return directory;
}

int command_metric_server(const struct options *options) {
  int directory = socket_directory(options->values[OPTION_ADDRESS]);
  privileges_server();
  landlock_writes_only_below(&directory, directory >= 0);
  char **command = installation_node_command("cli", options->words);
  execv(command[0], command);
  fail_errno(EXIT_RINGFENCE, "starting %s", command[0]);
}
