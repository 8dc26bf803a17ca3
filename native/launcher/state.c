// State directories: see state.h.
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "buffer.h"
#include "report.h"
#include "spec.h"
#include "user_namespace.h"

// The lock last: without it the directory belongs to whoever makes the next one.
static const char *const entries[] = {"s", "state.json", "config.json", "new", "lock"};

#define LOCK_TRIES_SOON 100
#define FILE_MAX_BYTES (4 << 20)

bool state_id_valid(const char *id) {
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-._";
  size_t length = strlen(id);
  return length > 0 && length <= 255 && strspn(id, allowed) == length && strcmp(id, ".") != 0 &&
         strcmp(id, "..") != 0;
}

// As runc has it: who is root in a user namespace of his own has no /run, unless he says that root is his name.
static const char *root_path(const char *root) {
  static char path[4096];
  if (root) return root;
  const char *runtime = getenv("XDG_RUNTIME_DIR"), *user = getenv("USER");
  bool is_root = geteuid() == 0 && (!runtime || (user && strcmp(user, "root") == 0) || user_is_initial());
  if (is_root) return "/run/ringfence";
  if (!runtime || runtime[0] != '/') fail(EXIT_RINGFENCE, "set --root: XDG_RUNTIME_DIR is not set");
  if (snprintf(path, sizeof path, "%s/ringfence", runtime) >= (int)sizeof path)
    fail(EXIT_RINGFENCE, "XDG_RUNTIME_DIR is too long");
  return path;
}

// Opens the directory of all sandboxes; with `make`, creates it and its parents.
static int open_root(const char *root, bool make) {
  const char *path = root_path(root);
  if (make) {
    char part[4096];
    if (strlen(path) >= sizeof part) fail(EXIT_RINGFENCE, "--root is too long");
    for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
      memcpy(part, path, (size_t)(slash - path));
      part[slash - path] = '\0';
      if (part[0]) mkdir(part, 0755);
    }
    if (mkdir(path, 0711) < 0 && errno != EEXIST) fail_errno(EXIT_RINGFENCE, "making %s", path);
  }
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && make) fail_errno(EXIT_RINGFENCE, "opening %s", path);
  return fd;
}

static void check_id(const char *id) {
  if (!state_id_valid(id)) fail(EXIT_RINGFENCE, "invalid container ID format: %s", id);
}

static void remove_entries(int directory) {
  for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
    unlinkat(directory, entries[i], 0);
}

// Whether the lock is still the one that its name means: whoever held it before may have removed everything.
static bool lock_is_named(const struct state_directory *state) {
  struct stat locked, named;
  return fstat(state->lock, &locked) == 0 &&
         fstatat(state->directory, "lock", &named, AT_SYMLINK_NOFOLLOW) == 0 && locked.st_ino == named.st_ino;
}

// What is in a state directory is believed: hooks to run, groups to remove, processes to end.
static bool is_trusted(const struct state_directory *state) {
  struct stat status;
  return fstat(state->directory, &status) == 0 && (status.st_uid == geteuid() || status.st_uid == 0) &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static void check_owner(const struct state_directory *state) {
  if (!is_trusted(state)) fail(EXIT_RINGFENCE, "the state of %s can be changed by other users", state->id);
}

void state_create(struct state_directory *state, const char *root, const char *id) {
  check_id(id);
  *state = (struct state_directory){.root = open_root(root, true), .id = id};
  if (mkdirat(state->root, id, 0700) < 0 && errno != EEXIST)
    fail_errno(EXIT_RINGFENCE, "making the state of %s", id);
  state->directory = openat(state->root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (state->directory < 0) fail_errno(EXIT_RINGFENCE, "opening the state of %s", id);
  check_owner(state);
  state->lock = openat(state->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (state->lock < 0) fail_errno(EXIT_RINGFENCE, "opening the lock of %s", id);
  if (flock(state->lock, LOCK_EX | LOCK_NB) < 0 || !lock_is_named(state))
    fail(EXIT_RINGFENCE, "container with given ID already exists: %s", id);
  for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
    if (strcmp(entries[i], "lock") != 0) unlinkat(state->directory, entries[i], 0);
}

// bind and connect take no directory descriptor: go there, act, come back.
static int socket_at(int directory, int (*act)(int, const struct sockaddr *, socklen_t)) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || back < 0 || fchdir(directory) < 0) return -1;
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "s"};
  int result = act(fd, (struct sockaddr *)&address, sizeof address);
  int error = errno;
  if (fchdir(back) < 0) return -1;
  close(back);
  if (result == 0) return fd;
  close(fd);
  errno = error;
  return -1;
}

int state_listen(const struct state_directory *state) {
  int fd = socket_at(state->directory, bind);
  if (fd < 0 || listen(fd, 128) < 0) fail_errno(EXIT_RINGFENCE, "making the control socket of %s", state->id);
  return fd;
}

void state_write(const struct state_directory *state, const char *name, const char *text, size_t length) {
  int fd = openat(state->directory, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 || write_all(fd, text, length) < 0 ||
      renameat(state->directory, "new", state->directory, name) < 0)
    fail_errno(EXIT_RINGFENCE, "writing %s of %s", name, state->id);
  close(fd);
}

char *state_read(const struct state_directory *state, const char *name, size_t *length) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d/%s", state->directory, name);
  return read_whole_file(path, FILE_MAX_BYTES, length);
}

bool state_open(struct state_directory *state, const char *root, const char *id) {
  check_id(id);
  *state = (struct state_directory){.root = open_root(root, false), .directory = -1, .lock = -1, .id = id};
  if (state->root >= 0)
    state->directory = openat(state->root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (state->directory >= 0) check_owner(state);
  return state->directory >= 0;
}

int state_root(const char *root) {
  return open_root(root, false);
}

bool state_look(struct state_directory *state, int root, const char *id) {
  *state = (struct state_directory){.root = root, .directory = -1, .lock = -1, .id = id};
  if (state_id_valid(id))
    state->directory = openat(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return state->directory >= 0 && is_trusted(state);
}

void state_find(struct state_directory *state, const char *root, const char *id) {
  if (!state_open(state, root, id)) fail_no_container(id);
}

void fail_no_container(const char *id) {
  fail(EXIT_RINGFENCE, "container does not exist: %s", id);
}

enum lock_state state_lock(struct state_directory *state, int milliseconds) {
  state->lock = openat(state->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (state->lock < 0 && errno == ENOENT) return LOCK_GONE; // the directory has no name any more
  if (state->lock < 0) fail_errno(EXIT_RINGFENCE, "opening the lock of %s", state->id);
  long left = milliseconds * 1000L;
  for (int tries = 0;; tries++) {
    if (flock(state->lock, LOCK_EX | LOCK_NB) == 0) return lock_is_named(state) ? LOCK_TAKEN : LOCK_GONE;
    if (left <= 0) return LOCK_HELD;
    // A sandbox that was told to end is gone within milliseconds, one that hangs after seconds.
    useconds_t pause = tries < LOCK_TRIES_SOON ? 100 : 1000;
    usleep(pause);
    left -= pause;
  }
}

void state_remove(const struct state_directory *state) {
  remove_entries(state->directory);
  unlinkat(state->root, state->id, AT_REMOVEDIR);
}

static int connect_ms = 10000;

void state_connect_within(int milliseconds) {
  connect_ms = milliseconds;
}

// Where a kernel hangs its queue fills up: nobody waits for a place in it for ever.
static int connect_soon(int fd, const struct sockaddr *address, socklen_t size) {
  const struct timeval patience = {.tv_sec = connect_ms / 1000, .tv_usec = connect_ms % 1000 * 1000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  int result = connect(fd, address, size);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){0}, sizeof patience);
  return result;
}

int state_connect(const struct state_directory *state) {
  return socket_at(state->directory, connect_soon);
}
