// What hooks of a container are told, and where they run: see container.h. How they are run: hooks.h.
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "container.h"
#include "hooks.h"
#include "json.h"
#include "mounts.h"
#include "report.h"

#define OCI_VERSION "1.2.0"

// ---- State ----

static void annotations(const struct state_directory *state, struct buffer *into) {
  size_t length;
  char *text = state_read(state, "config.json", &length);
  if (!text) return;
  struct json json;
  if (json_read(&json, text, length)) {
    unsigned found = json_member(&json, 0, "annotations");
    if (found && json_is(&json, found, JSON_OBJECT)) {
      buffer_printf(into, ",\"annotations\":");
      const struct json_token *token = &json.tokens[found];
      buffer_append(into, text + token->start, token->end - token->start);
    }
  }
  json_free(&json);
  free(text);
}

void container_state(const struct state_directory *state, const struct record *record, const char *status,
                     const char *owner, struct buffer *into) {
  bool stopped = strcmp(status, "stopped") == 0;
  buffer_printf(into, "{\"ociVersion\":\"" OCI_VERSION "\",\"id\":");
  buffer_json_text(into, state->id);
  buffer_printf(into, ",\"status\":\"%s\"", status);
  pid_t pid = stopped ? 0 : record->waiter ? record->waiter : record->init;
  if (pid || owner) buffer_printf(into, ",\"pid\":%d", pid);
  buffer_printf(into, ",\"bundle\":");
  buffer_json_text(into, record->bundle);
  if (owner) {
    buffer_printf(into, ",\"rootfs\":");
    buffer_json_text(into, record->rootfs);
    buffer_printf(into, ",\"created\":\"%s\",\"owner\":", record->created);
    buffer_json_text(into, owner);
  }
  annotations(state, into);
  buffer_append(into, "}", 1);
}

// ---- Hooks ----

// The hook's process waits for that which is in the sandbox's PID namespace, and ends as it does.
static void stand_for(pid_t hook) {
  int status;
  while (waitpid(hook, &status, 0) < 0 && errno == EINTR)
    continue;
  if (WIFSIGNALED(status)) kill(getpid(), WTERMSIG(status));
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_RINGFENCE);
}

static bool is_ours(pid_t init, const char *name) {
  char own[64], theirs[64];
  struct stat file, other;
  snprintf(own, sizeof own, "/proc/self/ns/%s", name);
  snprintf(theirs, sizeof theirs, "/proc/%d/ns/%s", init, name);
  return stat(own, &file) == 0 && stat(theirs, &other) == 0 && file.st_ino == other.st_ino;
}

// createContainer hooks see the container's namespaces and, before anything is mounted there, the host's files. What they mount
// in the root file system the container has: init opens it later, or in a pod the launcher, in whose mount namespace they are
// then, since the sandbox's has nothing of the host's any more.
static void enter_namespaces(void *argument) {
  const struct container *container = argument;
  pid_t init = container->record.init;
  int process = (int)syscall(SYS_pidfd_open, init, 0);
  int types = CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID;
  if (!container->in_pod) types |= CLONE_NEWNS;
  if (!is_ours(init, "net")) types |= CLONE_NEWNET;
  if (geteuid() != 0 && container->record.user_namespace) types |= CLONE_NEWUSER;
  if (process < 0 || setns(process, types) < 0) _exit(EXIT_RINGFENCE);
  close(process);
  pid_t hook = fork();
  if (hook != 0) stand_for(hook);
  (void)!chdir(container->spec.root);
}

static bool run_hooks(const struct state_directory *state, const struct json *spec,
                      const struct record *record, const char *name, const char *status,
                      const struct hook_place *place, char *message, size_t capacity) {
  message[0] = '\0';
  if (!hooks_present(spec, name)) return true;
  struct buffer text = {0};
  container_state(state, record, status, NULL, &text);
  bool done = hooks_run(spec, name, text.data, text.length, place, message, capacity);
  buffer_free(&text);
  return done;
}

bool container_has_hooks(const struct state_directory *state, const char *name) {
  size_t length;
  char *text = state_read(state, "config.json", &length);
  if (!text) return false;
  struct json json;
  bool found = json_read(&json, text, length) && hooks_present(&json, name);
  json_free(&json);
  free(text);
  return found;
}

bool container_hooks(const struct state_directory *state, const struct record *record, const char *name,
                     const char *status, char *message, size_t capacity) {
  message[0] = '\0';
  size_t length;
  char *text = state_read(state, "config.json", &length);
  if (!text) return true;
  struct json json;
  const struct hook_place place = {.directory = record->bundle};
  bool done = !json_read(&json, text, length) ||
              run_hooks(state, &json, record, name, status, &place, message, capacity);
  json_free(&json);
  free(text);
  return done;
}

void container_create_hooks(struct container *container) {
  static const char *const names[] = {"prestart", "createRuntime", "createContainer"};
  char message[2048];
  const struct json *json = &container->spec.json;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    bool inside = strcmp(names[i], "createContainer") == 0;
    const struct hook_place place = {.directory = container->spec.bundle,
                                     .enter = inside ? enter_namespaces : NULL,
                                     .argument = container};
    struct record seen = container->record;
    if (inside && container->in_pod && hooks_present(json, names[i])) mounts_separate();
    if (inside) seen.waiter = 1; // its number in the container's PID namespace
    if (!run_hooks(&container->state, json, &seen, names[i], "creating", &place, message, sizeof message))
      fail(EXIT_RINGFENCE, "%s", message);
  }
}
