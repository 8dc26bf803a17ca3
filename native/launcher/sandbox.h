// Starting a sandbox, from the launcher's side: namespaces, id maps, init.
#ifndef RINGFENCE_SANDBOX_H
#define RINGFENCE_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "buffer.h"
#include "cgroup.h"
#include "identity.h"
#include "options.h"
#include "spec.h"
#include "state.h"

struct sandbox {
  pid_t init;
  int lifeline; // write end: its end of file ends the sandbox
  int control;  // JSON lines
  int log;      // read end of the log where no --log was given, else -1
  bool user_namespace;
  bool in_groups; // init is in the plan's control groups, and so is who comes of it
};

// What a sandbox is started with, beside its options.
struct sandbox_plan {
  const struct options *options;
  const struct identity *identity;
  char *const *program;                // command line of `do`, or NULL
  const struct state_directory *state; // or NULL
  struct spec *spec;                   // of a container, or NULL
  int stdio[3];                        // of the first program; -1 where there is none
  int terminal;                        // the caller's, whose modes init restores, or -1
  int waiter;                          // the sandbox's end of a waiter's channel, or -1
  // Of `hold --kernels`: how many share the process, and the directories of those behind the first.
  int kernels;
  const struct state_directory *others;
  const struct cgroups *groups; // that are there, and are to have the sandbox in them, or NULL
};

// Makes the namespaces with init in them, which waits. The plan's descriptors stay the caller's.
void sandbox_prepare(struct sandbox *sandbox, const struct sandbox_plan *plan);

// Lets init go on, and through it zygote and Node. The sandbox reports on `control` whether and how it
// came up.
void sandbox_go(const struct sandbox *sandbox);

// Kills a process of a sandbox's, and reaps whoever ends until it does; it may be gone already.
void sandbox_reap(pid_t pid);

// Kills what is left of it, and waits until no process of it exists.
void sandbox_end(struct sandbox *sandbox);

// Replaces standard input and output by /dev/null: readers of the real one must see end of file when
// the guest closes it.
void sandbox_release_stdio(void);

#endif
