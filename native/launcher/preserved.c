// Preserved descriptors: see preserved.h.
#include "preserved.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "report.h"

int preserved_read(const char *value) {
  if (!value) return 0;
  char *end;
  long count = strtol(value, &end, 10);
  if (value[0] < '0' || value[0] > '9' || *end != '\0' || count > PRESERVED_MAX)
    fail(EXIT_RINGFENCE, "--preserve-fds must be a number from 0 to %d: %s", PRESERVED_MAX, value);
  return (int)count;
}

int preserved_activation(void) {
  const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
  char *end;
  if (!pid || !count || strtol(pid, &end, 10) != getpid() || *end != '\0') return 0;
  long descriptors = strtol(count, &end, 10);
  return count[0] >= '0' && count[0] <= '9' && *end == '\0' && descriptors <= PRESERVED_MAX ? (int)descriptors
                                                                                            : 0;
}

void preserved_check(int count) {
  for (int fd = PRESERVED_FIRST; fd < PRESERVED_FIRST + count; fd++)
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
      fail_errno(EXIT_RINGFENCE, "preserved descriptor %d (of %d from %d on)", fd, count, PRESERVED_FIRST);
}

void preserved_release(int count) {
  for (int fd = PRESERVED_FIRST; fd < PRESERVED_FIRST + count; fd++)
    close(fd);
}
