// Where a container's control groups are, and who is in them: see cgroup.h. Their limits: cgroup_limit.c.
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"
#include "small_file.h"

#define REMOVE_TRIES 1000 // a millisecond apart

struct hierarchy {
  char mount[PATH_MAX / 2];
  char controllers[256]; // as in /proc/self/cgroup; "" for v2
  bool unified;
};

// Super options of a v1 hierarchy that are no controllers.
static bool is_controller(const char *option) {
  static const char *const others[] = {"rw", "ro", "xattr", "noprefix", "clone_children"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (strcmp(option, others[i]) == 0) return false;
  return strncmp(option, "release_agent=", 14) != 0;
}

static void keep_controllers(char *options, char *into, size_t capacity) {
  into[0] = '\0';
  for (char *save, *option = strtok_r(options, ",\n", &save); option; option = strtok_r(NULL, ",\n", &save)) {
    size_t used = strlen(into);
    if (is_controller(option)) snprintf(into + used, capacity - used, "%s%s", used ? "," : "", option);
  }
}

// The hierarchies that are mounted, by /proc/self/mountinfo (proc_pid_mountinfo(5)).
static int find_hierarchies(struct hierarchy *found) {
  FILE *file = fopen("/proc/self/mountinfo", "re");
  if (!file) fail_errno(EXIT_RINGFENCE, "reading /proc/self/mountinfo");
  char *line = NULL;
  size_t capacity = 0;
  int count = 0;
  while (count < CGROUPS_MAX && getline(&line, &capacity, file) > 0) {
    char mount[PATH_MAX / 2], type[32], options[512];
    char *rest = strstr(line, " - ");
    if (!rest || sscanf(rest, " - %31s %*s %511s", type, options) != 2) continue;
    if (sscanf(line, "%*s %*s %*s %*s %2047s", mount) != 1) continue;
    struct hierarchy *one = &found[count];
    one->unified = strcmp(type, "cgroup2") == 0;
    if (!one->unified && strcmp(type, "cgroup") != 0) continue;
    strcpy(one->mount, mount);
    keep_controllers(options, one->controllers, sizeof one->controllers);
    if (one->unified) one->controllers[0] = '\0';
    count++;
  }
  free(line);
  fclose(file);
  return count;
}

// The caller's own group in a hierarchy, by /proc/self/cgroup (cgroups(7)).
static void own_group(const struct hierarchy *hierarchy, char *into, size_t capacity) {
  FILE *file = fopen("/proc/self/cgroup", "re");
  if (!file) fail_errno(EXIT_RINGFENCE, "reading /proc/self/cgroup");
  char *line = NULL;
  size_t room = 0;
  snprintf(into, capacity, "/");
  while (getline(&line, &room, file) > 0) {
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path) continue;
    *path++ = '\0';
    if (strcmp(controllers + 1, hierarchy->controllers) == 0) snprintf(into, capacity, "%s", path);
  }
  free(line);
  fclose(file);
}

static bool has_dots(const char *path) {
  for (const char *at = path; (at = strstr(at, "..")); at += 2)
    if ((at == path || at[-1] == '/') && (at[2] == '\0' || at[2] == '/')) return true;
  return false;
}

bool cgroup_write(const char *directory, const char *name, const char *text) {
  char path[PATH_MAX + 64];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return small_file_write(path, text);
}

bool cgroup_read(const char *directory, const char *name, char *into, size_t capacity) {
  char path[PATH_MAX + 64];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return small_file_read(path, into, capacity);
}

// A new v1 cpuset is empty, and takes no process until it has CPUs and memory.
static void inherit_cpuset(const char *parent, const char *child) {
  static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    char value[4096];
    if (cgroup_read(child, files[i], value, sizeof value) && value[0] == '\0' &&
        cgroup_read(parent, files[i], value, sizeof value))
      cgroup_write(child, files[i], value);
  }
}

// What a v2 group's children may limit; each by itself, since not every host has every controller.
static void delegate(const char *parent) {
  static const char *const controllers[] = {"+cpu", "+cpuset", "+memory", "+pids", "+io", "+hugetlb"};
  for (size_t i = 0; i < sizeof controllers / sizeof controllers[0]; i++)
    cgroup_write(parent, "cgroup.subtree_control", controllers[i]);
}

static bool make_directories(const struct hierarchy *hierarchy, char *path) {
  for (char *slash = path + strlen(hierarchy->mount); slash; slash = strchr(slash + 1, '/')) {
    char *next = strchr(slash + 1, '/');
    *slash = '\0';
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    *slash = '/';
    if (next) *next = '\0';
    if (hierarchy->unified) delegate(parent);
    bool made = mkdir(path, 0755) == 0 || errno == EEXIST;
    int error = errno;
    if (made && strstr(hierarchy->controllers, "cpuset")) inherit_cpuset(parent, path);
    if (next) *next = '/';
    errno = error;
    if (!made) return false;
  }
  return true;
}

// The first directory on the way from the hierarchy's mount that is not there; NULL where all are.
static char *first_missing(const struct hierarchy *hierarchy, const char *path) {
  char at[PATH_MAX];
  for (const char *slash = path + strlen(hierarchy->mount); slash; slash = strchr(slash + 1, '/')) {
    const char *next = strchr(slash + 1, '/');
    snprintf(at, sizeof at, "%.*s", next ? (int)(next - path) : (int)strlen(path), path);
    if (access(at, F_OK) < 0) return strdup(at);
  }
  return NULL;
}

void cgroups_plan(struct cgroups *cgroups, const char *path, const char *id) {
  char wanted[PATH_MAX / 2];
  if (!path)
    snprintf(wanted, sizeof wanted, "/%s", id);
  else if (snprintf(wanted, sizeof wanted, "%s", path) >= (int)sizeof wanted)
    fail(EXIT_RINGFENCE, "linux.cgroupsPath is too long");
  size_t end = strlen(wanted);
  while (end > 1 && wanted[end - 1] == '/')
    wanted[--end] = '\0';
  if (has_dots(wanted) || strcmp(wanted, "/") == 0)
    fail(EXIT_RINGFENCE, "linux.cgroupsPath is not valid: %s", wanted);
  struct hierarchy *found = calloc(CGROUPS_MAX, sizeof *found);
  char **paths = calloc(CGROUPS_MAX, sizeof *paths), **tops = calloc(CGROUPS_MAX, sizeof *tops);
  if (!found || !paths || !tops) fail_errno(EXIT_RINGFENCE, "making control groups");
  *cgroups =
      (struct cgroups){.count = find_hierarchies(found), .paths = paths, .tops = tops, .hierarchies = found};
  for (int i = 0; i < cgroups->count; i++) {
    char own[PATH_MAX / 4] = "", whole[PATH_MAX];
    if (wanted[0] != '/') own_group(&found[i], own, sizeof own);
    const char *base = strcmp(own, "/") == 0 ? "" : own;
    if (snprintf(whole, sizeof whole, "%s%s%s%s", found[i].mount, base, wanted[0] == '/' ? "" : "/",
                 wanted) >= (int)sizeof whole)
      fail(EXIT_RINGFENCE, "linux.cgroupsPath is too long");
    paths[i] = strdup(whole);
    tops[i] = first_missing(&found[i], whole);
  }
}

bool cgroups_unified(const struct cgroups *cgroups) {
  if (cgroups->count != 1) return false;
  if (cgroups->hierarchies) return cgroups->hierarchies[0].unified;
  char path[PATH_MAX + 64];
  snprintf(path, sizeof path, "%s/cgroup.controllers", cgroups->paths[0]);
  return access(path, F_OK) == 0;
}

void cgroups_make(struct cgroups *cgroups, bool lenient) {
  int made = 0;
  cgroups->lenient = lenient;
  for (int i = 0; i < cgroups->count; i++) {
    char *path = cgroups->paths[i];
    if (make_directories(&cgroups->hierarchies[i], path))
      cgroups->tops[made] = cgroups->tops[i], cgroups->paths[made++] = path;
    else if (!lenient && errno != EROFS)
      fail_errno(EXIT_RINGFENCE, "making the control group %s", path);
  }
  cgroups->count = made;
}

void cgroups_enter(const struct cgroups *cgroups, pid_t pid) {
  char text[16];
  snprintf(text, sizeof text, "%d", pid);
  for (int i = 0; i < cgroups->count; i++)
    if (!cgroup_write(cgroups->paths[i], "cgroup.procs", text) && !cgroups->lenient)
      fail_errno(EXIT_RINGFENCE, "entering the control group %s", cgroups->paths[i]);
}

static bool names_controller(const char *list, size_t length, const char *controllers) {
  char all[512];
  snprintf(all, sizeof all, "%s", controllers);
  for (char *save, *one = strtok_r(all, ",", &save); one; one = strtok_r(NULL, ",", &save))
    for (const char *at = list, *end = list + length; at < end;) {
      size_t word = strcspn(at, ",:");
      if (word == strlen(one) && strncmp(at, one, word) == 0) return true;
      at += word + 1;
    }
  return false;
}

static void descend(struct cgroups *cgroups, int index, const char *path) {
  char *below = NULL;
  if (asprintf(&below, "%s/%s", cgroups->paths[index], path) < 0) fail_errno(EXIT_RINGFENCE, "--cgroup");
  if (access(below, F_OK) < 0) fail_errno(EXIT_RINGFENCE, "--cgroup: %s", below);
  cgroups->paths[index] = below;
}

void cgroups_descend(struct cgroups *cgroups, char *const *names) {
  struct hierarchy *found = calloc(CGROUPS_MAX, sizeof *found);
  char **paths = calloc(CGROUPS_MAX, sizeof *paths);
  if (!found || !paths) fail_errno(EXIT_RINGFENCE, "--cgroup");
  memcpy(paths, cgroups->paths, (size_t)cgroups->count * sizeof *paths);
  cgroups->paths = paths;
  int count = find_hierarchies(found);
  for (char *const *name = names; *name; name++) {
    const char *colon = strchr(*name, ':'), *path = colon ? colon + 1 : *name;
    if (!colon && names[1])
      fail(EXIT_RINGFENCE, "invalid --cgroup argument: %s (missing <controller>: prefix)", *name);
    if (strchr(path, ':') || has_dots(path)) fail(EXIT_RINGFENCE, "invalid --cgroup argument: %s", *name);
    bool known = !colon;
    for (int i = 0; i < cgroups->count; i++)
      for (int j = 0; j < count; j++) {
        size_t length = strlen(found[j].mount);
        if (strncmp(paths[i], found[j].mount, length) != 0 || paths[i][length] != '/') continue;
        if (colon && !names_controller(*name, (size_t)(colon - *name), found[j].controllers)) continue;
        descend(cgroups, i, path);
        known = true;
        break;
      }
    if (!known) fail(EXIT_RINGFENCE, "unknown controller in SubCgroupPaths: %s", *name);
  }
  free(found);
}

// Children first; a group has no other directories than groups.
static bool remove_tree(const char *path) {
  if (rmdir(path) == 0 || errno == ENOENT) return true;
  DIR *directory = opendir(path);
  if (!directory) return errno == ENOENT;
  for (struct dirent *entry; (entry = readdir(directory));) {
    char child[PATH_MAX];
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    if (snprintf(child, sizeof child, "%s/%s", path, entry->d_name) < (int)sizeof child) remove_tree(child);
  }
  closedir(directory);
  return rmdir(path) == 0 || errno == ENOENT;
}

// Parents that were made for this group: from the lowest up to the highest.
static void remove_parents(const char *path, const char *top) {
  char at[PATH_MAX];
  if (!top || !top[0] || strncmp(path, top, strlen(top)) != 0 || strlen(path) >= sizeof at) return;
  strcpy(at, path);
  while (strlen(at) > strlen(top)) {
    *strrchr(at, '/') = '\0';
    if (rmdir(at) < 0 && errno != ENOENT) return;
  }
}

void cgroups_remove(const struct cgroups *cgroups) {
  int tries = REMOVE_TRIES;
  for (int i = 0; i < cgroups->count; i++) {
    const char *path = cgroups->paths[i];
    bool is_gone = remove_tree(path);
    for (; !is_gone && tries > 0; tries--) {
      usleep(1000);
      is_gone = remove_tree(path);
    }
    if (!is_gone) warn("the control group %s cannot be removed: %s", path, strerror(errno));
    remove_parents(path, cgroups->tops[i]);
  }
}
