// Files in which a kernel has one value: see small_file.h.
#include "small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void close_keeping_errno(int fd) {
  int error = errno;
  close(fd);
  errno = error;
}

bool small_file_write(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  close_keeping_errno(fd);
  return written;
}

bool small_file_read(const char *path, char *into, size_t capacity) {
  into[0] = '\0';
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, into, capacity - 1);
  close_keeping_errno(fd);
  into[n > 0 ? n : 0] = '\0';
  into[strcspn(into, "\n")] = '\0';
  return n >= 0;
}
