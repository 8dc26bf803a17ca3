// Requests: see request.h.
#include "request.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "json.h"
#include "monotonic.h"
#include "ringfence/rights.h"

void request_flatten(char *json, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (json[i] == '\n' || json[i] == '\r') json[i] = ' ';
}

// Waits until the socket takes more.
static bool has_room(struct lines *lines) {
  struct pollfd polled = {.fd = lines->fd, .events = POLLOUT};
  const int left = lines_left(lines);
  lines->late = left == 0 || poll(&polled, 1, left) == 0;
  if (lines->late) errno = ETIMEDOUT;
  return !lines->late;
}

bool request_send(struct lines *lines, const struct buffer *line, const int *descriptors, int count) {
  RIGHTS_CONTROL(control, REQUEST_DESCRIPTORS_MAX);
  struct iovec text = {.iov_base = line->data, .iov_len = line->length};
  struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};
  rights_attach(&message, control, descriptors, (size_t)count);
  lines->deadline = lines->patience_ms == 0 ? 0 : monotonic_ms() + lines->patience_ms;
  for (size_t at = 0; at < line->length;) {
    text = (struct iovec){.iov_base = line->data + at, .iov_len = line->length - at};
    const ssize_t n = sendmsg(lines->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN && has_room(lines)) continue;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    // The descriptors went along with the first piece.
    message.msg_control = NULL;
    message.msg_controllen = 0;
    at += (size_t)n;
  }
  return true;
}

bool request_answer(struct lines *lines, char **text, size_t *length, char *message, size_t capacity) {
  message[0] = '\0';
  while (lines_next(lines, text, length)) {
    struct json_token tokens[64];
    struct json answer;
    long long id;
    if (!json_parse(&answer, *text, *length, tokens, sizeof tokens / sizeof tokens[0])) return false;
    if (!json_integer(&answer, json_member(&answer, 0, "id"), 1, 1, &id)) continue; // an event
    unsigned error = json_member(&answer, 0, "error");
    if (error == 0) return true;
    if (!json_text(&answer, json_member(&answer, error, "message"), message, capacity))
      strncpy(message, "the sandbox refused", capacity - 1);
    return false;
  }
  return false;
}

bool request_ask(struct lines *lines, const struct buffer *line, const int *descriptors, int count,
                 char **text, size_t *length, char *message, size_t capacity) {
  message[0] = '\0';
  if (!request_send(lines, line, descriptors, count)) return false;
  return request_answer(lines, text, length, message, capacity);
}
