// Giving a user namespace its ids: see id_map.h.
#include <errno.h>
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

#include "id_map.h"
#include "namespaces.h"
#include "privileges.h"
#include "report.h"
#include "small_file.h"

extern char **environ;

static bool write_file(pid_t pid, const char *name, const char *text) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  return small_file_write(path, text);
}

static void write_map(pid_t pid, const char *name, const char *what, const struct id_map *map) {
  struct buffer text = {0};
  for (unsigned i = 0; i < map->count; i++)
    buffer_printf(&text, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", map->ranges[i].inside,
                  map->ranges[i].outside, map->ranges[i].count);
  buffer_append(&text, "", 1);
  // Ranges that overlap, are empty or leave 32 bits are the host's kernel's to find (EINVAL).
  if (!write_file(pid, name, text.data))
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
  char text[8];
  bool allowed = !small_file_read("/proc/self/setgroups", text, sizeof text) || strcmp(text, "deny") != 0;
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
  if (!mighty && own && !write_file(pid, "setgroups", "deny"))
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
  int fd = namespace_of(pid, "user");
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
    continue;
  return fd;
}
