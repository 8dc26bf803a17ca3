// Reading lines: see lines.h.
#include "lines.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "monotonic.h"

#define LINE_MAX_BYTES (1 << 20)

bool lines_take(struct lines *lines, char **line, size_t *length) {
  buffer_consume(&lines->received, lines->taken);
  lines->taken = 0;
  char *end = memchr(lines->received.data ? lines->received.data : "", '\n', lines->received.length);
  if (!end) return false;
  *line = lines->received.data;
  *length = (size_t)(end - lines->received.data);
  *end = '\0';
  lines->taken = *length + 1;
  return true;
}

enum lines_state lines_fill(struct lines *lines, bool wait) {
  char bytes[16384];
  ssize_t n = recv(lines->fd, bytes, sizeof bytes, wait ? 0 : MSG_DONTWAIT);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return LINES_OPEN;
  if (n <= 0) return LINES_END;
  buffer_consume(&lines->received, lines->taken);
  lines->taken = 0;
  buffer_append(&lines->received, bytes, (size_t)n);
  if (lines->received.length > LINE_MAX_BYTES && !memchr(lines->received.data, '\n', lines->received.length))
    return LINES_TOO_LONG;
  return LINES_OPEN;
}

int lines_left(const struct lines *lines) {
  if (lines->deadline == 0) return -1;
  const long long left = lines->deadline - monotonic_ms();
  return left > 0 ? (int)left : 0;
}

// Who sends without an end is late as well.
static bool arrives(struct lines *lines) {
  struct pollfd polled = {.fd = lines->fd, .events = POLLIN};
  int left, count;
  do {
    left = lines_left(lines);
    count = left == 0 ? 0 : poll(&polled, 1, left);
  } while (count < 0 && errno == EINTR);
  lines->late = count == 0;
  return !lines->late;
}

bool lines_next(struct lines *lines, char **line, size_t *length) {
  while (!lines_take(lines, line, length))
    if (!arrives(lines) || lines_fill(lines, true) != LINES_OPEN) return false;
  return true;
}
