// Properties of systemd units: see unit_properties.h.
#include "unit_properties.h"

#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "dbus.h"
#include "device_rules.h"
#include "report.h"
#include "variant_text.h"

#define PROPERTY_PREFIX "org.systemd.property."
#define CPUS_MAX 8192
#define DEFAULT_PERIOD 100000
#define QUOTA_STEP 10000 // systemd keeps per cents of a CPU

// ---- One property each ----

static void begin(struct buffer *body, const char *name, const char *signature) {
  dbus_align(body, 8);
  dbus_put_text(body, name);
  if (signature) dbus_put_signature(body, signature);
}

static void put_number(struct buffer *body, const char *name, uint64_t value) {
  begin(body, name, "t");
  dbus_put_u64(body, value);
}

static void put_truth(struct buffer *body, const char *name, bool value) {
  begin(body, name, "b");
  dbus_put_u32(body, value);
}

static void put_text(struct buffer *body, const char *name, const char *value) {
  begin(body, name, "s");
  dbus_put_text(body, value);
}

// ---- A new unit ----

// A name of letters alone; where systemd's documentation says ...Sec, its D-Bus interface says ...USec.
static void put_annotation(struct buffer *body, const char *name, const char *text) {
  char renamed[160];
  size_t length = strlen(name);
  if (length < 3 || length > 128 ||
      strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != length)
    fail(EXIT_RINGFENCE, "annotation " PROPERTY_PREFIX "%.64s name incorrect", name);
  bool seconds =
      length > 3 && strcmp(name + length - 3, "Sec") == 0 && islower((unsigned char)name[length - 4]);
  snprintf(renamed, sizeof renamed, seconds ? "%.*sUSec" : "%.*s", (int)(seconds ? length - 3 : length),
           name);
  begin(body, renamed, NULL);
  if (!variant_put(body, text, seconds))
    fail(EXIT_RINGFENCE, "annotation " PROPERTY_PREFIX "%s=%.256s value parse error", name, text);
}

static void put_annotations(struct buffer *body, const struct json *spec) {
  unsigned object = json_member(spec, 0, "annotations");
  if (!object || !json_is(spec, object, JSON_OBJECT)) return;
  for (unsigned key = object + 1; key < spec->tokens[object].next; key = spec->tokens[key + 1].next) {
    char name[256], text[VARIANT_TEXT_MAX];
    if (!json_text(spec, key, name, sizeof name) ||
        strncmp(name, PROPERTY_PREFIX, strlen(PROPERTY_PREFIX)) != 0)
      continue;
    if (!json_text(spec, key + 1, text, sizeof text))
      fail(EXIT_RINGFENCE, "annotation %s value parse error", name);
    put_annotation(body, name + strlen(PROPERTY_PREFIX), text);
  }
}

// A group whose processes die together says so when it is made; systemd takes no change of it later.
static void put_oom_policy(struct buffer *body, const struct json *spec, const struct unit_host *host) {
  unsigned at = json_member(spec, 0, "linux");
  static const char *const names[] = {"resources", "unified", "memory.oom.group"};
  for (size_t i = 0; i < sizeof names / sizeof names[0] && at; i++)
    at = json_member(spec, at, names[i]);
  char text[16];
  if (!host->unified || host->version < 253 || !at || !json_text(spec, at, text, sizeof text)) return;
  if (strcmp(text, "0") == 0) put_text(body, "OOMPolicy", "continue");
  if (strcmp(text, "1") == 0) put_text(body, "OOMPolicy", "kill");
}

void unit_new_properties(struct buffer *body, const struct json *spec, const char *name, const char *slice,
                         bool is_slice, const pid_t *pids, int pid_count, const struct unit_host *host) {
  char description[512];
  size_t list = dbus_array_begin(body, 8);
  snprintf(description, sizeof description, "libcontainer container %s", name);
  put_text(body, "Description", description);
  if (is_slice) {
    begin(body, "Wants", "as");
    size_t wants = dbus_array_begin(body, 4);
    dbus_put_text(body, slice);
    dbus_array_end(body, wants, 4);
  } else {
    put_text(body, "Slice", slice);
    put_truth(body, "Delegate", true);
  }
  begin(body, "PIDs", "au");
  size_t array = dbus_array_begin(body, 4);
  for (int i = 0; i < pid_count; i++)
    dbus_put_u32(body, (uint32_t)pids[i]);
  dbus_array_end(body, array, 4);
  put_truth(body, "MemoryAccounting", true);
  put_truth(body, "CPUAccounting", true);
  put_truth(body, host->unified ? "IOAccounting" : "BlockIOAccounting", true);
  put_truth(body, "TasksAccounting", true);
  put_truth(body, "DefaultDependencies", false);
  put_annotations(body, spec);
  put_oom_policy(body, spec, host);
  dbus_array_end(body, list, 8);
}

// ---- Devices ----

// What /proc/devices calls a major number of this type; false: it has no name.
static bool device_group(const struct device_rule *rule, char *into, size_t capacity) {
  FILE *file = fopen("/proc/devices", "re");
  if (!file) return false;
  char line[256], name[128];
  char type = 0;
  bool found = false;
  long long major;
  while (!found && fgets(line, sizeof line, file)) {
    if (strncmp(line, "Character", 9) == 0) type = 'c';
    if (strncmp(line, "Block", 5) == 0) type = 'b';
    if (type != rule->type || sscanf(line, " %lld %127s", &major, name) != 2 || major != rule->major)
      continue;
    snprintf(into, capacity, "%s-%s", type == 'c' ? "char" : "block", name);
    found = true;
  }
  fclose(file);
  return found;
}

// The path by which systemd knows a rule's devices; false: it knows no such rule.
static bool device_path(const struct device_rule *rule, char *into, size_t capacity) {
  const char *kind = rule->type == 'c' ? "char" : "block";
  if (rule->major < 0 && rule->minor >= 0) return false;
  if (rule->major >= 0 && rule->minor < 0) return device_group(rule, into, capacity);
  if (rule->major < 0)
    snprintf(into, capacity, "%s-*", kind);
  else
    snprintf(into, capacity, "/dev/%s/%lld:%lld", kind, rule->major, rule->minor);
  return true;
}

static void put_devices(struct buffer *body, const struct json *json, unsigned resources) {
  struct device_rules *rules = calloc(1, sizeof *rules);
  if (!rules) fail_errno(EXIT_RINGFENCE, "reading linux.resources.devices");
  device_rules_read(rules, json, resources);
  bool allows_all = rules->allows_others && rules->count == 0;
  put_text(body, "DevicePolicy", allows_all ? "auto" : "strict");
  // Emptied first, since what is set is added to what there is.
  for (int pass = 0; pass < (rules->allows_others ? 1 : 2); pass++) {
    begin(body, "DeviceAllow", "a(ss)");
    size_t list = dbus_array_begin(body, 8);
    for (int i = 0; pass == 1 && i < rules->count; i++) {
      const struct device_rule *rule = &rules->rules[i];
      char path[192], access[4] = "";
      if (!device_path(rule, path, sizeof path)) continue;
      if (rule->access & DEVICE_READ) strcat(access, "r");
      if (rule->access & DEVICE_WRITE) strcat(access, "w");
      if (rule->access & DEVICE_MAKE) strcat(access, "m");
      dbus_align(body, 8);
      dbus_put_text(body, path);
      dbus_put_text(body, access);
    }
    dbus_array_end(body, list, 8);
  }
  free(rules);
}

// ---- Limits ----

// A member of an object of linux.resources; 0 where nothing is said.
static long long number_at(const struct json *json, unsigned resources, const char *object,
                           const char *member) {
  long long value = 0;
  unsigned parent = json_member(json, resources, object);
  unsigned token = parent ? json_member(json, parent, member) : 0;
  return token && json_integer(json, token, LLONG_MIN, LLONG_MAX, &value) ? value : 0;
}

static void put_quota(struct buffer *body, long long quota, long long period, int version) {
  uint64_t a_second = UINT64_MAX;
  if (quota == 0 && period == 0) return;
  if (period != 0 && version >= 242) put_number(body, "CPUQuotaPeriodUSec", (uint64_t)period);
  if (quota > 0) {
    a_second = (uint64_t)((__uint128_t)quota * 1000000 / (uint64_t)(period ? period : DEFAULT_PERIOD));
    a_second = (a_second + QUOTA_STEP - 1) / QUOTA_STEP * QUOTA_STEP;
  }
  put_number(body, "CPUQuotaPerSecUSec", a_second);
}

// Numbers and ranges ("1,3-5") as bits, the lowest byte first.
static void put_set(struct buffer *body, const char *name, const char *text) {
  unsigned char bits[CPUS_MAX / 8] = {0};
  size_t length = 0;
  for (const char *at = text; *at;) {
    char *end;
    at += strspn(at, ", ");
    if (!*at) break;
    unsigned long first = strtoul(at, &end, 10), last = first;
    bool valid = isdigit((unsigned char)*at);
    if (valid && *end == '-') {
      at = end + 1;
      valid = isdigit((unsigned char)*at);
      last = strtoul(at, &end, 10);
    }
    if (!valid || last < first || last >= CPUS_MAX || (*end && !strchr(", ", *end)))
      fail(EXIT_RINGFENCE, "linux.resources: %s=\"%.128s\" conversion error", name, text);
    for (unsigned long i = first; i <= last; i++)
      bits[i / 8] |= (unsigned char)(1u << (i % 8));
    if (last / 8 + 1 > length) length = last / 8 + 1;
    at = end;
  }
  if (length == 0)
    fail(EXIT_RINGFENCE, "linux.resources: %s=\"%.128s\" conversion error: empty value", name, text);
  begin(body, name, "ay");
  size_t list = dbus_array_begin(body, 1);
  buffer_append(body, bits, length);
  dbus_array_end(body, list, 1);
}

static void put_sets(struct buffer *body, const struct json *json, unsigned resources, int version) {
  static const char *const sets[][2] = {{"cpus", "AllowedCPUs"}, {"mems", "AllowedMemoryNodes"}};
  unsigned cpu = json_member(json, resources, "cpu");
  for (size_t i = 0; i < 2; i++) {
    char text[4096];
    unsigned token = cpu ? json_member(json, cpu, sets[i][0]) : 0;
    if (version < 244 || !token || !json_text(json, token, text, sizeof text) || !text[0]) continue;
    put_set(body, sets[i][1], text);
  }
}

// Host tasks of a sandbox count, too.
static uint64_t tasks_of(uint64_t limit) {
  return limit > UINT64_MAX - CGROUP_TASKS_HEADROOM ? UINT64_MAX : limit + CGROUP_TASKS_HEADROOM;
}

static uint64_t unified_number(const char *name, const char *text) {
  char *end;
  if (strcmp(text, "max") == 0) return UINT64_MAX;
  uint64_t value = strtoull(text, &end, 10);
  if (!isdigit((unsigned char)text[0]) || *end)
    fail(EXIT_RINGFENCE, "unified resource \"%s\" value conversion error: %.64s", name, text);
  return value;
}

static void put_unified_quota(struct buffer *body, const char *text, int version) {
  long long quota = 0, period = DEFAULT_PERIOD;
  char word[32];
  if (sscanf(text, "%31s %lld", word, &period) < 1 || period <= 0)
    fail(EXIT_RINGFENCE, "unified resource \"cpu.max\" value invalid: \"%.64s\"", text);
  uint64_t value = unified_number("cpu.max", word);
  if (value != UINT64_MAX) quota = (long long)(value > INT64_MAX ? INT64_MAX : value);
  put_quota(body, quota, period, version);
}

static void put_unified(struct buffer *body, const char *name, const char *text, int version) {
  static const char *const numbers[][2] = {
      {"cpu.weight", "CPUWeight"}, {"memory.high", "MemoryHigh"}, {"memory.low", "MemoryLow"},
      {"memory.min", "MemoryMin"}, {"memory.max", "MemoryMax"},   {"memory.swap.max", "MemorySwapMax"},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    if (strcmp(name, numbers[i][0]) == 0) put_number(body, numbers[i][1], unified_number(name, text));
  if (strcmp(name, "cpu.max") == 0) put_unified_quota(body, text, version);
  if (strcmp(name, "cpu.idle") == 0 && strcmp(text, "1") == 0 && version >= 252)
    put_number(body, "CPUWeight", 0);
  if (strcmp(name, "pids.max") == 0) put_number(body, "TasksMax", tasks_of(unified_number(name, text)));
  if (strcmp(name, "cpuset.cpus") == 0 && version >= 244) put_set(body, "AllowedCPUs", text);
  if (strcmp(name, "cpuset.mems") == 0 && version >= 244) put_set(body, "AllowedMemoryNodes", text);
}

static void put_all_unified(struct buffer *body, const struct json *json, unsigned resources, int version) {
  unsigned object = json_member(json, resources, "unified");
  if (!object || !json_is(json, object, JSON_OBJECT)) return;
  for (unsigned key = object + 1; key < json->tokens[object].next; key = json->tokens[key + 1].next) {
    char name[128], text[4096];
    if (!json_text(json, key, name, sizeof name) || !json_text(json, key + 1, text, sizeof text))
      fail(EXIT_RINGFENCE, "linux.resources.unified is not valid");
    size_t end = strlen(text);
    while (end > 0 && isspace((unsigned char)text[end - 1]))
      text[--end] = '\0';
    put_unified(body, name, text + strspn(text, " \t\n"), version);
  }
}

static void put_memory(struct buffer *body, const struct json *json, unsigned resources, bool unified) {
  long long limit = number_at(json, resources, "memory", "limit");
  if (limit != 0) put_number(body, unified ? "MemoryMax" : "MemoryLimit", (uint64_t)limit);
  if (!unified) return;
  long long low = number_at(json, resources, "memory", "reservation");
  long long swap = number_at(json, resources, "memory", "swap");
  if (low != 0) put_number(body, "MemoryLow", (uint64_t)low);
  if (swap > 0 && (limit <= 0 || swap < limit))
    fail(EXIT_RINGFENCE, limit <= 0 ? "unable to set swap limit without memory limit"
                                    : "memory+swap limit should be >= memory limit");
  if (swap > 0) swap -= limit;
  if (limit == -1 && swap == 0)
    swap = -1;
  else if (swap == 0)
    return;
  put_number(body, "MemorySwapMax", (uint64_t)swap);
}

static void put_weight(struct buffer *body, const struct json *json, unsigned resources,
                       const struct unit_host *host) {
  long long shares = number_at(json, resources, "cpu", "shares");
  if (!host->unified) {
    if (shares != 0) put_number(body, "CPUShares", (uint64_t)shares);
  } else if (number_at(json, resources, "cpu", "idle") == 1 && host->version >= 252) {
    put_number(body, "CPUWeight", 0);
  } else if (shares > 0) {
    put_number(body, "CPUWeight", (uint64_t)cgroup_cpu_weight(shares));
  }
}

void unit_limit_properties(struct buffer *body, const struct json *json, unsigned resources,
                           bool with_devices, const struct unit_host *host) {
  size_t list = dbus_array_begin(body, 8);
  long long quota = number_at(json, resources, "cpu", "quota");
  long long period = number_at(json, resources, "cpu", "period");
  long long weight = number_at(json, resources, "blockIO", "weight");
  long long tasks = number_at(json, resources, "pids", "limit");
  if (with_devices) put_devices(body, json, resources);
  put_memory(body, json, resources, host->unified);
  put_weight(body, json, resources, host);
  // One of the two alone leaves the other as it is.
  if (quota != 0 && period == 0) period = host->period;
  if (quota == 0 && period != 0) quota = host->quota;
  put_quota(body, quota, period, host->version);
  if (!host->unified && weight != 0) put_number(body, "BlockIOWeight", (uint64_t)weight);
  if (tasks != 0) put_number(body, "TasksMax", tasks < 0 ? UINT64_MAX : tasks_of((uint64_t)tasks));
  put_sets(body, json, resources, host->version);
  if (host->unified) put_all_unified(body, json, resources, host->version);
  dbus_array_end(body, list, 8);
}
