// state.json: see record.h.
#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "json.h"
#include "spec.h"

#define TOKENS_MAX 256
#define TEXT_MAX 4096
#define STAT_MAX 4096

// Field 22 of /proc/PID/stat; 0 when there is no such process, or nobody has reaped it yet: it is as dead.
static unsigned long long start_time(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  size_t length;
  char *text = pid > 0 ? read_whole_file(path, STAT_MAX, &length) : NULL;
  if (!text) return 0;
  unsigned long long start = 0;
  // The name, in parentheses, may hold anything.
  char *at = strrchr(text, ')');
  if (at && (at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')) at = NULL;
  for (int field = 2; at && field < 22; field++)
    at = strchr(at + 1, ' ');
  if (at) sscanf(at, " %llu", &start);
  free(text);
  return start;
}

static void member(struct buffer *text, const char *name, const char *value) {
  if (!value) return;
  buffer_printf(text, ",\"%s\":", name);
  buffer_json_text(text, value);
}

void record_write(const struct state_directory *state, struct record *record) {
  record->init_start = start_time(record->init);
  record->waiter_start = start_time(record->waiter);
  struct buffer text = {0};
  buffer_printf(&text, "{\"version\":1,\"id\":");
  buffer_json_text(&text, state->id);
  buffer_printf(&text, ",\"init\":%d,\"initStart\":%llu,\"waiter\":%d,\"waiterStart\":%llu", record->init,
                record->init_start, record->waiter, record->waiter_start);
  buffer_printf(&text, ",\"userNamespace\":%s", record->user_namespace ? "true" : "false");
  member(&text, "bundle", record->bundle);
  member(&text, "rootfs", record->rootfs);
  if (record->bundle) member(&text, "created", record->created);
  member(&text, "unit", record->unit);
  if (record->unit) buffer_printf(&text, ",\"userUnit\":%s", record->user_unit ? "true" : "false");
  if (record->is_pod) buffer_printf(&text, ",\"pod\":true");
  member(&text, "sandbox", record->sandbox);
  buffer_printf(&text, ",\"cgroups\":[");
  for (int i = 0; i < record->cgroup_count; i++) {
    if (i > 0) buffer_append(&text, ",", 1);
    buffer_json_text(&text, record->cgroups[i]);
  }
  buffer_printf(&text, "],\"cgroupTops\":[");
  for (int i = 0; i < record->cgroup_count; i++) {
    if (i > 0) buffer_append(&text, ",", 1);
    buffer_json_text(&text, record->cgroup_tops[i] ? record->cgroup_tops[i] : "");
  }
  buffer_printf(&text, "]}\n");
  state_write(state, "state.json", text.data, text.length);
  buffer_free(&text);
}

static char *text_member(const struct json *json, const char *name) {
  char text[TEXT_MAX];
  return json_text(json, json_member(json, 0, name), text, sizeof text) ? strdup(text) : NULL;
}

static long long number_member(const struct json *json, const char *name, long long most) {
  long long number;
  return json_integer(json, json_member(json, 0, name), 0, most, &number) ? number : 0;
}

// Reads a list of at most CGROUPS_MAX strings; their number.
static int texts_member(const struct json *json, const char *name, char **into) {
  int count = 0;
  unsigned list = json_member(json, 0, name);
  for (unsigned item = json_first(json, list); item && count < CGROUPS_MAX;
       item = json_next(json, list, item)) {
    char text[TEXT_MAX];
    if (json_text(json, item, text, sizeof text)) into[count++] = strdup(text);
  }
  return count;
}

bool record_read(const struct state_directory *state, struct record *record) {
  *record = (struct record){0};
  size_t length;
  char *text = state_read(state, "state.json", &length);
  if (!text) return false;
  struct json_token tokens[TOKENS_MAX];
  struct json json;
  bool valid = json_parse(&json, text, length, tokens, TOKENS_MAX) && json_is(&json, 0, JSON_OBJECT);
  if (valid) {
    record->init = (pid_t)number_member(&json, "init", 1 << 22);
    record->waiter = (pid_t)number_member(&json, "waiter", 1 << 22);
    record->init_start = (unsigned long long)number_member(&json, "initStart", 1ll << 62);
    record->waiter_start = (unsigned long long)number_member(&json, "waiterStart", 1ll << 62);
    record->user_namespace = json_is(&json, json_member(&json, 0, "userNamespace"), JSON_TRUE);
    record->bundle = text_member(&json, "bundle");
    record->rootfs = text_member(&json, "rootfs");
    json_text(&json, json_member(&json, 0, "created"), record->created, sizeof record->created);
    record->unit = text_member(&json, "unit");
    record->user_unit = json_is(&json, json_member(&json, 0, "userUnit"), JSON_TRUE);
    record->is_pod = json_is(&json, json_member(&json, 0, "pod"), JSON_TRUE);
    record->sandbox = text_member(&json, "sandbox");
    record->cgroup_count = texts_member(&json, "cgroups", record->cgroups);
    texts_member(&json, "cgroupTops", record->cgroup_tops);
  }
  free(text);
  return valid;
}

struct cgroups record_groups(struct record *record) {
  return (struct cgroups){.in_pod = record->sandbox != NULL,
                          .count = record->cgroup_count,
                          .paths = record->cgroups,
                          .tops = record->cgroup_tops};
}

static bool is_alive(pid_t pid, unsigned long long recorded) {
  const unsigned long long start = start_time(pid);
  return start != 0 && start == recorded;
}

bool record_init_alive(const struct record *record) {
  return is_alive(record->init, record->init_start);
}

bool record_waiter_alive(const struct record *record) {
  return is_alive(record->waiter, record->waiter_start);
}
