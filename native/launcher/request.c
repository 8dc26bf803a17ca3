// Requests: see request.h.
#include "request.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "json.h"
#include "ringfence/rights.h"

void request_flatten(char *json, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (json[i] == '\n' || json[i] == '\r') json[i] = ' ';
}

bool request_send(int fd, const struct buffer *line, const int *descriptors, int count) {
  RIGHTS_CONTROL(control, REQUEST_DESCRIPTORS_MAX);
  struct iovec text = {.iov_base = line->data, .iov_len = line->length};
  struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};
  rights_attach(&message, control, descriptors, (size_t)count);
  ssize_t n;
  do
    n = sendmsg(fd, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0) return false;
  for (size_t at = (size_t)n; at < line->length; at += (size_t)n) {
    n = send(fd, line->data + at, line->length - at, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) n = 0;
    if (n < 0) return false;
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
  if (!request_send(lines->fd, line, descriptors, count)) return false;
  return request_answer(lines, text, length, message, capacity);
}
