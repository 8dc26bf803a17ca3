// The shim's socket: see shim_socket.h.
#include "shim_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "report.h"
#include "small_file.h"

#define SCHEME "unix://"
#define SCHEME_LENGTH (sizeof SCHEME - 1)

// Beside those of containerd's own shims.
static void socket_directory(char *into, size_t size) {
  const char *runtime = geteuid() == 0 ? NULL : getenv("XDG_RUNTIME_DIR");
  const char *parts[] = {"/containerd", "/s"};
  int length = snprintf(into, size, "%s", runtime ? runtime : "/run");
  for (int i = 0; i < 2; i++) {
    length += snprintf(into + length, size - (size_t)length, "%s", parts[i]);
    if ((size_t)length >= size - 40) fail(EXIT_RINGFENCE, "XDG_RUNTIME_DIR is too long");
    if (mkdir(into, 0711) < 0 && errno != EEXIST) fail_errno(EXIT_RINGFENCE, "making %s", into);
  }
}

int shim_socket_make(char address[SHIM_ADDRESS_MAX]) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  unsigned long long drawn[2];
  if (getrandom(drawn, sizeof drawn, 0) != sizeof drawn) fail_errno(EXIT_RINGFENCE, "drawing a name");
  socket_directory(name.sun_path, sizeof name.sun_path);
  size_t length = strlen(name.sun_path);
  snprintf(name.sun_path + length, sizeof name.sun_path - length, "/%016llx%016llx", drawn[0], drawn[1]);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Who may talk to it may have programs run as root.
  mode_t mask = umask(0177);
  if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) < 0 || listen(fd, 128) < 0)
    fail_errno(EXIT_RINGFENCE, "making the shim's socket %s", name.sun_path);
  umask(mask);
  snprintf(address, SHIM_ADDRESS_MAX, SCHEME "%s", name.sun_path);
  return fd;
}

// False: there is no such file, or nothing of this kind stands in it.
static bool read_address(const char *file, char address[SHIM_ADDRESS_MAX], struct sockaddr_un *name) {
  if (!small_file_read(file, address, SHIM_ADDRESS_MAX)) return false;
  if (strncmp(address, SCHEME "/", SCHEME_LENGTH + 1) != 0) return false;
  if (strlen(address) - SCHEME_LENGTH >= sizeof name->sun_path) return false;
  *name = (struct sockaddr_un){.sun_family = AF_UNIX};
  strcpy(name->sun_path, address + SCHEME_LENGTH);
  return true;
}

static bool is_listened_at(const struct sockaddr_un *name) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool there = fd >= 0 && (connect(fd, (const struct sockaddr *)name, sizeof *name) == 0 || errno == EAGAIN);
  if (fd >= 0) close(fd);
  return there;
}

bool shim_socket_alive(const char *file, char address[SHIM_ADDRESS_MAX]) {
  struct sockaddr_un name;
  return read_address(file, address, &name) && is_listened_at(&name);
}

void shim_socket_note(const char *file, const char *address) {
  char fresh[4096];
  if ((size_t)snprintf(fresh, sizeof fresh, "%s.new", file) >= sizeof fresh)
    fail(EXIT_RINGFENCE, "the name of %s is too long", file);
  int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 || write_all(fd, address, strlen(address)) < 0 || rename(fresh, file) < 0)
    fail_errno(EXIT_RINGFENCE, "writing %s", file);
  close(fd);
}

// Those beside it: its name, a dash and a number (src/main/shim/container.ts).
static void forget_terminals(const char *socket) {
  char *pattern = NULL;
  glob_t found;
  if (asprintf(&pattern, "%s-[0-9]*", socket) < 0) return;
  if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; i++)
      unlink(found.gl_pathv[i]);
    globfree(&found);
  }
  free(pattern);
}

void shim_socket_forget(const char *file) {
  char address[SHIM_ADDRESS_MAX];
  struct sockaddr_un name;
  if (!read_address(file, address, &name) || is_listened_at(&name)) return;
  // Only what is a socket: the file might say anything.
  struct stat status;
  if (lstat(name.sun_path, &status) < 0 || !S_ISSOCK(status.st_mode)) return;
  forget_terminals(name.sun_path);
  unlink(name.sun_path);
}
