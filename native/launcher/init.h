// Process 1 of the sandbox's PID namespace, parent of Node and of the zygote.
#ifndef RINGFENCE_INIT_H
#define RINGFENCE_INIT_H

#include <stdbool.h>

#include "installation.h"
#include "mounts.h"
#include "spec.h"
#include "trace.h"

// Bytes on the lifeline, from the launcher. End of file without DETACH ends the sandbox.
#define LIFELINE_GO 'g'     // id maps are written
#define LIFELINE_DETACH 'd' // the launcher leaves, the sandbox stays
#define LIFELINE_FOREGROUND 'f'
#define LIFELINE_BACKGROUND 'b' // until FOREGROUND, the terminal's modes are not the sandbox's to restore

// Kernels that `hold --kernels` starts at most.
#define KERNELS_MAX 16

// Everything init needs from the launcher; descriptors are -1 where there is none.
struct init_plan {
  const char *sandbox_directory; // becomes the root
  const struct installed_node *node;
  int lifeline; // read end
  int null;     // /dev/null
  int stub;     // the stub's binary
  int config;   // sealed memfd
  int control;  // the sandbox's end of the launcher socket
  int listen;
  int log;
  int debug_log;
  int stdio[3];
  int preserved;        // descriptors from PRESERVED_FIRST on that go along
  int terminal;         // standard input, where that is a terminal: its modes are kept and restored
  int launcher_ends[3]; // descriptors of the launcher that init closes first
  int state_lock;       // kept open, so that the lock is free only when the sandbox is gone
  bool root_writable;   // the guest's changes are the host's
  bool caller_traces;   // he has CAP_SYS_PTRACE
  bool solo;            // the kernel runs on Node's main thread
  // For a container: its root and bind mounts instead of the host's tree, its spec, its waiter's channel.
  const struct spec *spec; // or NULL
  // Its files, where the launcher has opened them; else init does.
  const struct trees *trees; // or NULL
  int waiter;
  // Node's end of the keeper's channel, and the keeper's, which init starts where that is not -1: in a network
  // namespace that is given by path the launcher does.
  int keeper[2];
  // Node's end of the channel to the maker of sockets, or -1, and the maker's, which init starts where that is not -1: in a
  // network namespace of the sandbox's own.
  int maker[2];
  const struct traces *traces; // their descriptors go along
  // Where several kernels share the process: how many, and listening sockets of those behind the first.
  int kernels;
  int listens[KERNELS_MAX - 1];
};

// Never returns.
_Noreturn void init_run(const struct init_plan *plan);

#endif
