// A sandbox's state directory, <root>/<id>: `s` (control socket), `lock`, `state.json`, and a
// copy of a container's `config.json`.
// Held by whoever has the lock; it is free exactly when no process of the sandbox is left, since
// init keeps it too. Sockets are bound and connected by a relative name: an absolute path may be
// longer than the 107 bytes of sun_path.
#ifndef RINGFENCE_STATE_H
#define RINGFENCE_STATE_H

#include <stdbool.h>
#include <stddef.h>

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

// Writes a file of the directory (state.json, config.json), whole or not at all.
void state_write(const struct state_directory *state, const char *name, const char *text, size_t length);

// Opens the directory of a sandbox, without its lock; false when there is none.
bool state_open(struct state_directory *state, const char *root, const char *id);

// As state_open, below an open root, and without a word about what cannot be opened or believed: false.
bool state_look(struct state_directory *state, int root, const char *id);

// The directory of all sandboxes; -1 where there is none.
int state_root(const char *root);

// Takes the lock of an opened directory: the sandbox is gone then. Waits at most that long.
enum lock_state {
  LOCK_TAKEN,
  LOCK_HELD, // it still runs, or is created or removed right now
  LOCK_GONE, // somebody else has removed the directory
};
enum lock_state state_lock(struct state_directory *state, int milliseconds);

// Reads a file of the directory; NULL when there is none. The caller frees it.
char *state_read(const struct state_directory *state, const char *name, size_t *length);

// Removes the directory with everything in it.
void state_remove(const struct state_directory *state);

// How long state_connect waits for a sandbox that listens and does not come to accept: 10 s, unless this has set it.
void state_connect_within(int milliseconds);

// Connects to the control socket of a running sandbox; -1 when nobody listens.
int state_connect(const struct state_directory *state);

// As state_open, but fails where there is no such sandbox.
void state_find(struct state_directory *state, const char *root, const char *id);

// Says so as runc does, whose words engines look for.
_Noreturn void fail_no_container(const char *id);

// runc's rule: letters, digits and + - . _, and neither "." nor "..".
bool state_id_valid(const char *id);

#endif
