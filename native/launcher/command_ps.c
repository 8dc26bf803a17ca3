// `ringfence ps`: the host's processes that stand for those of a container: its waiters, and a stub for each
// address space. Engines read the numbers (--format json), among others to see after a restart that the
// container lives; people read the host's own ps, less the lines of others.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "commands.h"
#include "record.h"
#include "report.h"
#include "spec.h"

#define STAT_MAX 4096
#define TABLE_MAX (16 << 20)
#define MEMBERS_MAX (4 << 20)

struct process {
  pid_t pid, parent;
};

struct processes {
  struct process *all;
  size_t count;
};

// -1: it has ended, and at most its parent has not heard of it yet.
static pid_t parent_of(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  size_t length;
  char *text = read_whole_file(path, STAT_MAX, &length);
  char *end = text ? strrchr(text, ')') : NULL; // the name before it may hold anything
  int parent = 0;
  char state;
  if (!end || sscanf(end + 1, " %c %d", &state, &parent) != 2 || state == 'Z' || state == 'X') parent = -1;
  free(text);
  return parent;
}

static struct processes all_processes(void) {
  struct processes found = {0};
  DIR *directory = opendir("/proc");
  if (!directory) fail_errno(EXIT_RINGFENCE, "reading /proc");
  for (struct dirent *entry; (entry = readdir(directory));) {
    pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)atoi(entry->d_name) : 0;
    pid_t parent = pid > 0 ? parent_of(pid) : -1;
    if (parent < 0) continue; // it has just ended
    found.all = realloc(found.all, (found.count + 1) * sizeof *found.all);
    if (!found.all) fail_errno(EXIT_RINGFENCE, "listing processes");
    found.all[found.count++] = (struct process){pid, parent};
  }
  closedir(directory);
  return found;
}

static pid_t known_parent(const struct processes *processes, pid_t pid) {
  for (size_t i = 0; i < processes->count; i++)
    if (processes->all[i].pid == pid) return processes->all[i].parent;
  return 0;
}

static bool same_namespace(pid_t pid, pid_t other) {
  char path[2][64], link[2][64];
  const pid_t pids[2] = {pid, other};
  for (int i = 0; i < 2; i++) {
    snprintf(path[i], sizeof path[i], "/proc/%d/ns/pid", pids[i]);
    ssize_t n = readlink(path[i], link[i], sizeof link[i] - 1);
    if (n < 0) return false;
    link[i][n] = '\0';
  }
  return strcmp(link[0], link[1]) == 0;
}

// Stubs are children of the zygote, which is init's child beside Node; waiters come from outside.
static bool stands_for_guest(const struct processes *processes, const struct record *record,
                             struct process one) {
  if (one.pid == record->init || one.parent == record->init) return false;
  if (one.pid == record->waiter) return true;
  return known_parent(processes, one.parent) == record->init || same_namespace(one.pid, record->init);
}

// Those in the container's control group, of which the first will do; `has_group` false: it has none that can be read. In a
// pod they are what tells its container's processes from those of others.
struct members {
  bool has_group;
  char *list; // cgroup.procs: a number a line
};

static struct members members_of(const struct record *record) {
  struct members members = {0};
  if (!record->is_pod && !record->sandbox) return members;
  for (int i = 0; i < record->cgroup_count && !members.has_group; i++) {
    char path[PATH_MAX];
    size_t length;
    snprintf(path, sizeof path, "%s/cgroup.procs", record->cgroups[i]);
    members.list = read_whole_file(path, MEMBERS_MAX, &length);
    members.has_group = members.list != NULL;
  }
  return members;
}

static bool is_member(const struct members *members, pid_t pid) {
  if (!members->has_group) return true;
  for (const char *at = members->list; *at; at += strcspn(at, "\n"), at += *at == '\n')
    if (strtol(at, NULL, 10) == pid) return true;
  return false;
}

static void print(const struct buffer *text) {
  if (write_all(1, text->data, text->length) < 0) fail_errno(EXIT_RINGFENCE, "writing the list");
}

static void print_numbers(const pid_t *pids, size_t count) {
  struct buffer text = {0};
  buffer_append(&text, "[", 1);
  for (size_t i = 0; i < count; i++)
    buffer_printf(&text, "%s%d", i > 0 ? "," : "", pids[i]);
  buffer_append(&text, "]\n", 2);
  print(&text);
}

// What the host's ps prints with these arguments.
static struct buffer host_table(char **arguments) {
  static char *const usual[] = {"-ef", NULL};
  char *const *given = arguments ? arguments : usual;
  size_t count = 0;
  while (given[count])
    count++;
  char **command = calloc(count + 2, sizeof *command);
  int ends[2];
  if (!command || pipe(ends) < 0) fail_errno(EXIT_RINGFENCE, "running ps");
  command[0] = "ps";
  memcpy(command + 1, given, count * sizeof *command);
  pid_t child = fork();
  if (child < 0) fail_errno(EXIT_RINGFENCE, "running ps");
  if (child == 0) {
    dup2(ends[1], 1);
    close(ends[0]);
    close(ends[1]);
    execvp("ps", command);
    fail_errno(EXIT_RINGFENCE, "running ps (package procps)");
  }
  close(ends[1]);
  struct buffer table = {0};
  char bytes[16384];
  for (ssize_t n; (n = read(ends[0], bytes, sizeof bytes)) != 0;) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 || table.length > TABLE_MAX) break;
    buffer_append(&table, bytes, (size_t)n);
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  if (status != 0) exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_RINGFENCE);
  buffer_append(&table, "", 1);
  return table;
}

// The word at that place of a line, as a number; -1 where there is none.
static long number_in(const char *line, int column) {
  for (int i = 0;; i++) {
    line += strspn(line, " \t");
    if (*line == '\0') return -1;
    if (i == column) return isdigit((unsigned char)*line) ? strtol(line, NULL, 10) : -1;
    line += strcspn(line, " \t");
  }
}

static int column_of_pid(const char *header) {
  for (int i = 0;; i++) {
    header += strspn(header, " \t");
    size_t length = strcspn(header, " \t");
    if (length == 0) fail(EXIT_RINGFENCE, "couldn't find PID field in ps output");
    if (length == 3 && strncmp(header, "PID", 3) == 0) return i;
    header += length;
  }
}

static void print_table(const pid_t *pids, size_t count, char **arguments) {
  struct buffer table = host_table(arguments), text = {0};
  int column = -1;
  char *save = NULL;
  for (char *line = strtok_r(table.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
    bool wanted = column < 0;
    long pid = column < 0 ? -1 : number_in(line, column);
    if (column < 0) column = column_of_pid(line);
    for (size_t i = 0; i < count && !wanted; i++)
      wanted = pids[i] == pid;
    if (wanted) buffer_printf(&text, "%s\n", line);
  }
  print(&text);
}

int command_ps(const struct options *options) {
  struct state_directory state;
  struct record record;
  state_find(&state, options->values[OPTION_ROOT], options->id);
  if (!record_read(&state, &record)) fail_no_container(options->id);
  struct processes processes = all_processes();
  pid_t *pids = calloc(processes.count + 1, sizeof *pids);
  size_t count = 0;
  if (!pids) fail_errno(EXIT_RINGFENCE, "listing processes");
  const struct members members = members_of(&record);
  if (record_init_alive(&record))
    for (size_t i = 0; i < processes.count; i++)
      if (stands_for_guest(&processes, &record, processes.all[i]) &&
          is_member(&members, processes.all[i].pid))
        pids[count++] = processes.all[i].pid;
  if (option_is(options, OPTION_FORMAT, "json"))
    print_numbers(pids, count);
  else
    print_table(pids, count, options->arguments);
  return 0;
}
