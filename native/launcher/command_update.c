// `ringfence update`: other limits for a container that is there, in its control groups and in what its kernel counts.
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "cgroup.h"
#include "commands.h"
#include "found.h"
#include "json.h"
#include "report.h"
#include "request.h"
#include "spec.h"
#include "systemd.h"

#define RESOURCES_MAX (1 << 20)

// How a flag's text becomes a value of the resources object (runtime-spec, config-linux.md).
enum form { NUMBER, BYTES, TEXT };

static const struct flag {
  enum option option;
  const char *name, *object, *member;
  enum form form;
} flags[] = {
    {OPTION_BLKIO_WEIGHT, "blkio-weight", "blockIO", "weight", NUMBER},
    {OPTION_CPU_PERIOD, "cpu-period", "cpu", "period", NUMBER},
    {OPTION_CPU_QUOTA, "cpu-quota", "cpu", "quota", NUMBER},
    {OPTION_CPU_BURST, "cpu-burst", "cpu", "burst", NUMBER},
    {OPTION_CPU_SHARE, "cpu-share", "cpu", "shares", NUMBER},
    {OPTION_CPU_IDLE, "cpu-idle", "cpu", "idle", NUMBER},
    {OPTION_CPUSET_CPUS, "cpuset-cpus", "cpu", "cpus", TEXT},
    {OPTION_CPUSET_MEMS, "cpuset-mems", "cpu", "mems", TEXT},
    {OPTION_MEMORY, "memory", "memory", "limit", BYTES},
    {OPTION_MEMORY_RESERVATION, "memory-reservation", "memory", "reservation", BYTES},
    {OPTION_MEMORY_SWAP, "memory-swap", "memory", "swap", BYTES},
    {OPTION_PIDS_LIMIT, "pids-limit", "pids", "limit", NUMBER},
};
#define FLAGS (sizeof flags / sizeof flags[0])

static long long value_of(const struct flag *flag, const char *text) {
  static const char units[] = "kmgt";
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  bool valid = end != text && errno == 0 && value >= -1;
  const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
  if (flag->form == BYTES && unit) {
    for (const char *at = units; at <= unit; at++)
      if (__builtin_mul_overflow(value, 1024, &value)) valid = false;
    end += tolower((unsigned char)end[1]) == 'b' ? 2 : 1;
  }
  if (!valid || *end != '\0') fail(EXIT_RINGFENCE, "invalid value for --%s: %s", flag->name, text);
  return value;
}

// The flags as a resources object.
static void write_object(struct buffer *text, const struct options *options) {
  const char *object = NULL;
  buffer_printf(text, "{");
  for (size_t i = 0; i < FLAGS; i++) {
    const struct flag *flag = &flags[i];
    const char *given = options->values[flag->option];
    if (!given || !given[0]) continue;
    bool continues = object && strcmp(object, flag->object) == 0;
    buffer_printf(text, "%s", continues ? "," : object ? "}," : "");
    if (!continues) buffer_printf(text, "\"%s\":{", flag->object);
    object = flag->object;
    buffer_printf(text, "\"%s\":", flag->member);
    if (flag->form == TEXT)
      buffer_json_text(text, given);
    else
      buffer_printf(text, "%lld", value_of(flag, given));
  }
  buffer_printf(text, "%s}", object ? "}" : "");
}

static void read_resources(struct buffer *text, const struct options *options) {
  const char *path = options->values[OPTION_RESOURCES];
  if (!path) {
    write_object(text, options);
    return;
  }
  bool is_stream = strcmp(path, "-") == 0;
  text->data = is_stream ? read_whole(0, RESOURCES_MAX, &text->length)
                         : read_whole_file(path, RESOURCES_MAX, &text->length);
  if (!text->data) fail_errno(EXIT_RINGFENCE, "reading the resources");
}

static void append_limit(struct buffer *request, const char *name, const struct json *resources,
                         const char *object, bool zero_counts) {
  long long value;
  unsigned token = json_member(resources, json_member(resources, 0, object), "limit");
  if (!token || !json_integer(resources, token, -1, INT64_MAX, &value) || (value == 0 && !zero_counts))
    return;
  const char *comma = request->data[request->length - 1] == '{' ? "" : ",";
  buffer_printf(request, "%s\"%s\":%lld", comma, name, value < 0 ? 0 : value);
}

int command_update(const struct options *options) {
  struct found found;
  struct buffer text = {0}, request = {0};
  struct json resources;
  found_open(&found, options);
  read_resources(&text, options);
  if (!json_read(&resources, text.data, text.length) || !json_is(&resources, 0, JSON_OBJECT))
    fail(EXIT_RINGFENCE, "the resources are no JSON object");
  if (found.control.fd < 0) fail(EXIT_RINGFENCE, "container not running");
  const struct cgroups cgroups = record_groups(&found.record);
  if (found.record.unit) {
    struct unit_host host = {.unified = cgroups_unified(&cgroups)};
    cgroups_cpu_quota(&cgroups, &host.quota, &host.period);
    unit_limit(found.record.unit, found.record.user_unit, &resources, 0, false, &host);
  }
  cgroups_limit(&cgroups, &resources, 0);
  buffer_printf(&request, "{\"id\":1,\"method\":\"limit\",\"params\":{");
  append_limit(&request, "tasks", &resources, "pids", true);
  append_limit(&request, "memory", &resources, "memory", false);
  request_flatten(text.data, text.length);
  buffer_printf(&request, "%s\"resources\":", request.data[request.length - 1] == '{' ? "" : ",");
  buffer_append(&request, text.data, text.length);
  buffer_printf(&request, "}}");
  buffer_append(&request, "", 1);
  found_ask_or_fail(&found, request.data);
  return 0;
}
