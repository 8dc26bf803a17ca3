// `start`, `state`, `kill`, `pause`, `resume`, `delete`: one request each to the control socket of a container that is there.
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "commands.h"
#include "container.h"
#include "found.h"
#include "report.h"

// How long a sandbox that was told to end may take.
#define SHUTDOWN_MS 5000
// And how long until it is looked at again.
#define LOOK_MS 2
#define SIGNAL_MAX 64

// A descriptor of a process of the record, or -1: it is gone.
static int process_open(const struct record *record, pid_t pid, bool (*is_alive)(const struct record *)) {
  int process = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
  // The number may be somebody else's by now; the descriptor's process is known by its start.
  if (process < 0 || is_alive(record)) return process;
  close(process);
  return -1;
}

static int init_open(const struct record *record) {
  return process_open(record, record->init, record_init_alive);
}

// Ends init, and with it everything in the sandbox, whatever its kernel is doing: of a pod all containers, which hang with it.
static void kill_init(const struct record *record) {
  int process = init_open(record);
  if (process < 0) return;
  syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
  close(process);
}

// Of a container that its kernel does not end. What the kernel says is not believed: it may be in the hands of its guest.
static void end_by_force(const struct found *found) {
  if (found->record.sandbox)
    warn("container %s does not end: the sandbox of its pod, %s, is ended with all that is in it",
         found->state.id, found->record.sandbox);
  kill_init(&found->record);
}

// Init has given back all that it had, and has buried its children: it stays until others are reaped that ended with its
// namespace, the waiter by whoever started the container. A process 1 that is a shell may do so late, or never.
static bool has_left(pid_t init) {
  char path[64], text[32];
  snprintf(path, sizeof path, "/proc/%d/ns/net", init);
  if (readlink(path, text, sizeof text) >= 0 || errno != ENOENT) return false;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", init, init);
  int children = open(path, O_RDONLY | O_CLOEXEC);
  if (children < 0) return false; // a kernel without CONFIG_PROC_CHILDREN
  const bool none = read(children, text, sizeof text) == 0;
  close(children);
  return none;
}

// The lock is free a little before the last process of the sandbox is gone, and with it what it has of a network namespace
// that others may use next.
static void wait_for_end(int process, pid_t init) {
  if (process < 0) return;
  for (int waited_ms = 0; waited_ms < SHUTDOWN_MS && !has_left(init); waited_ms += LOOK_MS)
    if (poll(&(struct pollfd){.fd = process, .events = POLLIN}, 1, LOOK_MS) != 0) break;
  close(process);
}

int command_start(const struct options *options) {
  struct found found;
  char message[2048];
  found_open(&found, options);
  // Hooks in the container may take their time.
  if (container_has_hooks(&found.state, "startContainer")) found.control.patience_ms = 0;
  found_ask_or_fail(&found, "{\"id\":1,\"method\":\"start\"}");
  if (container_hooks(&found.state, &found.record, "poststart", "running", message, sizeof message)) return 0;
  char *text, killed[256];
  size_t length;
  found_ask(&found, "{\"id\":1,\"method\":\"kill\",\"params\":{\"signo\":9,\"all\":false}}", &text, &length,
            killed, sizeof killed);
  fail(EXIT_RINGFENCE, "%s", message);
}

int command_state(const struct options *options) {
  struct found found;
  found_open(&found, options);
  struct buffer text = {0};
  container_state(&found.state, &found.record, found_status(&found), "", &text);
  buffer_append(&text, "\n", 1);
  if (write_all(1, text.data, text.length) < 0) fail_errno(EXIT_RINGFENCE, "writing the state");
  return 0;
}

// A signal by number or name, with SIG or without, RTMIN+N and RTMAX-N too; -1 where there is none. 0 asks whether the
// container runs.
static int signal_number(const char *text) {
  if (!text) return SIGTERM;
  char *end;
  if (isdigit((unsigned char)text[0])) {
    long number = strtol(text, &end, 10);
    return *end == '\0' && number <= SIGNAL_MAX ? (int)number : -1;
  }
  if (strncasecmp(text, "SIG", 3) == 0) text += 3;
  for (int signo = 1; signo < 32; signo++)
    if (strcasecmp(text, sigabbrev_np(signo)) == 0) return signo;
  if (strncasecmp(text, "RTM", 3) != 0 || strlen(text) < 5) return -1;
  bool from_least = strncasecmp(text, "RTMIN", 5) == 0;
  if (!from_least && strncasecmp(text, "RTMAX", 5) != 0) return -1;
  // The guest's numbers: its C library keeps two of them for itself.
  long offset = text[5] == '\0' ? 0 : strtol(text + 5, &end, 10);
  if (text[5] != '\0' && (*end != '\0' || text[5] != (from_least ? '+' : '-'))) return -1;
  long number = (from_least ? 34 : SIGNAL_MAX) + offset;
  return number >= 34 && number <= SIGNAL_MAX ? (int)number : -1;
}

// Waits for the end of what SIGKILL was sent to, as its waiter tells it, whatever the sandbox has said of it.
static bool ends_soon(int waiter) {
  const bool ended = poll(&(struct pollfd){.fd = waiter, .events = POLLIN}, 1, SHUTDOWN_MS) != 0;
  close(waiter);
  return ended;
}

// Nobody listens, or who did has gone away. In a pod others keep init alive.
static bool is_gone(const struct found *found) {
  if (found->control.late) return false;
  return found->control.fd >= 0 || found->record.sandbox || !record_init_alive(&found->record);
}

int command_kill(const struct options *options) {
  struct found found;
  int signo = signal_number(options->positionals[1]);
  if (signo < 0) fail(EXIT_RINGFENCE, "unknown signal \"%s\"", options->positionals[1]);
  found_open(&found, options);
  if (signo == SIGKILL) found.control.patience_ms = SHUTDOWN_MS;
  char request[128];
  snprintf(request, sizeof request, "{\"id\":1,\"method\":\"kill\",\"params\":{\"signo\":%d,\"all\":%s}}",
           signo, option_on(options, OPTION_ALL) ? "true" : "false");
  char *text, message[4096];
  size_t length;
  const bool asked = found.control.fd >= 0;
  // None of a container whose launcher stands for it.
  const int waiter =
      signo == SIGKILL ? process_open(&found.record, found.record.waiter, record_waiter_alive) : -1;
  const bool done = asked && found_ask(&found, request, &text, &length, message, sizeof message);
  if (waiter >= 0 && !found.control.late && !ends_soon(waiter)) {
    end_by_force(&found);
    return 0;
  }
  if (done) return 0;
  if (asked && !found.control.late && message[0]) fail(EXIT_RINGFENCE, "%s", message);
  const bool gone = is_gone(&found);
  if (gone && option_on(options, OPTION_ALL)) return 0; // of nobody each has got it, as runc says
  if (gone) fail(EXIT_RINGFENCE, "container not running");
  if (signo != SIGKILL) fail(EXIT_RINGFENCE, "the container's kernel does not answer");
  end_by_force(&found);
  return 0;
}

int command_pause(const struct options *options) {
  struct found found;
  found_open(&found, options);
  found_ask_or_fail(&found, "{\"id\":1,\"method\":\"pause\"}");
  return 0;
}

int command_resume(const struct options *options) {
  struct found found;
  found_open(&found, options);
  found_ask_or_fail(&found, "{\"id\":1,\"method\":\"resume\"}");
  return 0;
}

// Ends the sandbox, or in a pod's the container alone, by its own hand if it can, and takes the lock that says it is gone.
// False: another command was sooner, and has removed the container.
static bool end_sandbox(struct found *found, bool force, int patience_ms) {
  char *text, message[4096] = "";
  size_t length;
  char request[64];
  snprintf(request, sizeof request, "{\"id\":1,\"method\":\"shutdown\",\"params\":{\"force\":%s}}",
           force ? "true" : "false");
  found->control.patience_ms = patience_ms;
  const bool listens = found->control.fd >= 0;
  const bool refused =
      listens && !found_ask(found, request, &text, &length, message, sizeof message) && message[0];
  if (refused && !force) fail(EXIT_RINGFENCE, "%s", message);
  if (!force && found->control.late) fail(EXIT_RINGFENCE, "the container's kernel does not answer");
  const bool stays = found->control.late || (refused && !found->record.sandbox);
  enum lock_state lock = state_lock(&found->state, stays ? 0 : patience_ms);
  if (lock != LOCK_HELD) return lock == LOCK_TAKEN;
  // It does not answer, has refused what it may not refuse, goes on all the same, or nobody listens any more though it lives.
  // In a pod who does not listen may be another command that removes the container; where the kernel does not end it, the
  // end of this one is that of the whole pod.
  if (!found->record.sandbox || found->control.late || (force && listens)) {
    end_by_force(found);
    lock = state_lock(&found->state, SHUTDOWN_MS);
  }
  if (lock == LOCK_HELD) fail(EXIT_RINGFENCE, "container %s does not end", found->state.id);
  return lock == LOCK_TAKEN;
}

// Who ends with a small share of the CPU would take its time.
static void lift_quota(struct record *record) {
  const struct cgroups cgroups = record_groups(record);
  long long quota, period;
  cgroups_cpu_quota(&cgroups, &quota, &period);
  if (quota > 0) cgroups_set_cpu_quota(&cgroups, -1, period);
}

void container_delete(const char *root, const char *id, bool force, int patience_ms) {
  struct found found = {.control = {.fd = -1}};
  if (force && !state_open(&found.state, root, id)) return;
  if (!force) state_find(&found.state, root, id);
  if (record_read(&found.state, &found.record)) found_connect(&found);
  // The init of a pod stays.
  int init = found.record.init > 0 && !found.record.sandbox ? init_open(&found.record) : -1;
  if (force) lift_quota(&found.record);
  bool ended = end_sandbox(&found, force, patience_ms);
  wait_for_end(init, found.record.init);
  if (ended)
    container_remove(&found.state, &found.record);
  else if (!force)
    fail_no_container(id);
}

int command_delete(const struct options *options) {
  container_delete(options->values[OPTION_ROOT], options->id, option_on(options, OPTION_FORCE), SHUTDOWN_MS);
  return 0;
}
