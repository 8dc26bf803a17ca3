// Failure reports of launcher and init: see report.h.
#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"

static int report_socket = -1;
static int log_fd = -1;
static bool log_is_json;
static bool log_is_alone;
static int failure_code = EXIT_RINGFENCE;

void report_failures_as(int code) {
  failure_code = code;
}

void report_log(int fd, bool json, bool alone) {
  log_fd = fd;
  log_is_alone = alone;
  log_is_json = json;
}

void log_record(int fd, bool json, const char *level, const char *message) {
  char at[40];
  time_t now = time(NULL);
  strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
  struct buffer line = {0};
  if (json)
    buffer_printf(&line, "{\"level\":\"%s\",\"time\":\"%s\",\"msg\":", level, at);
  else
    buffer_printf(&line, "time=\"%s\" level=%s msg=", at, level);
  buffer_json_text(&line, message);
  buffer_printf(&line, json ? "}\n" : "\n");
  write_all(fd, line.data, line.length);
  buffer_free(&line);
}

void report_to(int socket) {
  report_socket = socket;
}

int write_all(int fd, const void *bytes, size_t length) {
  const char *from = bytes;
  while (length > 0) {
    ssize_t n = write(fd, from, length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    from += n;
    length -= (size_t)n;
  }
  return 0;
}

static _Noreturn void leave(int code, const char *message) {
  if (report_socket < 0) {
    if (log_fd >= 0) log_record(log_fd, log_is_json, "error", message);
    if (!log_is_alone) fprintf(stderr, "ringfence: %s\n", message);
    exit(code == EXIT_RINGFENCE ? failure_code : code);
  }
  struct buffer line = {0};
  buffer_printf(&line, "{\"event\":\"error\",\"code\":%d,\"message\":", code);
  buffer_json_text(&line, message);
  buffer_printf(&line, "}\n");
  if (line.data) (void)!send(report_socket, line.data, line.length, MSG_NOSIGNAL);
  _exit(code);
}

void fail(int code, const char *format, ...) {
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  leave(code, message);
}

void fail_errno(int code, const char *format, ...) {
  int error = errno;
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (n >= 0 && (size_t)n < sizeof message)
    snprintf(message + n, sizeof message - (size_t)n, ": %s", strerror(error));
  leave(code, message);
}

void warn(const char *format, ...) {
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (log_is_alone)
    log_record(log_fd, log_is_json, "warn", message);
  else
    fprintf(stderr, "ringfence: %s\n", message);
}

void note(const char *format, ...) {
  char message[1024];
  va_list arguments;
  if (log_fd < 0) return;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  log_record(log_fd, log_is_json, "warn", message);
}
