// Starting a sandbox, from the launcher's side: namespaces, id maps, init.
#ifndef RINGFENCE_SANDBOX_H
#define RINGFENCE_SANDBOX_H

#include <sys/types.h>

#include "buffer.h"
#include "identity.h"
#include "options.h"
#include "state.h"

struct sandbox {
  pid_t init;
  int lifeline; // write end: its end of file ends the sandbox
  int control;  // JSON lines
  int log;      // read end of the log where no --log was given, else -1
};

// Starts init, and through it zygote and Node. `program` is the first command line, or NULL for
// hold; `state` is NULL where there is no state directory. The sandbox reports on `control` whether
// and how it came up. The launcher's own 0 and 1 become /dev/null if the program got them.
void sandbox_start(struct sandbox *sandbox, const struct options *options, const struct identity *identity,
                   char *const *program, const struct state_directory *state);

// Kills what is left of it, and waits until no process of it exists.
void sandbox_end(struct sandbox *sandbox);

// Replaces standard input and output by /dev/null: readers of the real one must see end of file when
// the guest closes it.
void sandbox_release_stdio(void);

#endif
