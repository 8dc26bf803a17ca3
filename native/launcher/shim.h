// containerd-shim-ringfence-v1 as containerd starts it (its runtime v2 protocol): the launcher under another name. It
// serves `start` and `delete` itself; what serves the containers is a Node that `start` leaves behind (src/main/shim/).
#ifndef RINGFENCE_SHIM_H
#define RINGFENCE_SHIM_H

#include <stdbool.h>

// Whether that is the shim's name.
bool shim_is_called(const char *program);

int shim_main(int argc, char **argv);

// The words of the command line (Go's flags: one dash or two, the value behind it or after =).
struct shim_words {
  const char *namespace, *address, *publish_binary, *id, *bundle, *action;
  bool debug;
};

// Serves `start`: a shim listens when it returns, and its address is on standard output.
int shim_start(const struct shim_words *words);

// Where the containers of a namespace are, unless its options say something else (--root).
void shim_root(char *into, unsigned long size, const char *namespace);

#endif
