// Drives the launcher's reading of config.json for spec_reader.test.ts, in the working directory: reads texts
// from standard input, each as a 4-byte length and bytes, and prints one line for each: what was taken from it,
// or `refused`. A reader that dies otherwise ends this program. Control groups are directories without files.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "hooks.h"
#include "report.h"
#include "spec.h"
#include "unit_properties.h"

static void print(const char *name, const char *value) {
  printf(" %s=%s", name, value ? value : "-");
}

static void print_map(const struct id_map *map) {
  struct buffer text = {0};
  id_map_json(map, &text);
  printf("%.*s", (int)text.length, text.data);
  buffer_free(&text);
}

static void read_one(void) {
  struct spec spec;
  spec_read(&spec, ".");
  if (spec.pod.role != POD_CONTAINER) spec_stands_alone(&spec);
  hooks_check(&spec.json);
  print("root", spec.root);
  print("cgroups", spec.cgroups_path);
  print("network", spec.network);
  printf(" terminal=%d size=%ux%u oom=%d", spec.terminal.wanted, spec.terminal.columns, spec.terminal.rows,
         spec.sets_oom_score ? spec.oom_score : 9999);
  for (unsigned i = 0; i < spec.bind_count; i++) {
    printf(" bind%u=%s%s%s", spec.binds[i].index, spec.binds[i].source, spec.binds[i].recursive ? ",rec" : "",
           spec.binds[i].read_only ? ",ro" : "");
    if (spec.binds[i].has_ids) printf(",ids");
    if (spec.binds[i].has_ids_below) printf(",below");
    if (spec.binds[i].ids) print_map(&spec.binds[i].ids->uids);
  }
  printf(" user=%s,", spec.user.path ? spec.user.path : spec.user.own ? "own" : "none");
  print_map(&spec.user.ids.uids);
  printf(",");
  print_map(&spec.user.ids.gids);
  printf(" hooks=%d", hooks_present(&spec.json, "prestart"));
  if (spec.pod.role == POD_SANDBOX) printf(" pod");
  if (spec.pod.role == POD_CONTAINER) printf(" pod=%s", spec.pod.sandbox);
  if (spec.shares_processes) printf(",shared");
  if (spec.foreign.path) printf(" foreign=%s:%s", spec.foreign.type, spec.foreign.path);
  printf("\n");
  fflush(stdout);
  static char *const paths[] = {"group"};
  const struct cgroups groups = {.count = 1, .paths = (char **)paths};
  unsigned system = json_member(&spec.json, 0, "linux");
  unsigned resources = system ? json_member(&spec.json, system, "resources") : 0;
  if (!resources) return;
  for (int unified = 0; unified < 2; unified++) {
    struct buffer body = {0};
    const struct unit_host host = {.unified = unified, .version = 257};
    const pid_t pid = 1;
    unit_new_properties(&body, &spec.json, "name", "a.slice", unified, &pid, 1, &host);
    unit_limit_properties(&body, &spec.json, resources, true, &host);
    buffer_free(&body);
  }
  cgroups_limit(&groups, &spec.json, resources);
}

int main(void) {
  uint32_t length;
  while (fread(&length, sizeof length, 1, stdin) == 1) {
    char *text = malloc(length + 1);
    if (!text || fread(text, 1, length, stdin) != length) return 1;
    FILE *file = fopen("config.json", "w");
    if (!file || fwrite(text, 1, length, file) != length || fclose(file) != 0) return 1;
    free(text);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
      read_one();
      _exit(0);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return 1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_RINGFENCE)
      printf("refused\n");
    else if (status != 0)
      return 2;
  }
  return 0;
}
