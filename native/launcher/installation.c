// Where this installation's files are: see installation.h.
#include "installation.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

void installation_path(char *into, size_t size, const char *name) {
  ssize_t length = readlink("/proc/self/exe", into, size - 1);
  if (length < 0) fail_errno(EXIT_RINGFENCE, "finding the installation through /proc/self/exe");
  into[length] = '\0';
  for (int i = 0; i < 2; i++) {
    char *slash = strrchr(into, '/');
    if (slash) *slash = '\0';
  }
  size_t used = strlen(into);
  if ((size_t)snprintf(into + used, size - used, "/%s", name) >= size - used)
    fail(EXIT_RINGFENCE, "the path of the installation is too long");
}
