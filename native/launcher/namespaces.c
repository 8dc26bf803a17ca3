// Namespaces of other processes, and children that enter them: see namespaces.h.
#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"

int namespace_of(pid_t pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail_errno(EXIT_RINGFENCE, "opening %s", path);
  return fd;
}

static int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  return status;
}

static _Noreturn void end_like(int status) {
  exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_RINGFENCE);
}

void namespace_child_end(pid_t child) {
  int status = wait_for(child);
  if (status != 0) end_like(status);
}

void namespace_child_answer(pid_t child, int pipe, void *into, size_t length) {
  size_t told = 0;
  for (ssize_t n; told < length && (n = read(pipe, (char *)into + told, length - told)) != 0;) {
    if (n < 0 && errno != EINTR) break;
    if (n > 0) told += (size_t)n;
  }
  close(pipe);
  int status = wait_for(child);
  if (told != length) end_like(status);
}
