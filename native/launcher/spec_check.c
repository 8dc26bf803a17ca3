// Shape of config.json: see spec_check.h. A table of members, and one walk along each row's path.
#include "spec_check.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

#define PLACE_MAX 256

enum kind { OBJECT, LIST, TEXT, BOOLEAN, INTEGER };

// In a path, [] stands for each entry of a list, and * for each member of an object. Null is as good as absent.
static const struct row {
  const char *path;
  enum kind kind;
  bool required; // where what it is a member of is there
  long long minimum, maximum;
} rows[] = {
    {"root", OBJECT, true, 0, 0},
    {"root.path", TEXT, true, 0, 0},
    {"process", OBJECT, false, 0, 0},
    {"process.terminal", BOOLEAN, false, 0, 0},
    {"process.consoleSize", OBJECT, false, 0, 0},
    {"process.consoleSize.height", INTEGER, false, 0, 65535},
    {"process.consoleSize.width", INTEGER, false, 0, 65535},
    {"process.oomScoreAdj", INTEGER, false, -1000, 1000},
    {"mounts", LIST, false, 0, 0},
    {"mounts[]", OBJECT, true, 0, 0},
    {"mounts[].type", TEXT, false, 0, 0},
    {"mounts[].source", TEXT, false, 0, 0},
    {"mounts[].options", LIST, false, 0, 0},
    {"mounts[].options[]", TEXT, true, 0, 0},
    {"annotations", OBJECT, false, 0, 0},
    {"linux", OBJECT, false, 0, 0},
    {"linux.cgroupsPath", TEXT, false, 0, 0},
    {"linux.namespaces", LIST, false, 0, 0},
    {"linux.namespaces[]", OBJECT, true, 0, 0},
    {"linux.namespaces[].type", TEXT, true, 0, 0},
    {"linux.namespaces[].path", TEXT, false, 0, 0},
    {"linux.timeOffsets", OBJECT, false, 0, 0},
    {"linux.timeOffsets.*", OBJECT, true, 0, 0},
    {"linux.timeOffsets.*.secs", INTEGER, false, -INT64_MAX, INT64_MAX},
    {"linux.timeOffsets.*.nanosecs", INTEGER, false, 0, 999999999},
    {"linux.resources", OBJECT, false, 0, 0},
    {"linux.resources.memory", OBJECT, false, 0, 0},
    {"linux.resources.cpu", OBJECT, false, 0, 0},
    {"linux.resources.pids", OBJECT, false, 0, 0},
    {"linux.resources.blockIO", OBJECT, false, 0, 0},
    {"linux.resources.network", OBJECT, false, 0, 0},
    {"linux.resources.network.priorities", LIST, false, 0, 0},
    {"linux.resources.hugepageLimits", LIST, false, 0, 0},
    {"linux.resources.hugepageLimits[]", OBJECT, true, 0, 0},
    {"linux.resources.devices", LIST, false, 0, 0},
    {"linux.resources.devices[]", OBJECT, true, 0, 0},
    {"linux.resources.unified", OBJECT, false, 0, 0},
    {"linux.resources.unified.*", TEXT, true, 0, 0},
    {"linux.resources.rdma", OBJECT, false, 0, 0},
    {"linux.resources.rdma.*", OBJECT, true, 0, 0},
};

static const char *const namespaces[] = {"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"};
#define NAMESPACES (sizeof namespaces / sizeof namespaces[0])

static _Noreturn void refuse(const char *place, const char *what) {
  fail(EXIT_RINGFENCE, "%s %s", place, what);
}

static void check_value(const struct json *spec, unsigned token, const struct row *row, const char *place) {
  char text[8192];
  long long number;
  switch (row->kind) {
  case OBJECT:
    if (!json_is(spec, token, JSON_OBJECT)) refuse(place, "must be an object");
    return;
  case LIST:
    if (!json_is(spec, token, JSON_ARRAY)) refuse(place, "must be a list");
    return;
  case BOOLEAN:
    if (!json_is(spec, token, JSON_TRUE) && !json_is(spec, token, JSON_FALSE))
      refuse(place, "must be true or false");
    return;
  case TEXT:
    if (!json_is(spec, token, JSON_STRING)) refuse(place, "must be a string");
    if (!json_text(spec, token, text, sizeof text)) refuse(place, "must be a shorter text, without NUL");
    return;
  case INTEGER:
    if (json_integer(spec, token, row->minimum, row->maximum, &number)) return;
    snprintf(text, sizeof text, "must be an integer from %lld to %lld", row->minimum, row->maximum);
    refuse(place, text);
  }
}

// Checks what is at the rest of a row's path below that value, which stands at that place. A value on the way that
// is absent, or of another kind than that of its own row, which comes before, ends it.
static void walk(const struct json *spec, unsigned value, const struct row *row, const char *rest,
                 const char *place) {
  char here[PLACE_MAX], name[64];
  if (*rest == '\0') {
    check_value(spec, value, row, place);
    return;
  }
  if (strncmp(rest, "[]", 2) == 0) {
    unsigned index = 0;
    for (unsigned item = json_first(spec, value); item; item = json_next(spec, value, item)) {
      snprintf(here, sizeof here, "%.*s[%u]", PLACE_MAX - 16, place, index++);
      walk(spec, item, row, rest + 2, here);
    }
    return;
  }
  rest += *rest == '.';
  size_t length = strcspn(rest, ".[");
  if (rest[0] == '*') {
    if (!json_is(spec, value, JSON_OBJECT)) return;
    // Members of an object: key, value, ... (json.h).
    for (unsigned key = value + 1; key < spec->tokens[value].next; key = spec->tokens[key + 1].next) {
      const struct json_token *token = &spec->tokens[key];
      int shown = token->end - token->start < 64 ? (int)(token->end - token->start) : 64;
      snprintf(here, sizeof here, "%.*s.%.*s", PLACE_MAX - 80, place, shown, spec->text + token->start);
      walk(spec, key + 1, row, rest + length, here);
    }
    return;
  }
  snprintf(name, sizeof name, "%.*s", (int)length, rest);
  snprintf(here, sizeof here, "%.*s%s%s", PLACE_MAX - 80, place, *place ? "." : "", name);
  unsigned member = json_is(spec, value, JSON_OBJECT) ? json_member(spec, value, name) : 0;
  if (member && !json_is(spec, member, JSON_NULL))
    walk(spec, member, row, rest + length, here);
  else if (rest[length] == '\0' && row->required)
    refuse(here, "is missing");
}

static size_t namespace_of(const struct json *spec, unsigned type) {
  size_t found = 0;
  while (found < NAMESPACES && !json_equals(spec, type, namespaces[found]))
    found++;
  return found;
}

static void check_namespaces(const struct json *spec) {
  unsigned system = json_member(spec, 0, "linux");
  unsigned list = system ? json_member(spec, system, "namespaces") : 0;
  unsigned seen = 0, index = 0;
  for (unsigned item = list ? json_first(spec, list) : 0; item; item = json_next(spec, list, item), index++) {
    size_t type = namespace_of(spec, json_member(spec, item, "type"));
    if (type == NAMESPACES)
      fail(EXIT_RINGFENCE,
           "linux.namespaces[%u].type must be one of cgroup, ipc, mount, network, pid, time, "
           "user, uts",
           index);
    if (seen & 1u << type)
      fail(EXIT_RINGFENCE, "linux.namespaces[%u].type %s is there twice", index, namespaces[type]);
    seen |= 1u << type;
  }
}

void spec_check(const struct json *spec) {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    walk(spec, 0, &rows[i], rows[i].path, "");
  check_namespaces(spec);
}
