// Id maps: see id_map.h.
#include "id_map.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "privileges.h"
#include "report.h"

extern char **environ;

// ---- Reading ----

static uint32_t read_number(const struct json *json, unsigned range, const char *name, const char *at,
                            unsigned index) {
  long long number = 0;
  unsigned token = json_member(json, range, name);
  if (token && !json_integer(json, token, 0, UINT32_MAX, &number))
    fail(EXIT_RINGFENCE, "%s[%u].%s must be an integer from 0 to %" PRIu32, at, index, name, UINT32_MAX);
  return (uint32_t)number;
}

static void read_map(struct id_map *map, const struct json *json, unsigned list, const char *at) {
  map->count = 0;
  if (list == 0 || json_is(json, list, JSON_NULL)) return;
  if (!json_is(json, list, JSON_ARRAY)) fail(EXIT_RINGFENCE, "%s must be a list", at);
  for (unsigned range = json_first(json, list); range; range = json_next(json, list, range)) {
    if (map->count == ID_RANGES_MAX)
      fail(EXIT_RINGFENCE, "%s must have at most %d entries", at, ID_RANGES_MAX);
    if (!json_is(json, range, JSON_OBJECT)) fail(EXIT_RINGFENCE, "%s[%u] must be an object", at, map->count);
    map->ranges[map->count] = (struct id_range){
        .inside = read_number(json, range, "containerID", at, map->count),
        .outside = read_number(json, range, "hostID", at, map->count),
        .count = read_number(json, range, "size", at, map->count),
    };
    map->count++;
  }
}

void id_maps_read(struct id_maps *maps, const struct json *json, unsigned object, const char *at) {
  char name[64];
  snprintf(name, sizeof name, "%s.uidMappings", at);
  read_map(&maps->uids, json, object ? json_member(json, object, "uidMappings") : 0, name);
  snprintf(name, sizeof name, "%s.gidMappings", at);
  read_map(&maps->gids, json, object ? json_member(json, object, "gidMappings") : 0, name);
}

static bool map_of(struct id_map *map, const char *process, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/%s", process, name);
  FILE *file = fopen(path, "re");
  if (!file) return false;
  map->count = 0;
  struct id_range range;
  while (map->count < ID_RANGES_MAX &&
         fscanf(file, "%" SCNu32 " %" SCNu32 " %" SCNu32, &range.inside, &range.outside, &range.count) == 3)
    map->ranges[map->count++] = range;
  fclose(file);
  return true;
}

bool id_maps_of(struct id_maps *maps, const char *process) {
  return map_of(&maps->uids, process, "uid_map") && map_of(&maps->gids, process, "gid_map");
}

// ---- Looking ----

static bool is_whole(const struct id_map *map) {
  const struct id_range *only = map->ranges;
  return map->count == 1 && only->inside == 0 && only->outside == 0 && only->count == UINT32_MAX;
}

bool id_maps_are_whole(const struct id_maps *maps) {
  return is_whole(&maps->uids) && is_whole(&maps->gids);
}

bool id_map_equal(const struct id_map *one, const struct id_map *other) {
  return one->count == other->count &&
         memcmp(one->ranges, other->ranges, one->count * sizeof one->ranges[0]) == 0;
}

bool id_map_has(const struct id_map *map, uint32_t inside) {
  for (unsigned i = 0; i < map->count; i++)
    if (inside >= map->ranges[i].inside && inside - map->ranges[i].inside < map->ranges[i].count) return true;
  return false;
}

struct id_maps id_maps_identity(const struct id_maps *maps) {
  struct id_maps same = *maps;
  for (unsigned i = 0; i < same.uids.count; i++)
    same.uids.ranges[i].outside = same.uids.ranges[i].inside;
  for (unsigned i = 0; i < same.gids.count; i++)
    same.gids.ranges[i].outside = same.gids.ranges[i].inside;
  return same;
}

void id_map_json(const struct id_map *map, struct buffer *into) {
  buffer_append(into, "[", 1);
  for (unsigned i = 0; i < map->count; i++)
    buffer_printf(into, "%s[%" PRIu32 ",%" PRIu32 ",%" PRIu32 "]", i ? "," : "", map->ranges[i].inside,
                  map->ranges[i].outside, map->ranges[i].count);
  buffer_append(into, "]", 1);
}

// ---- Writing ----

static bool write_file(pid_t pid, const char *name, const char *text, size_t length) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool written = write(fd, text, length) == (ssize_t)length;
  int error = errno;
  close(fd);
  errno = error;
  return written;
}

static void write_map(pid_t pid, const char *name, const char *what, const struct id_map *map) {
  struct buffer text = {0};
  for (unsigned i = 0; i < map->count; i++)
    buffer_printf(&text, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", map->ranges[i].inside,
                  map->ranges[i].outside, map->ranges[i].count);
  // Ranges that overlap, are empty or leave 32 bits are the host's kernel's to find (EINVAL).
  if (!write_file(pid, name, text.data ? text.data : "", text.length))
    fail_errno(EXIT_RINGFENCE, "mapping %s ids: failed to update %s", what, name);
  buffer_free(&text);
}

static bool is_own_alone(const struct id_map *map, uint32_t own) {
  return map->count == 1 && map->ranges[0].outside == own && map->ranges[0].count == 1;
}

static bool is_mighty(void) {
  return privileges_has(CAP_SETUID) && privileges_has(CAP_SETGID);
}

bool id_maps_keep_setgroups(const struct id_maps *maps) {
  char text[8] = "";
  int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
  bool allowed = fd < 0 || read(fd, text, sizeof text - 1) < 0 || strncmp(text, "deny", 4) != 0;
  if (fd >= 0) close(fd);
  return allowed && (is_mighty() || !is_own_alone(&maps->gids, getegid()));
}

// newuidmap(1): the caller's own process, and ranges that /etc/subuid gives to him.
static void run_tool(const char *tool, pid_t pid, const char *what, const struct id_map *map) {
  char **arguments = calloc(3 + 3 * (size_t)map->count, sizeof *arguments), **at = arguments;
  if (!arguments || asprintf(at++, "%s", tool) < 0 || asprintf(at++, "%d", pid) < 0)
    fail_errno(EXIT_RINGFENCE, "mapping %s ids", what);
  for (unsigned i = 0; i < map->count; i++) {
    const uint32_t numbers[] = {map->ranges[i].inside, map->ranges[i].outside, map->ranges[i].count};
    for (int j = 0; j < 3; j++)
      if (asprintf(at++, "%" PRIu32, numbers[j]) < 0) fail_errno(EXIT_RINGFENCE, "mapping %s ids", what);
  }
  pid_t child;
  int status = 0, error = posix_spawnp(&child, tool, NULL, NULL, arguments, environ);
  if (error == ENOENT)
    fail(EXIT_RINGFENCE, "mapping %s ids other than the caller's own takes %s, which is not installed", what,
         tool);
  errno = error;
  if (error) fail_errno(EXIT_RINGFENCE, "starting %s", tool);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  if (status != 0) fail(EXIT_RINGFENCE, "%s does not map these %s ids", tool, what);
  for (at = arguments; *at; at++)
    free(*at);
  free(arguments);
}

void id_maps_write(const struct id_maps *maps, pid_t pid) {
  bool mighty = is_mighty();
  if (mighty || is_own_alone(&maps->uids, geteuid()))
    write_map(pid, "uid_map", "user", &maps->uids);
  else
    run_tool("newuidmap", pid, "user", &maps->uids);
  bool own = is_own_alone(&maps->gids, getegid());
  if (!mighty && own && !write_file(pid, "setgroups", "deny", 4))
    fail_errno(EXIT_RINGFENCE, "giving up setgroups");
  if (mighty || own)
    write_map(pid, "gid_map", "group", &maps->gids);
  else
    run_tool("newgidmap", pid, "group", &maps->gids);
}

int id_maps_namespace(const struct id_maps *maps) {
  pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid < 0) fail_errno(EXIT_RINGFENCE, "making a user namespace");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
      pause();
  }
  id_maps_write(maps, pid);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail_errno(EXIT_RINGFENCE, "opening %s", path);
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
    continue;
  return fd;
}
