// linux.resources as files of control groups (runtime-spec, config-linux.md "Control groups"): one table for
// numbers and texts, and the few that are lists. Which of the two forms a directory has is seen by which file
// is there.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "report.h"

// OPTIONAL: not every host has it. ZERO_COUNTS: else 0 is as with runc, not set.
enum { OPTIONAL = 1, ZERO_COUNTS = 2 };

// How a number becomes the text of a v2 file; v1 takes it as it is.
enum form { AS_IS, OR_MAX, CPU_WEIGHT, TASKS, TEXT };

static const struct limit {
  const char *object, *member; // below linux.resources
  const char *v1, *v2;
  enum form form;
  unsigned rules;
} limits[] = {
    {"memory", "reservation", "memory.soft_limit_in_bytes", "memory.low", OR_MAX, 0},
    {"memory", "swappiness", "memory.swappiness", NULL, AS_IS, OPTIONAL | ZERO_COUNTS},
    {"cpu", "shares", "cpu.shares", "cpu.weight", CPU_WEIGHT, 0},
    {"cpu", "period", "cpu.cfs_period_us", NULL, AS_IS, OPTIONAL},
    {"cpu", "quota", "cpu.cfs_quota_us", NULL, AS_IS, OPTIONAL},
    {"cpu", "burst", "cpu.cfs_burst_us", "cpu.max.burst", AS_IS, OPTIONAL},
    {"cpu", "idle", "cpu.idle", "cpu.idle", AS_IS, OPTIONAL | ZERO_COUNTS},
    {"cpu", "realtimePeriod", "cpu.rt_period_us", NULL, AS_IS, 0},
    {"cpu", "realtimeRuntime", "cpu.rt_runtime_us", NULL, AS_IS, 0},
    {"cpu", "cpus", "cpuset.cpus", "cpuset.cpus", TEXT, 0},
    {"cpu", "mems", "cpuset.mems", "cpuset.mems", TEXT, 0},
    {"pids", "limit", "pids.max", "pids.max", TASKS, 0},
    {"blockIO", "leafWeight", "blkio.leaf_weight", NULL, AS_IS, 0},
    {"network", "classID", "net_cls.classid", NULL, AS_IS, 0},
};

// ABSENT: no group has such a file. REFUSED: errno says why.
enum outcome { ABSENT, WRITTEN, REFUSED };

static enum outcome try_limit(const struct cgroups *cgroups, const char *name, const char *text) {
  if (strchr(name, '/')) fail(EXIT_RINGFENCE, "linux.resources: %s is no file of a control group", name);
  for (int i = 0; i < cgroups->count; i++) {
    if (cgroup_write(cgroups->paths[i], name, text)) return WRITTEN;
    if (errno != ENOENT) return REFUSED;
  }
  return ABSENT;
}

// False: no group has such a file.
static bool write_limit(const struct cgroups *cgroups, const char *name, const char *text) {
  enum outcome outcome = try_limit(cgroups, name, text);
  if (outcome == REFUSED) fail_errno(EXIT_RINGFENCE, "setting %s to %s", name, text);
  return outcome == WRITTEN;
}

static bool number_of(const struct json *spec, unsigned object, const char *member, long long *number) {
  unsigned token = json_member(spec, object, member);
  return token && json_integer(spec, token, -1, INT64_MAX, number);
}

// The first line of the first group that has such a file.
static bool read_file(const struct cgroups *cgroups, const char *name, char *into, size_t capacity) {
  for (int i = 0; i < cgroups->count; i++)
    if (cgroup_read(cgroups->paths[i], name, into, capacity)) return true;
  return false;
}

void cgroups_cpu_quota(const struct cgroups *cgroups, long long *quota, long long *period) {
  char text[64];
  *quota = *period = 0;
  if (read_file(cgroups, "cpu.max", text, sizeof text)) {
    if (sscanf(text, "max %lld", period) == 1)
      *quota = -1;
    else
      sscanf(text, "%lld %lld", quota, period);
    return;
  }
  if (read_file(cgroups, "cpu.cfs_quota_us", text, sizeof text)) sscanf(text, "%lld", quota);
  if (read_file(cgroups, "cpu.cfs_period_us", text, sizeof text)) sscanf(text, "%lld", period);
}

long long cgroup_cpu_weight(long long shares) {
  return shares <= 2 ? 1 : shares > 262144 ? 10000 : 1 + (shares - 2) * 9999 / 262142;
}

static void format(char *into, size_t capacity, enum form form, bool unified, long long number) {
  bool unlimited = number < 0 || (form == TASKS && number == 0);
  if (form == TASKS && !unlimited) number += CGROUP_TASKS_HEADROOM;
  if (form == CPU_WEIGHT && unified) number = cgroup_cpu_weight(number);
  if (unlimited && (form == TASKS || (form == OR_MAX && unified)))
    snprintf(into, capacity, "max");
  else
    snprintf(into, capacity, "%lld", number);
}

// The kernel of v1 takes any number of shares, and keeps the nearest that it allows.
static void check_shares(const struct cgroups *cgroups, const struct json *spec, unsigned cpu) {
  long long shares, kept;
  char text[32];
  if (!number_of(spec, cpu, "shares", &shares) || shares <= 0 ||
      !read_file(cgroups, "cpu.shares", text, sizeof text) || sscanf(text, "%lld", &kept) != 1)
    return;
  if (shares > kept) fail(EXIT_RINGFENCE, "the maximum allowed cpu-shares is %lld", kept);
  if (shares < kept) fail(EXIT_RINGFENCE, "the minimum allowed cpu-shares is %lld", kept);
}

static void apply(const struct cgroups *cgroups, const struct json *spec, unsigned object,
                  const struct limit *limit) {
  unsigned token = json_member(spec, object, limit->member);
  char v1[4096], v2[4096];
  if (!token || json_is(spec, token, JSON_NULL)) return;
  if (limit->form == TEXT) {
    if (!json_text(spec, token, v1, sizeof v1))
      fail(EXIT_RINGFENCE, "linux.resources.%s.%s must be a text", limit->object, limit->member);
    if (v1[0] == '\0') return;
    strcpy(v2, v1);
  } else {
    long long number;
    if (!json_integer(spec, token, -1, INT64_MAX, &number))
      fail(EXIT_RINGFENCE, "linux.resources.%s.%s must be an integer", limit->object, limit->member);
    if (number == 0 && limit->form != TASKS && !(limit->rules & ZERO_COUNTS)) return;
    format(v1, sizeof v1, limit->form, false, number);
    format(v2, sizeof v2, limit->form, true, number);
  }
  if (write_limit(cgroups, limit->v1, v1) || (limit->v2 && write_limit(cgroups, limit->v2, v2))) return;
  bool is_v1_alone = !limit->v2 && cgroups_unified(cgroups);
  if (!(limit->rules & OPTIONAL) && !is_v1_alone)
    fail(EXIT_RINGFENCE, "linux.resources.%s.%s: this host has no such control group", limit->object,
         limit->member);
}

// In v2 quota and period are one file.
static void format_cpu_max(char *into, size_t capacity, long long quota, long long period) {
  if (quota < 0)
    snprintf(into, capacity, "max %lld", period);
  else
    snprintf(into, capacity, "%lld %lld", quota, period);
}

bool cgroups_set_cpu_quota(const struct cgroups *cgroups, long long quota, long long period) {
  char text[64];
  snprintf(text, sizeof text, "%lld", quota);
  enum outcome outcome = try_limit(cgroups, "cpu.cfs_quota_us", text);
  if (outcome != ABSENT) return outcome == WRITTEN;
  format_cpu_max(text, sizeof text, quota, period);
  return try_limit(cgroups, "cpu.max", text) == WRITTEN;
}

static void apply_cpu_max(const struct cgroups *cgroups, const struct json *spec, unsigned cpu) {
  long long quota = 0, period = 0, old_quota, old_period;
  char text[64];
  number_of(spec, cpu, "quota", &quota);
  number_of(spec, cpu, "period", &period);
  if (quota == 0 && period == 0) return; // as with runc: not set
  // One of the two alone leaves the other as it is.
  cgroups_cpu_quota(cgroups, &old_quota, &old_period);
  if (quota == 0) quota = old_quota;
  if (period == 0) period = old_period;
  if (period <= 0) period = 100000;
  format_cpu_max(text, sizeof text, quota == 0 ? -1 : quota, period);
  write_limit(cgroups, "cpu.max", text);
}

// In v1 the limit of memory and swap is never below that of memory alone: which of them can be set first depends on what
// they were.
static bool apply_memory_v1(const struct cgroups *cgroups, long long limit, long long swap) {
  char limit_text[32], swap_text[32];
  snprintf(limit_text, sizeof limit_text, "%lld", limit);
  snprintf(swap_text, sizeof swap_text, "%lld", swap);
  enum outcome outcome = limit == 0 ? WRITTEN : try_limit(cgroups, "memory.limit_in_bytes", limit_text);
  if (outcome == ABSENT) return false;
  bool is_set = swap != 0 && write_limit(cgroups, "memory.memsw.limit_in_bytes", swap_text);
  if (outcome == REFUSED) write_limit(cgroups, "memory.limit_in_bytes", limit_text);
  return is_set || limit != 0 || swap == 0;
}

static void apply_memory(const struct cgroups *cgroups, const struct json *spec, unsigned memory) {
  long long swap = 0, limit = 0;
  char text[64];
  number_of(spec, memory, "limit", &limit);
  number_of(spec, memory, "swap", &swap);
  if (limit == -1 && swap == 0) swap = -1; // who wants all of memory wants all of swap
  if (limit > 0 && limit < CGROUP_MEMORY_MIN && !cgroups->in_pod)
    fail(EXIT_RINGFENCE, "a memory limit of %lld bytes is below the least for a sandbox, %lld", limit,
         CGROUP_MEMORY_MIN);
  if (json_is(spec, json_member(spec, memory, "disableOOMKiller"), JSON_TRUE))
    write_limit(cgroups, "memory.oom_control", "1");
  if (apply_memory_v1(cgroups, limit, swap)) return;
  long long used;
  if (limit > 0 && json_is(spec, json_member(spec, memory, "checkBeforeUpdate"), JSON_TRUE) &&
      read_file(cgroups, "memory.current", text, sizeof text) && sscanf(text, "%lld", &used) == 1 &&
      used >= limit)
    fail(EXIT_RINGFENCE, "rejecting memory limit %lld because it's lower than current usage %lld", limit,
         used);
  format(text, sizeof text, OR_MAX, true, limit);
  if (limit != 0 && !write_limit(cgroups, "memory.max", text))
    fail(EXIT_RINGFENCE, "linux.resources.memory.limit: this host has no such control group");
  if (swap == 0) return;
  // In v2 it is counted without memory.
  if (swap > 0 && (limit <= 0 || swap < limit))
    fail(EXIT_RINGFENCE, "linux.resources.memory.swap must not be below the limit");
  format(text, sizeof text, OR_MAX, true, swap < 0 ? swap : swap - limit);
  write_limit(cgroups, "memory.swap.max", text);
}

static void no_such_group(const char *member) {
  fail(EXIT_RINGFENCE, "linux.resources.%s: this host has no such control group", member);
}

// The proportional weight of a group, and of it on one device.
static void apply_weights(const struct cgroups *cgroups, const struct json *spec, unsigned block) {
  long long weight, leaf, major, minor;
  char text[96];
  if (number_of(spec, block, "weight", &weight) && weight > 0) {
    snprintf(text, sizeof text, "%lld", weight);
    bool is_set = write_limit(cgroups, "blkio.weight", text) ||
                  write_limit(cgroups, "blkio.bfq.weight", text) ||
                  write_limit(cgroups, "io.bfq.weight", text);
    snprintf(text, sizeof text, "%lld", weight <= 10 ? 1 : 1 + (weight - 10) * 9999 / 990);
    if (!is_set) write_limit(cgroups, "io.weight", text);
  }
  unsigned list = json_member(spec, block, "weightDevice");
  for (unsigned item = list ? json_first(spec, list) : 0; item; item = json_next(spec, list, item)) {
    if (!number_of(spec, item, "major", &major) || !number_of(spec, item, "minor", &minor))
      fail(EXIT_RINGFENCE, "linux.resources.blockIO.weightDevice is not valid");
    if (number_of(spec, item, "weight", &weight) && weight > 0) {
      snprintf(text, sizeof text, "%lld:%lld %lld", major, minor, weight);
      if (!write_limit(cgroups, "blkio.weight_device", text) &&
          !write_limit(cgroups, "blkio.bfq.weight_device", text) &&
          !write_limit(cgroups, "io.bfq.weight", text))
        no_such_group("blockIO.weightDevice");
    }
    if (number_of(spec, item, "leafWeight", &leaf) && leaf > 0) {
      snprintf(text, sizeof text, "%lld:%lld %lld", major, minor, leaf);
      if (!write_limit(cgroups, "blkio.leaf_weight_device", text)) no_such_group("blockIO.weightDevice");
    }
  }
}

static void apply_block_io(const struct cgroups *cgroups, const struct json *spec, unsigned block) {
  static const struct {
    const char *member, *v1, *v2;
  } throttles[] = {
      {"throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps"},
      {"throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps"},
      {"throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops"},
      {"throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops"},
  };
  for (size_t i = 0; i < sizeof throttles / sizeof throttles[0]; i++) {
    unsigned list = json_member(spec, block, throttles[i].member);
    for (unsigned item = list ? json_first(spec, list) : 0; item; item = json_next(spec, list, item)) {
      long long major, minor, rate;
      char text[128];
      if (!number_of(spec, item, "major", &major) || !number_of(spec, item, "minor", &minor) ||
          !number_of(spec, item, "rate", &rate))
        fail(EXIT_RINGFENCE, "linux.resources.blockIO.%s is not valid", throttles[i].member);
      snprintf(text, sizeof text, "%lld:%lld %lld", major, minor, rate);
      if (write_limit(cgroups, throttles[i].v1, text)) continue;
      snprintf(text, sizeof text, "%lld:%lld %s=%lld", major, minor, throttles[i].v2, rate);
      write_limit(cgroups, "io.max", text);
    }
  }
}

static void apply_huge_pages(const struct cgroups *cgroups, const struct json *spec, unsigned list) {
  for (unsigned item = json_first(spec, list); item; item = json_next(spec, list, item)) {
    char size[32], name[96], text[32];
    long long limit;
    if (!json_text(spec, json_member(spec, item, "pageSize"), size, sizeof size) ||
        !number_of(spec, item, "limit", &limit))
      fail(EXIT_RINGFENCE, "linux.resources.hugepageLimits is not valid");
    snprintf(text, sizeof text, "%lld", limit);
    snprintf(name, sizeof name, "hugetlb.%s.limit_in_bytes", size);
    if (write_limit(cgroups, name, text)) continue;
    snprintf(name, sizeof name, "hugetlb.%s.max", size);
    if (!write_limit(cgroups, name, text)) no_such_group("hugepageLimits");
  }
}

static void apply_network(const struct cgroups *cgroups, const struct json *spec, unsigned network) {
  unsigned list = json_member(spec, network, "priorities");
  for (unsigned item = list ? json_first(spec, list) : 0; item; item = json_next(spec, list, item)) {
    char name[64], text[96];
    long long priority;
    if (!json_text(spec, json_member(spec, item, "name"), name, sizeof name) ||
        !number_of(spec, item, "priority", &priority))
      fail(EXIT_RINGFENCE, "linux.resources.network.priorities is not valid");
    snprintf(text, sizeof text, "%s %lld", name, priority);
    if (!write_limit(cgroups, "net_prio.ifpriomap", text) && !cgroups_unified(cgroups))
      no_such_group("network.priorities");
  }
}

static void apply_rdma(const struct cgroups *cgroups, const struct json *spec, unsigned object) {
  for (unsigned key = object + 1; key < spec->tokens[object].next; key = spec->tokens[key + 1].next) {
    char name[128], text[256];
    long long handles, objects;
    if (!json_text(spec, key, name, sizeof name) || !json_is(spec, key + 1, JSON_OBJECT))
      fail(EXIT_RINGFENCE, "linux.resources.rdma is not valid");
    int used = snprintf(text, sizeof text, "%s", name);
    if (number_of(spec, key + 1, "hcaHandles", &handles))
      used += snprintf(text + used, sizeof text - (size_t)used, " hca_handle=%lld", handles);
    if (number_of(spec, key + 1, "hcaObjects", &objects))
      snprintf(text + used, sizeof text - (size_t)used, " hca_object=%lld", objects);
    if (!write_limit(cgroups, "rdma.max", text)) no_such_group("rdma");
  }
}

// A number of tasks is that of the guests', whichever member says it; "max", and what is no number, stays.
static void add_headroom(char *text, size_t capacity) {
  char *end;
  long long tasks = strtoll(text, &end, 10);
  if (end == text || end[strspn(end, " \n")] != '\0' || tasks > INT64_MAX - CGROUP_TASKS_HEADROOM) return;
  snprintf(text, capacity, "%lld", tasks + CGROUP_TASKS_HEADROOM);
}

// Files of a v2 group by name, for what has no name of its own in the specification.
static void apply_unified(const struct cgroups *cgroups, const struct json *spec, unsigned object) {
  for (unsigned key = object + 1; key < spec->tokens[object].next; key = spec->tokens[key + 1].next) {
    char name[128], text[4096];
    if (!json_text(spec, key, name, sizeof name) || !json_text(spec, key + 1, text, sizeof text))
      fail(EXIT_RINGFENCE, "linux.resources.unified is not valid");
    if (strcmp(name, "pids.max") == 0) add_headroom(text, sizeof text);
    if (!write_limit(cgroups, name, text))
      fail(EXIT_RINGFENCE, "linux.resources.unified: this host has no %s", name);
  }
}

void cgroups_limit(const struct cgroups *cgroups, const struct json *spec, unsigned resources) {
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    unsigned object = json_member(spec, resources, limits[i].object);
    if (object) apply(cgroups, spec, object, &limits[i]);
  }
  static const struct {
    const char *member;
    void (*apply)(const struct cgroups *, const struct json *, unsigned);
    enum json_type type;
  } parts[] = {
      {"cpu", apply_cpu_max, JSON_OBJECT},      {"cpu", check_shares, JSON_OBJECT},
      {"blockIO", apply_weights, JSON_OBJECT},  {"network", apply_network, JSON_OBJECT},
      {"rdma", apply_rdma, JSON_OBJECT},        {"memory", apply_memory, JSON_OBJECT},
      {"blockIO", apply_block_io, JSON_OBJECT}, {"hugepageLimits", apply_huge_pages, JSON_ARRAY},
      {"unified", apply_unified, JSON_OBJECT},
  };
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    unsigned part = json_member(spec, resources, parts[i].member);
    if (part && json_is(spec, part, parts[i].type)) parts[i].apply(cgroups, spec, part);
  }
}
