// config.json: see spec.h.
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"
#include "spec_check.h"

static void *allocate(size_t size) {
  void *memory = calloc(1, size ? size : 1);
  if (!memory) fail_errno(EXIT_RINGFENCE, "reading config.json");
  return memory;
}

char *read_whole(int fd, size_t limit, size_t *length) {
  char *text = allocate(limit + 1);
  *length = 0;
  ssize_t n = 1;
  while (*length <= limit && (n = read(fd, text + *length, limit + 1 - *length)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    *length += (size_t)n;
  }
  if (n < 0 || *length > limit) {
    int error = *length > limit ? EFBIG : errno;
    free(text);
    errno = error;
    return NULL;
  }
  text[*length] = '\0';
  return text;
}

char *read_whole_file(const char *path, size_t limit, size_t *length) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return NULL;
  char *text = read_whole(fd, limit, length);
  int error = errno;
  close(fd);
  errno = error;
  return text;
}

static int sealed_copy(const char *text, size_t length) {
  int fd = memfd_create("ringfence-spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0 || write_all(fd, text, length) < 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
    fail_errno(EXIT_RINGFENCE, "copying config.json");
  return fd;
}

// A string as a path, relative to the bundle if it is not absolute; NULL where there is no such string.
static char *path_at(const struct spec *spec, unsigned token) {
  char text[PATH_MAX];
  if (!json_text(&spec->json, token, text, sizeof text) || text[0] == '\0') return NULL;
  char *path = NULL;
  if (text[0] == '/')
    path = strdup(text);
  else if (asprintf(&path, "%s/%s", spec->bundle, text) < 0)
    path = NULL;
  if (!path) fail_errno(EXIT_RINGFENCE, "reading config.json");
  return path;
}

// A member of an object that may be missing itself (token 0, which is the whole text).
static unsigned inner(const struct json *json, unsigned object, const char *name) {
  return object == 0 ? 0 : json_member(json, object, name);
}

static bool string_is(const struct spec *spec, unsigned token, const char *text) {
  return token != 0 && json_equals(&spec->json, token, text);
}

// A namespace of another process is joined only where nothing of the guest's depends on it: its processes,
// IPC objects and names are the sandbox's own, or its pod's.
static void read_namespaces(struct spec *spec, unsigned namespaces) {
  const struct json *json = &spec->json;
  for (unsigned item = json_first(json, namespaces); item; item = json_next(json, namespaces, item)) {
    unsigned type = json_member(json, item, "type");
    char *path = path_at(spec, json_member(json, item, "path"));
    if (!path) {
      if (string_is(spec, type, "network")) spec->own_network = true;
      if (string_is(spec, type, "user")) spec->user.own = true;
      continue;
    }
    if (string_is(spec, type, "network")) {
      spec->network = path;
      continue;
    }
    if (string_is(spec, type, "user")) {
      spec->user.path = path;
      continue;
    }
    if (string_is(spec, type, "time")) {
      spec->time = path;
      continue;
    }
    // A guest sees its own groups, which are the root of what it sees, whoever else's namespace is named.
    if (string_is(spec, type, "cgroup")) {
      if (access(path, F_OK) < 0) fail_errno(EXIT_RINGFENCE, "linux.namespaces: %s", path);
      continue;
    }
    if (string_is(spec, type, "pid")) {
      int end = 0;
      spec->shares_processes = true;
      if (sscanf(path, "/proc/%d/ns/pid%n", &spec->processes_of, &end) != 1 || end == 0 || path[end])
        spec->processes_of = 0;
    }
    if (spec->foreign.path) {
      free(path);
      continue;
    }
    spec->foreign.path = path;
    if (!json_text(json, type, spec->foreign.type, sizeof spec->foreign.type))
      strcpy(spec->foreign.type, "?");
  }
}

void spec_stands_alone(const struct spec *spec) {
  const char *type = spec->foreign.type;
  if (!spec->foreign.path) return;
  fail(EXIT_RINGFENCE,
       "linux.namespaces: the %s namespace of another process cannot be joined: %s (each container has its "
       "own: leave out the path, or the engine's --%s=container:..., --%s=ns:...; or start the other "
       "container "
       "with the annotation dev.ringfence.shared=true)",
       type, spec->foreign.path, type, type);
}

// Of a mount with maps of its own no option need say so.
static void read_bind_ids(struct bind *bind, const struct json *json, unsigned mount) {
  char at[32];
  snprintf(at, sizeof at, "mounts[%u]", bind->index);
  bind->ids = allocate(sizeof *bind->ids);
  id_maps_read(bind->ids, json, mount, at);
  if (bind->ids->uids.count > 0 && bind->ids->gids.count > 0) {
    bind->has_ids = true;
    return;
  }
  if (bind->ids->uids.count + bind->ids->gids.count > 0)
    fail(EXIT_RINGFENCE, "%s: uidMappings and gidMappings go together", at);
  free(bind->ids);
  bind->ids = NULL;
}

static void read_bind(struct spec *spec, unsigned mount, unsigned index) {
  const struct json *json = &spec->json;
  unsigned options = json_member(json, mount, "options");
  bool is_bind = string_is(spec, json_member(json, mount, "type"), "bind");
  struct bind bind = {.index = index};
  for (unsigned option = json_first(json, options); option; option = json_next(json, options, option)) {
    bool recursive = json_equals(json, option, "rbind");
    is_bind |= recursive || json_equals(json, option, "bind");
    bind.recursive |= recursive;
    bool maps_below = json_equals(json, option, "ridmap");
    bind.has_ids |= maps_below || json_equals(json, option, "idmap");
    bind.has_ids_below |= maps_below;
    if (json_equals(json, option, "ro") || json_equals(json, option, "rro")) bind.read_only = true;
    if (json_equals(json, option, "rw") || json_equals(json, option, "rrw")) bind.read_only = false;
  }
  if (!is_bind) return;
  bind.source = path_at(spec, json_member(json, mount, "source"));
  if (!bind.source) fail(EXIT_RINGFENCE, "mounts[%u].source is missing", index);
  char destination[PATH_MAX] = "";
  json_text(json, json_member(json, mount, "destination"), destination, sizeof destination);
  bind.destination = strdup(destination);
  read_bind_ids(&bind, json, mount);
  spec->binds[spec->bind_count++] = bind;
}

static void read_mounts(struct spec *spec, unsigned mounts) {
  unsigned count = 0;
  const struct json *json = &spec->json;
  for (unsigned mount = json_first(json, mounts); mount; mount = json_next(json, mounts, mount))
    count++;
  if (count > SPEC_MOUNTS_MAX) fail(EXIT_RINGFENCE, "mounts must have at most %d entries", SPEC_MOUNTS_MAX);
  spec->binds = allocate(count * sizeof *spec->binds);
  unsigned index = 0;
  for (unsigned mount = json_first(json, mounts); mount; mount = json_next(json, mounts, mount))
    read_bind(spec, mount, index++);
}

void terminal_read(struct terminal_spec *terminal, const struct json *json, unsigned process) {
  long long number;
  *terminal = (struct terminal_spec){
      .wanted = json_is(json, json_member(json, process, "terminal"), JSON_TRUE),
  };
  unsigned size = json_member(json, process, "consoleSize");
  if (json_integer(json, inner(json, size, "width"), 0, 65535, &number)) terminal->columns = (unsigned)number;
  if (json_integer(json, inner(json, size, "height"), 0, 65535, &number)) terminal->rows = (unsigned)number;
}

static void read_time_offset(const struct json *json, unsigned offsets, const char *name,
                             struct time_offset *offset) {
  unsigned object = inner(json, offsets, name);
  long long number;
  if (json_integer(json, inner(json, object, "secs"), -INT64_MAX, INT64_MAX, &number))
    offset->seconds = number;
  if (json_integer(json, inner(json, object, "nanosecs"), 0, 999999999, &number))
    offset->nanoseconds = (long)number;
}

static bool has_time_namespace(const struct json *json, unsigned namespaces) {
  for (unsigned item = json_first(json, namespaces); item; item = json_next(json, namespaces, item))
    if (json_equals(json, json_member(json, item, "type"), "time")) return true;
  return false;
}

static void read_time_offsets(struct spec *spec, unsigned system) {
  const struct json *json = &spec->json;
  unsigned offsets = inner(json, system, "timeOffsets");
  if (!offsets || json_is(json, offsets, JSON_NULL)) return;
  if (!has_time_namespace(json, inner(json, system, "namespaces")))
    fail(EXIT_RINGFENCE, "linux.timeOffsets needs a time namespace in linux.namespaces");
  if (spec->time)
    fail(EXIT_RINGFENCE,
         "linux.timeOffsets does not go with the path of a time namespace in linux.namespaces");
  // Members of an object: key, value, ... (json.h).
  for (unsigned key = offsets + 1; key < json->tokens[offsets].next; key = json->tokens[key + 1].next)
    if (!json_equals(json, key, "monotonic") && !json_equals(json, key, "boottime"))
      fail(EXIT_RINGFENCE, "linux.timeOffsets must have no members but monotonic and boottime");
  spec->sets_time = true;
  read_time_offset(json, offsets, "monotonic", &spec->time_offsets[TIME_MONOTONIC]);
  read_time_offset(json, offsets, "boottime", &spec->time_offsets[TIME_BOOTTIME]);
}

static void read_process(struct spec *spec, unsigned process) {
  if (process == 0) return;
  const struct json *json = &spec->json;
  long long number;
  terminal_read(&spec->terminal, json, process);
  spec->sets_oom_score = json_integer(json, inner(json, process, "oomScoreAdj"), -1000, 1000, &number);
  if (spec->sets_oom_score) spec->oom_score = (int)number;
}

void spec_read(struct spec *spec, const char *bundle) {
  *spec = (struct spec){.bundle = realpath(bundle ? bundle : ".", NULL)};
  if (!spec->bundle) fail_errno(EXIT_RINGFENCE, "bundle %s", bundle ? bundle : ".");
  char path[PATH_MAX + 16];
  snprintf(path, sizeof path, "%s/config.json", spec->bundle);
  spec->text = read_whole_file(path, SPEC_BYTES_MAX, &spec->length);
  if (!spec->text) fail_errno(EXIT_RINGFENCE, "reading %s", path);
  if (!json_read(&spec->json, spec->text, spec->length) || !json_is(&spec->json, 0, JSON_OBJECT))
    fail(EXIT_RINGFENCE, "%s is not a JSON object", path);
  spec_check(&spec->json);
  spec->memfd = sealed_copy(spec->text, spec->length);
  const struct json *json = &spec->json;
  unsigned root = json_member(json, 0, "root"), system = json_member(json, 0, "linux");
  spec->root = path_at(spec, inner(json, root, "path"));
  if (!spec->root) fail(EXIT_RINGFENCE, "config.json: root.path is missing");
  spec->root_read_only = json_is(json, inner(json, root, "readonly"), JSON_TRUE);
  char cgroups[PATH_MAX];
  if (json_text(json, inner(json, system, "cgroupsPath"), cgroups, sizeof cgroups) && cgroups[0])
    spec->cgroups_path = strdup(cgroups);
  read_process(spec, json_member(json, 0, "process"));
  read_namespaces(spec, inner(json, system, "namespaces"));
  id_maps_read(&spec->user.ids, json, system, "linux");
  read_time_offsets(spec, system);
  read_mounts(spec, json_member(json, 0, "mounts"));
  pod_spec_read(&spec->pod, json);
}
