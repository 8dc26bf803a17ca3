// A sandbox's state directory, <root>/<id>: `s` (control socket), `lock`, `state.json`.
// Held by whoever has the lock; it is free exactly when no process of the sandbox is left, since
// init keeps it too. Sockets are bound and connected by a relative name: an absolute path may be
// longer than the 107 bytes of sun_path.
#ifndef RINGFENCE_STATE_H
#define RINGFENCE_STATE_H

#include <stdbool.h>

struct state_directory {
  int root;      // the directory of all sandboxes
  int directory; // <root>/<id>
  int lock;      // file, locked with flock
  const char *id;
};

// Makes the directory (0700) and takes its lock; replaces one whose sandbox is dead.
void state_create(struct state_directory *state, const char *root, const char *id);

// A listening socket at `s`.
int state_listen(const struct state_directory *state);

// Writes state.json, whole or not at all.
void state_write(const struct state_directory *state, const char *status, int pid);

// Removes the directory with everything in it.
void state_remove(const struct state_directory *state);

// Connects to the control socket of a running sandbox.
int state_connect(const char *root, const char *id);

// runc's rule: letters, digits and + - . _, and neither "." nor "..".
bool state_id_valid(const char *id);

#endif
