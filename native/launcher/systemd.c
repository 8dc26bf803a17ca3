// Units of systemd: see systemd.h, and org.freedesktop.systemd1(5).
#include "systemd.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dbus.h"
#include "monotonic.h"
#include "report.h"

#define JOB_TIMEOUT_MS 30000
#define JOBS_MAX 64
#define SYSTEM_BUS "unix:path=/run/dbus/system_bus_socket"
#define SYSTEMD_ITSELF "unix:path=/run/systemd/private"

static const struct dbus_target manager = {"org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                           "org.freedesktop.systemd1.Manager"};
static const struct dbus_target properties = {"org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                              "org.freedesktop.DBus.Properties"};
static const struct dbus_target bus = {"org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus"};

// ---- Names ----

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

// a-b.slice lies in a.slice.
static void expand_slice(const char *slice, char *into, size_t capacity) {
  size_t used = 0, length = strlen(slice) - (ends_with(slice, ".slice") ? strlen(".slice") : 0);
  into[0] = '\0';
  if (strcmp(slice, "-.slice") == 0) return;
  bool valid = length > 0 && length < strlen(slice) && !strchr(slice, '/') && slice[0] != '-' &&
               slice[length - 1] != '-' && !strstr(slice, "--");
  if (!valid) fail(EXIT_RINGFENCE, "invalid slice name: %s", slice);
  for (size_t end = 1; end <= length; end++) {
    if (end < length && slice[end] != '-') continue;
    used += (size_t)snprintf(into + used, capacity - used, "/%.*s.slice", (int)end, slice);
    if (used >= capacity) fail(EXIT_RINGFENCE, "linux.cgroupsPath is too long");
  }
}

static bool open_connection(struct dbus *dbus, bool user);
static bool manager_text(struct dbus *dbus, const char *name, char *into, size_t capacity);

// The group of the user's own systemd, below which its units lie.
static void user_root(char *into, size_t capacity) {
  struct dbus dbus;
  if (!open_connection(&dbus, true) || !manager_text(&dbus, "ControlGroup", into, capacity))
    fail(EXIT_RINGFENCE, "systemd: %s", dbus.error);
  dbus_close(&dbus);
  if (into[0] != '/') fail(EXIT_RINGFENCE, "systemd has no control group");
  if (into[1] == '\0') into[0] = '\0';
}

void unit_plan(struct unit *unit, const char *text, const char *id, bool user, char *path, size_t capacity) {
  struct stat status;
  *unit = (struct unit){.user = user};
  if (lstat("/run/systemd/system", &status) < 0 || !S_ISDIR(status.st_mode))
    fail(EXIT_RINGFENCE, "systemd not running on this host, cannot use systemd cgroups manager");
  char prefix[256] = "runc";
  if (text) {
    const char *first = strchr(text, ':'), *second = first ? strchr(first + 1, ':') : NULL;
    if (!second || strchr(second + 1, ':'))
      fail(EXIT_RINGFENCE,
           "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"%.256s\" "
           "instead",
           text);
    if (first - text >= 256 || second - first >= 256 || strlen(second) >= 256)
      fail(EXIT_RINGFENCE, "linux.cgroupsPath is too long");
    snprintf(unit->slice, sizeof unit->slice, "%.*s", (int)(first - text), text);
    snprintf(prefix, sizeof prefix, "%.*s", (int)(second - first - 1), first + 1);
    snprintf(unit->title, sizeof unit->title, "%s", second + 1);
  } else {
    snprintf(unit->title, sizeof unit->title, "%.255s", id);
  }
  if (!unit->slice[0]) strcpy(unit->slice, user ? "user.slice" : "system.slice");
  if (ends_with(unit->title, ".slice"))
    snprintf(unit->name, sizeof unit->name, "%s", unit->title);
  else
    snprintf(unit->name, sizeof unit->name, "%.220s-%s.scope", prefix, unit->title);
  if (strchr(unit->name, '/') || !unit->title[0])
    fail(EXIT_RINGFENCE, "linux.cgroupsPath is not valid: %s", text ? text : "");
  char root[PATH_MAX / 4] = "", slices[PATH_MAX / 4];
  expand_slice(unit->slice, slices, sizeof slices);
  if (user) user_root(root, sizeof root);
  if (snprintf(path, capacity, "%s%s/%s", root, slices, unit->name) >= (int)capacity)
    fail(EXIT_RINGFENCE, "linux.cgroupsPath is too long");
}

// ---- The connection ----

// Bytes that would end a path in an address.
static void user_bus(char *into, size_t capacity) {
  const char *given = getenv("DBUS_SESSION_BUS_ADDRESS"), *runtime = getenv("XDG_RUNTIME_DIR");
  if (given && given[0]) {
    snprintf(into, capacity, "%s", given);
    return;
  }
  size_t used = (size_t)snprintf(into, capacity, "unix:path=");
  for (const char *at = runtime ? runtime : "/run/user"; *at && used + 8 < capacity; at++)
    used += (size_t)snprintf(into + used, capacity - used, strchr(",;%", *at) ? "%%%02x" : "%c",
                             (unsigned char)*at);
  snprintf(into + used, capacity - used, "/bus");
}

// JobRemoved is sent to whoever asks for it; systemd itself tells all that are connected to it directly.
static bool want_jobs(struct dbus *dbus) {
  struct buffer body = {0};
  struct dbus_message answer;
  dbus_put_text(&body, "type='signal', interface='org.freedesktop.systemd1.Manager', member='JobRemoved'");
  bool done = dbus_call(dbus, &bus, "AddMatch", "s", &body, &answer);
  buffer_free(&body);
  return done;
}

static bool open_connection(struct dbus *dbus, bool user) {
  char address[1024];
  const char *given = getenv("DBUS_SYSTEM_BUS_ADDRESS");
  if (user)
    user_bus(address, sizeof address);
  else
    snprintf(address, sizeof address, "%s", given && given[0] ? given : SYSTEM_BUS);
  if (dbus_open(dbus, address, true)) {
    if (want_jobs(dbus)) return true;
    dbus_close(dbus);
    return false;
  }
  dbus_close(dbus);
  if (user || geteuid() != 0) return false;
  if (dbus_open(dbus, SYSTEMD_ITSELF, false)) return true;
  dbus_close(dbus);
  return false;
}

static void open_or_fail(struct dbus *dbus, bool user) {
  if (!open_connection(dbus, user)) fail(EXIT_RINGFENCE, "failed to connect to dbus: %s", dbus->error);
}

// A property of the manager's that is a text.
static bool manager_text(struct dbus *dbus, const char *name, char *into, size_t capacity) {
  struct buffer body = {0};
  struct dbus_message answer;
  dbus_put_text(&body, manager.interface);
  dbus_put_text(&body, name);
  bool done = dbus_call(dbus, &properties, "Get", "ss", &body, &answer);
  buffer_free(&body);
  if (!done) return false;
  bool is_text = strcmp(dbus_get_signature(&answer.body), "s") == 0;
  snprintf(into, capacity, "%s", is_text ? dbus_get_text(&answer.body) : "");
  return true;
}

// "v245.4-1.fc32", "245", "257~rc1": the first number; -1 where there is none.
static int version_of(struct dbus *dbus) {
  char text[128];
  if (!manager_text(dbus, "Version", text, sizeof text)) return -1;
  const char *digits = text + strspn(text, "\"v");
  return digits[0] >= '0' && digits[0] <= '9' ? (int)strtol(digits, NULL, 10) : -1;
}

// ---- Jobs ----

// What became of jobs that ended: the answer that names a job may come after the news of its end.
struct jobs {
  unsigned count; // of all there were; the last JOBS_MAX are kept
  struct {
    char path[128], result[32];
  } ended[JOBS_MAX];
};

static void job_ended(void *context, const struct dbus_message *message) {
  struct jobs *jobs = context;
  if (strcmp(message->interface, manager.interface) != 0 || strcmp(message->member, "JobRemoved") != 0 ||
      strcmp(message->signature, "uoss") != 0)
    return;
  struct dbus_reader body = message->body;
  dbus_get_u32(&body);
  const char *path = dbus_get_text(&body);
  dbus_get_text(&body); // its unit
  const char *result = dbus_get_text(&body);
  if (body.failed) return;
  unsigned place = jobs->count++ % JOBS_MAX;
  snprintf(jobs->ended[place].path, sizeof jobs->ended[place].path, "%s", path);
  snprintf(jobs->ended[place].result, sizeof jobs->ended[place].result, "%s", result);
}

static const char *job_result(const struct jobs *jobs, const char *path) {
  for (unsigned i = 0; i < jobs->count && i < JOBS_MAX; i++)
    if (strcmp(jobs->ended[i].path, path) == 0) return jobs->ended[i].result;
  return NULL;
}

// Calls what makes a job, and waits for its end. False: the call was refused. `result` "": it has not ended in time.
static bool do_job(struct dbus *dbus, const char *member, const char *signature, const struct buffer *body,
                   char *result, size_t capacity) {
  struct jobs jobs = {0};
  struct dbus_message answer;
  char path[128];
  dbus->signal = job_ended;
  dbus->context = &jobs;
  bool called = dbus_call(dbus, &manager, member, signature, body, &answer);
  result[0] = '\0';
  if (called) {
    snprintf(path, sizeof path, "%s", answer.signature[0] == 'o' ? dbus_get_text(&answer.body) : "");
    const char *ended;
    long long left, deadline = monotonic_ms() + JOB_TIMEOUT_MS;
    while (!(ended = job_result(&jobs, path)) && (left = deadline - monotonic_ms()) > 0 &&
           dbus_wait(dbus, (int)left))
      continue;
    if (ended) snprintf(result, capacity, "%s", ended);
  }
  dbus->signal = NULL;
  return called;
}

static void reset_failed(struct dbus *dbus, const char *name) {
  struct buffer body = {0};
  struct dbus_message answer;
  dbus_put_text(&body, name);
  dbus_call(dbus, &manager, "ResetFailedUnit", "s", &body, &answer);
  buffer_free(&body);
}

// ---- Units ----

void unit_start(const struct unit *unit, const struct json *spec, const pid_t *pids, int pid_count,
                struct unit_host *host) {
  struct dbus dbus;
  struct buffer body = {0};
  char result[32];
  open_or_fail(&dbus, unit->user);
  host->version = version_of(&dbus);
  dbus_put_text(&body, unit->name);
  dbus_put_text(&body, "replace");
  unit_new_properties(&body, spec, unit->title, unit->slice, strcmp(unit->name, unit->title) == 0, pids,
                      pid_count, host);
  dbus_array_end(&body, dbus_array_begin(&body, 8), 8); // no other units
  static const char signature[] = "ssa(sv)a(sa(sv))";
  bool started = do_job(&dbus, "StartTransientUnit", signature, &body, result, sizeof result);
  // One of that name may have failed earlier and still be known.
  if (!started && strcmp(dbus.error_name, "org.freedesktop.systemd1.UnitExists") == 0) {
    reset_failed(&dbus, unit->name);
    started = do_job(&dbus, "StartTransientUnit", signature, &body, result, sizeof result);
  }
  if (!started) fail(EXIT_RINGFENCE, "unable to start unit \"%s\": %s", unit->name, dbus.error);
  if (strcmp(result, "done") != 0) {
    reset_failed(&dbus, unit->name);
    if (!result[0]) fail(EXIT_RINGFENCE, "Timeout waiting for systemd to create %s", unit->name);
    fail(EXIT_RINGFENCE, "error creating systemd unit `%s`: got `%s`", unit->name, result);
  }
  buffer_free(&body);
  dbus_close(&dbus);
}

void unit_limit(const char *name, bool user, const struct json *json, unsigned resources, bool with_devices,
                struct unit_host *host) {
  struct dbus dbus;
  struct buffer body = {0};
  struct dbus_message answer;
  open_or_fail(&dbus, user);
  host->version = version_of(&dbus);
  dbus_put_text(&body, name);
  dbus_put_u32(&body, true); // until the host starts anew
  unit_limit_properties(&body, json, resources, with_devices, host);
  if (!dbus_call(&dbus, &manager, "SetUnitProperties", "sba(sv)", &body, &answer))
    fail(EXIT_RINGFENCE, "unable to set unit properties: %s", dbus.error);
  buffer_free(&body);
  dbus_close(&dbus);
}

void unit_stop(const char *name, bool user) {
  struct dbus dbus;
  struct buffer body = {0};
  char result[32];
  if (!open_connection(&dbus, user)) {
    warn("the systemd unit %s cannot be stopped: %s", name, dbus.error);
    return;
  }
  dbus_put_text(&body, name);
  dbus_put_text(&body, "replace");
  if (do_job(&dbus, "StopUnit", "ss", &body, result, sizeof result) && strcmp(result, "done") != 0)
    warn("the systemd unit %s has not ended: %s", name, result[0] ? result : "timeout");
  reset_failed(&dbus, name);
  buffer_free(&body);
  dbus_close(&dbus);
}
