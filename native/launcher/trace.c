// Trace sessions: see trace.h.
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"
#include "report.h"
#include "request.h"
#include "spec.h"
#include "state.h"
#include "trace_connector.h"

#define SESSION_BYTES_MAX 65536
#define KEPT_MAX (TRACE_SINKS_MAX * TRACES_MAX)
#define ANNOTATION "dev.ringfence.trace"

// Copies of descriptors that were kept for sinks, by the numbers that the caller knows them by.
static struct {
  long long number;
  int fd;
} kept_sinks[KEPT_MAX];
static int kept_count;

// A session's text is read once, by traces_keep: it may come by a pipe of the caller's.
static struct {
  const char *path;
  char *text;
  size_t length;
} read_before[TRACES_MAX];

static char *text_of(const char *path, size_t *length) {
  for (int i = 0; i < TRACES_MAX; i++)
    if (read_before[i].path == path) {
      *length = read_before[i].length;
      return strdup(read_before[i].text);
    }
  return read_whole_file(path, SESSION_BYTES_MAX, length);
}

static void remember(const char *path, const char *text) {
  for (int i = 0; i < TRACES_MAX; i++) {
    if (read_before[i].path) continue;
    read_before[i].path = path;
    read_before[i].text = strdup(text);
    read_before[i].length = strlen(text);
    if (!read_before[i].text) fail_errno(EXIT_RINGFENCE, "reading %s", path);
    return;
  }
}

static char *read_session(const char *path, struct json *json) {
  size_t length;
  char *text = text_of(path, &length);
  if (!text) return NULL;
  if (!json_read(json, text, length) || !json_is(json, 0, JSON_OBJECT)) {
    free(text);
    errno = EINVAL;
    return NULL;
  }
  return text;
}

// The number of a descriptor of the caller's that a sink names, or -1.
static long long descriptor_of(const struct json *json, unsigned sink) {
  unsigned token = json_is(json, sink, JSON_OBJECT) ? json_member(json, sink, "descriptor") : 0;
  long long number;
  return token && json_integer(json, token, 0, INT_MAX, &number) ? number : -1;
}

// A description of its own, so that not waiting is nobody else's business; a socket has none, and is told so at each message.
static int reopen(int fd) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int own = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  return own >= 0 || errno != ENXIO ? own : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static void keep(long long number) {
  if (kept_count == KEPT_MAX) return;
  for (int i = 0; i < kept_count; i++)
    if (kept_sinks[i].number == number) return;
  int opened = reopen((int)number);
  int fd = opened < 0 ? -1 : fcntl(opened, F_DUPFD_CLOEXEC, 3); // not the number of a stream that is closed
  if (opened >= 0) close(opened);
  if (fd < 0) return;
  kept_sinks[kept_count].number = number;
  kept_sinks[kept_count++].fd = fd;
}

static int ascending(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

// Engines give global flags to each of their calls.
static bool begins_sessions(enum command command) {
  return command == COMMAND_DO || command == COMMAND_RUN || command == COMMAND_CREATE ||
         command == COMMAND_HOLD;
}

int traces_keep(const struct options *options, int kept[KEPT_MAX]) {
  char *const *paths = begins_sessions(options->command) ? options->lists[OPTION_TRACE] : NULL;
  const char *created[] = {options->command == COMMAND_TRACE ? options->values[OPTION_CONFIG] : NULL, NULL};
  if (created[0]) paths = (char *const *)created;
  for (; paths && *paths; paths++) {
    struct json json;
    char *text = read_session(*paths, &json);
    if (!text) continue;
    remember(*paths, text);
    unsigned sinks = json_member(&json, 0, "sinks");
    for (unsigned sink = sinks ? json_first(&json, sinks) : 0; sink; sink = json_next(&json, sinks, sink)) {
      long long number = descriptor_of(&json, sink);
      if (number >= 0) keep(number);
    }
    json_free(&json);
    free(text);
  }
  for (int i = 0; i < kept_count; i++)
    kept[i] = kept_sinks[i].fd;
  qsort(kept, (size_t)kept_count, sizeof *kept, ascending);
  return kept_count;
}

static int open_descriptor(const char *path, long long number) {
  for (int i = 0; i < kept_count; i++)
    if (kept_sinks[i].number == number) return fcntl(kept_sinks[i].fd, F_DUPFD_CLOEXEC, 3);
  fail(EXIT_RINGFENCE, "%s: descriptor %lld cannot be written to", path, number);
}

// What is there already is only written to if it is nothing that one would wait for.
static int open_file(const char *name) {
  int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
  if (fd < 0) fail_errno(EXIT_RINGFENCE, "opening %s", name);
  return fd;
}

// Adds the absolute name of a socket to those of the connector; the socket, connected, or -1: it need not be there yet.
static int open_socket(struct connector_sockets *sockets, int index, const char *name, bool may_miss) {
  char here[PATH_MAX] = "";
  if (name[0] != '/' && !getcwd(here, sizeof here)) fail_errno(EXIT_RINGFENCE, "looking for %s", name);
  char *into = sockets->paths[index];
  int length = snprintf(into, sizeof sockets->paths[index], "%s%s%s", here, here[0] ? "/" : "", name);
  if (length >= (int)sizeof sockets->paths[index])
    fail(EXIT_RINGFENCE, "the name of the socket %s is longer than %zu bytes", name,
         sizeof sockets->paths[index] - 1);
  int fd = connector_connect(into);
  if (fd < 0 && !may_miss) fail_errno(EXIT_RINGFENCE, "connecting to the socket %s", name);
  return fd;
}

static bool is_true(const struct json *json, unsigned object, const char *name) {
  unsigned token = json_member(json, object, name);
  return token && json_is(json, token, JSON_TRUE);
}

static void open_sink(struct trace *trace, const char *path, const struct json *json, unsigned sink,
                      struct connector_sockets *sockets) {
  if (trace->sink_count == TRACE_SINKS_MAX)
    fail(EXIT_RINGFENCE, "%s: a session has at most %d sinks", path, TRACE_SINKS_MAX);
  int index = trace->sink_count++, *fd = &trace->sinks[index];
  char name[PATH_MAX];
  unsigned file = json_member(json, sink, "file"), socket = json_member(json, sink, "socket");
  long long number = descriptor_of(json, sink);
  if (socket && json_text(json, socket, name, sizeof name)) {
    unsigned gone = json_member(json, sink, "onGone");
    bool reconnects = gone && json_equals(json, gone, "reconnect");
    // What may be missing is looked for again, where it is looked for at all.
    *fd = open_socket(sockets, index, name, reconnects && is_true(json, sink, "optional"));
    if (reconnects) sockets->wanted |= 1u << index;
  } else if (file && json_text(json, file, name, sizeof name)) {
    *fd = open_file(name);
  } else if (number >= 0) {
    *fd = open_descriptor(path, number);
  } else {
    fail(EXIT_RINGFENCE, "%s: a sink must have one of socket, file and descriptor", path);
  }
}

void traces_open(struct traces *traces, const char *path) {
  if (traces->count == TRACES_MAX)
    fail(EXIT_RINGFENCE, "a sandbox has at most %d trace sessions", TRACES_MAX);
  struct json json;
  char *text = read_session(path, &json);
  if (!text && errno == EINVAL) fail(EXIT_RINGFENCE, "%s is not a JSON object", path);
  if (!text) fail_errno(EXIT_RINGFENCE, "reading %s", path);
  struct trace *trace = &traces->all[traces->count++];
  *trace = (struct trace){.connector = -1};
  struct connector_sockets sockets = {0};
  unsigned sinks = json_member(&json, 0, "sinks");
  for (unsigned sink = sinks ? json_first(&json, sinks) : 0; sink; sink = json_next(&json, sinks, sink)) {
    if (!json_is(&json, sink, JSON_OBJECT)) fail(EXIT_RINGFENCE, "%s: a sink must be an object", path);
    open_sink(trace, path, &json, sink, &sockets);
  }
  size_t length = strlen(text);
  request_flatten(text, length);
  buffer_append(&trace->text, text, length);
  json_free(&json);
  free(text);
  if (sockets.wanted) trace->connector = connector_start(&sockets);
}

void traces_open_all(struct traces *traces, const struct options *options) {
  for (char *const *path = options->lists[OPTION_TRACE]; path && *path; path++)
    traces_open(traces, *path);
}

void traces_open_annotated(struct traces *traces, const struct options *options, const struct json *config) {
  unsigned annotations = json_member(config, 0, "annotations");
  unsigned token = annotations ? json_member(config, annotations, ANNOTATION) : 0;
  if (!token) return;
  const char *directory = options->values[OPTION_TRACE_ANNOTATIONS];
  if (!directory) {
    note("the annotation " ANNOTATION " has no effect: --trace-annotations names no directory");
    return;
  }
  // Whoever writes config.json chooses among what is there, and names nothing else.
  char name[256], path[PATH_MAX];
  if (!json_text(config, token, name, sizeof name) || !state_id_valid(name))
    fail(EXIT_RINGFENCE, "annotation " ANNOTATION ": not the name of a trace session");
  if (snprintf(path, sizeof path, "%s/%s.json", directory, name) >= (int)sizeof path)
    fail(EXIT_RINGFENCE, "annotation " ANNOTATION ": the name is too long");
  traces_open(traces, path);
}

void traces_close(struct traces *traces) {
  for (int i = 0; i < traces->count; i++) {
    struct trace *trace = &traces->all[i];
    for (int j = 0; j < trace->sink_count; j++)
      if (trace->sinks[j] >= 0) close(trace->sinks[j]);
    if (trace->connector >= 0) close(trace->connector);
    buffer_free(&trace->text);
  }
  traces->count = 0;
  for (int i = 0; i < kept_count; i++)
    close(kept_sinks[i].fd);
  kept_count = 0;
}
