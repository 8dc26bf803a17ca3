// Trace sessions (docs/traces.md), from the launcher's side: their files, and what these name as sinks, opened by the caller's
// rights before anything is confined. What a session says beside that is the sandbox's to read.
#ifndef RINGFENCE_TRACE_H
#define RINGFENCE_TRACE_H

#include <stdbool.h>

#include "buffer.h"
#include "json.h"
#include "options.h"

#define TRACES_MAX 8
#define TRACE_SINKS_MAX 4

struct trace {
  struct buffer text; // JSON of the session, on one line
  int sink_count;
  int sinks[TRACE_SINKS_MAX]; // descriptors; -1: a socket on which nobody listens yet
  int connector;              // the sandbox's end of a connector's channel (trace_connector.h), or -1
};

struct traces {
  int count;
  struct trace all[TRACES_MAX];
};

// Of descriptors that sessions name as sinks, keeps copies that do not wait, before those of the caller's are closed; what is
// not to be had is told by traces_open. Returns how many there are, their numbers in `kept` in ascending order.
int traces_keep(const struct options *options, int kept[TRACE_SINKS_MAX * TRACES_MAX]);

// Reads one more session, and opens its sinks. Fails where that cannot be done.
void traces_open(struct traces *traces, const char *path);

// All that --trace names.
void traces_open_all(struct traces *traces, const struct options *options);

// Of a container, what its annotation dev.ringfence.trace names: a file NAME.json in the directory that --trace-annotations
// allows. Without that flag it has no effect, which is told in the log.
void traces_open_annotated(struct traces *traces, const struct options *options, const struct json *config);

// Closes the launcher's descriptors, those of traces_keep with them: nothing more can be opened.
void traces_close(struct traces *traces);

#endif
