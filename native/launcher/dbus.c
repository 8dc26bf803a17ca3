// D-Bus: see dbus.h.
#include "dbus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "monotonic.h"

#define LINE_MAX_BYTES 512
#define CALL_TIMEOUT_MS 25000 // as of libdbus

enum field {
  FIELD_PATH = 1,
  FIELD_INTERFACE,
  FIELD_MEMBER,
  FIELD_ERROR,
  FIELD_REPLY,
  FIELD_DESTINATION,
  FIELD_SENDER,
  FIELD_SIGNATURE
};

// ---- Writing ----

void dbus_align(struct buffer *buffer, size_t alignment) {
  static const char zeros[8];
  buffer_append(buffer, zeros, -buffer->length & (alignment - 1));
}

void dbus_put_u32(struct buffer *buffer, uint32_t value) {
  dbus_align(buffer, 4);
  buffer_append(buffer, &value, sizeof value);
}

void dbus_put_u64(struct buffer *buffer, uint64_t value) {
  dbus_align(buffer, 8);
  buffer_append(buffer, &value, sizeof value);
}

void dbus_put_text(struct buffer *buffer, const char *text) {
  dbus_put_u32(buffer, (uint32_t)strlen(text));
  buffer_append(buffer, text, strlen(text) + 1);
}

void dbus_put_signature(struct buffer *buffer, const char *signature) {
  unsigned char length = (unsigned char)strlen(signature);
  buffer_append(buffer, &length, 1);
  buffer_append(buffer, signature, length + 1u);
}

size_t dbus_array_begin(struct buffer *buffer, size_t alignment) {
  dbus_put_u32(buffer, 0);
  size_t array = buffer->length;
  dbus_align(buffer, alignment);
  return array;
}

void dbus_array_end(struct buffer *buffer, size_t array, size_t alignment) {
  // The padding before the first element does not count.
  size_t first = (array + alignment - 1) & ~(alignment - 1);
  uint32_t length = (uint32_t)(buffer->length - first);
  memcpy(buffer->data + array - 4, &length, sizeof length);
}

// ---- Reading ----

static const unsigned char *take(struct dbus_reader *reader, size_t alignment, size_t length) {
  size_t at = (reader->at + alignment - 1) & ~(alignment - 1);
  if (reader->failed || at > reader->length || length > reader->length - at) {
    reader->failed = true;
    return NULL;
  }
  reader->at = at + length;
  return reader->bytes + at;
}

uint32_t dbus_get_u32(struct dbus_reader *reader) {
  uint32_t value = 0;
  const unsigned char *bytes = take(reader, 4, sizeof value);
  if (bytes) memcpy(&value, bytes, sizeof value);
  return value;
}

// The bytes of a string, which ends with a NUL and holds no other.
static const char *text_of(struct dbus_reader *reader, size_t length) {
  const unsigned char *bytes = length < DBUS_MESSAGE_MAX ? take(reader, 1, length + 1) : NULL;
  if (!bytes || bytes[length] != '\0' || memchr(bytes, '\0', length)) {
    reader->failed = true;
    return "";
  }
  return (const char *)bytes;
}

const char *dbus_get_text(struct dbus_reader *reader) {
  return text_of(reader, dbus_get_u32(reader));
}

const char *dbus_get_signature(struct dbus_reader *reader) {
  const unsigned char *length = take(reader, 1, 1);
  return length ? text_of(reader, *length) : "";
}

size_t dbus_message_length(const unsigned char *header) {
  uint32_t body, fields;
  memcpy(&body, header + 4, sizeof body);
  memcpy(&fields, header + 12, sizeof fields);
  // Of this machine's byte order alone: the other side is on the same host.
  if (header[0] != 'l' || header[3] != 1 || body > DBUS_MESSAGE_MAX || fields > DBUS_MESSAGE_MAX) return 0;
  size_t length = ((DBUS_HEADER_BYTES + fields + 7) & ~7ul) + body;
  return length > DBUS_MESSAGE_MAX ? 0 : length;
}

static void read_field(struct dbus_message *message, struct dbus_reader *reader) {
  const unsigned char *code = take(reader, 8, 1);
  const char *type = dbus_get_signature(reader);
  const char *text = "";
  uint32_t number = 0;
  if (strcmp(type, "s") == 0 || strcmp(type, "o") == 0)
    text = dbus_get_text(reader);
  else if (strcmp(type, "g") == 0)
    text = dbus_get_signature(reader);
  else if (strcmp(type, "u") == 0)
    number = dbus_get_u32(reader);
  else
    reader->failed = true;
  if (reader->failed) return;
  switch (*code) {
  case FIELD_PATH:
    message->path = text;
    break;
  case FIELD_INTERFACE:
    message->interface = text;
    break;
  case FIELD_MEMBER:
    message->member = text;
    break;
  case FIELD_ERROR:
    message->error = text;
    break;
  case FIELD_REPLY:
    message->reply_serial = number;
    break;
  case FIELD_SIGNATURE:
    message->signature = text;
    break;
  }
}

bool dbus_parse(struct dbus_message *message, const unsigned char *bytes, size_t length) {
  if (length < DBUS_HEADER_BYTES || dbus_message_length(bytes) != length) return false;
  *message = (struct dbus_message){
      .type = bytes[1], .path = "", .interface = "", .member = "", .error = "", .signature = ""};
  uint32_t fields;
  memcpy(&message->serial, bytes + 8, sizeof message->serial);
  memcpy(&fields, bytes + 12, sizeof fields);
  struct dbus_reader reader = {.bytes = bytes, .length = DBUS_HEADER_BYTES + fields, .at = DBUS_HEADER_BYTES};
  while (reader.at < reader.length && !reader.failed)
    read_field(message, &reader);
  size_t body = (reader.length + 7) & ~7ul;
  message->body = (struct dbus_reader){.bytes = bytes + body, .length = length - body};
  return !reader.failed;
}

// ---- A connection ----

static bool failed(struct dbus *dbus, const char *what) {
  snprintf(dbus->error, sizeof dbus->error, "%s: %s", what, strerror(errno));
  return false;
}

static bool wait_for(const struct dbus *dbus, short events, long long deadline) {
  for (;;) {
    long long left = deadline - monotonic_ms();
    struct pollfd one = {.fd = dbus->fd, .events = events};
    int ready = left > 0 ? poll(&one, 1, (int)left) : 0;
    if (ready > 0) return true;
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) errno = ETIMEDOUT;
    return false;
  }
}

static bool send_bytes(struct dbus *dbus, const char *bytes, size_t length, long long deadline) {
  while (length > 0) {
    ssize_t n = send(dbus->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      if (!wait_for(dbus, POLLOUT, deadline)) return false;
      continue;
    }
    if (n < 0) return false;
    bytes += n;
    length -= (size_t)n;
  }
  return true;
}

static bool receive_bytes(struct dbus *dbus, void *into, size_t length, long long deadline) {
  for (char *at = into; length > 0;) {
    if (!wait_for(dbus, POLLIN, deadline)) return false;
    ssize_t n = recv(dbus->fd, at, length, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n == 0) errno = ECONNRESET;
    if (n <= 0) return false;
    at += n;
    length -= (size_t)n;
  }
  return true;
}

static bool receive_message(struct dbus *dbus, struct dbus_message *message, long long deadline) {
  unsigned char header[DBUS_HEADER_BYTES];
  if (!receive_bytes(dbus, header, sizeof header, deadline)) return false;
  size_t length = dbus_message_length(header);
  errno = EBADMSG;
  if (length == 0) return false;
  free(dbus->bytes);
  dbus->bytes = malloc(length);
  if (!dbus->bytes) return false;
  memcpy(dbus->bytes, header, sizeof header);
  if (!receive_bytes(dbus, dbus->bytes + sizeof header, length - sizeof header, deadline)) return false;
  errno = EBADMSG;
  return dbus_parse(message, dbus->bytes, length);
}

static bool receive_line(struct dbus *dbus, char *line, long long deadline) {
  for (size_t used = 0; used < LINE_MAX_BYTES; used++) {
    if (!receive_bytes(dbus, line + used, 1, deadline)) return false;
    if (line[used] != '\n') continue;
    line[used] = '\0';
    if (used > 0 && line[used - 1] == '\r') line[used - 1] = '\0';
    return true;
  }
  errno = EBADMSG;
  return false;
}

// SASL's EXTERNAL without an identity: who calls is what the socket's credentials say, which is right in a user
// namespace, too.
static bool authenticate(struct dbus *dbus, long long deadline) {
  static const char hello[] = "\0AUTH EXTERNAL\r\n", data[] = "DATA\r\n", begin[] = "BEGIN\r\n";
  char line[LINE_MAX_BYTES];
  if (!send_bytes(dbus, hello, sizeof hello - 1, deadline) || !receive_line(dbus, line, deadline))
    return false;
  if (strncmp(line, "DATA", 4) == 0 &&
      (!send_bytes(dbus, data, sizeof data - 1, deadline) || !receive_line(dbus, line, deadline)))
    return false;
  errno = EACCES;
  return strncmp(line, "OK ", 3) == 0 && send_bytes(dbus, begin, sizeof begin - 1, deadline);
}

// A value of an address: bytes that are no letters stand as %XX.
static bool unescape(const char *text, size_t length, char *into, size_t capacity) {
  size_t used = 0;
  for (size_t i = 0; i < length; i++) {
    unsigned value = (unsigned char)text[i];
    if (text[i] == '%' && (i + 2 >= length || sscanf(text + i + 1, "%2x", &value) != 1 || value == 0))
      return false;
    if (text[i] == '%') i += 2;
    if (used + 1 >= capacity) return false;
    into[used++] = (char)value;
  }
  into[used] = '\0';
  return used > 0;
}

// One address, up to `length`: unix:path=... or unix:abstract=...
static bool connect_to(struct dbus *dbus, const char *address, size_t length) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  static const char *const kinds[] = {"path=", "abstract="};
  errno = EAFNOSUPPORT;
  if (length < 5 || strncmp(address, "unix:", 5) != 0) return false;
  errno = EINVAL;
  for (const char *key = address + 5, *end = address + length; key < end;) {
    const char *comma = memchr(key, ',', (size_t)(end - key));
    const char *stop = comma ? comma : end;
    for (size_t abstract = 0; abstract < 2; abstract++) {
      size_t prefix = strlen(kinds[abstract]);
      if ((size_t)(stop - key) < prefix || strncmp(key, kinds[abstract], prefix) != 0) continue;
      if (!unescape(key + prefix, (size_t)(stop - key) - prefix, name.sun_path + abstract,
                    sizeof name.sun_path - abstract))
        return false;
      socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract +
                                   strlen(name.sun_path + abstract) + (abstract ? 0 : 1));
      dbus->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      return dbus->fd >= 0 && connect(dbus->fd, (struct sockaddr *)&name, size) == 0;
    }
    key = stop + 1;
  }
  return false;
}

static const struct dbus_target bus = {"org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus"};

bool dbus_open(struct dbus *dbus, const char *addresses, bool is_bus) {
  *dbus = (struct dbus){.fd = -1, .timeout_ms = CALL_TIMEOUT_MS};
  char what[512];
  snprintf(what, sizeof what, "dial %s", addresses);
  errno = EINVAL;
  for (const char *address = addresses; *address;) {
    size_t length = strcspn(address, ";");
    if (connect_to(dbus, address, length)) {
      struct dbus_message answer;
      if (!authenticate(dbus, monotonic_ms() + dbus->timeout_ms)) return failed(dbus, what);
      return !is_bus || dbus_call(dbus, &bus, "Hello", "", NULL, &answer);
    }
    int error = errno;
    dbus_close(dbus);
    errno = error;
    address += length;
    address += *address == ';';
  }
  return failed(dbus, what);
}

void dbus_close(struct dbus *dbus) {
  if (dbus->fd >= 0) close(dbus->fd);
  free(dbus->bytes);
  dbus->fd = -1;
  dbus->bytes = NULL;
}

static void put_field(struct buffer *message, enum field code, const char *type, const char *value) {
  if (!value || !value[0]) return;
  dbus_align(message, 8);
  buffer_append(message, &(char){(char)code}, 1);
  dbus_put_signature(message, type);
  if (type[0] == 'g')
    dbus_put_signature(message, value);
  else
    dbus_put_text(message, value);
}

static void answer_signal(struct dbus *dbus, const struct dbus_message *message) {
  if (message->type == DBUS_SIGNAL && dbus->signal) dbus->signal(dbus->context, message);
}

bool dbus_call(struct dbus *dbus, const struct dbus_target *target, const char *member, const char *signature,
               const struct buffer *body, struct dbus_message *answer) {
  struct buffer message = {0};
  uint32_t serial = ++dbus->serial;
  dbus->error_name[0] = '\0';
  buffer_append(&message, (char[]){'l', DBUS_CALL, 0, 1}, 4);
  dbus_put_u32(&message, body ? (uint32_t)body->length : 0);
  dbus_put_u32(&message, serial);
  size_t fields = dbus_array_begin(&message, 8);
  put_field(&message, FIELD_PATH, "o", target->path);
  put_field(&message, FIELD_INTERFACE, "s", target->interface);
  put_field(&message, FIELD_MEMBER, "s", member);
  put_field(&message, FIELD_DESTINATION, "s", target->destination);
  put_field(&message, FIELD_SIGNATURE, "g", signature);
  dbus_array_end(&message, fields, 8);
  dbus_align(&message, 8);
  if (body) buffer_append(&message, body->data, body->length);
  long long deadline = monotonic_ms() + dbus->timeout_ms;
  bool sent = send_bytes(dbus, message.data, message.length, deadline);
  buffer_free(&message);
  if (!sent) return failed(dbus, member);
  for (;;) {
    if (!receive_message(dbus, answer, deadline)) return failed(dbus, member);
    answer_signal(dbus, answer);
    if (answer->reply_serial != serial) continue;
    if (answer->type == DBUS_RETURN) return true;
    if (answer->type != DBUS_ERROR) continue;
    bool has_text = answer->signature[0] == 's';
    snprintf(dbus->error_name, sizeof dbus->error_name, "%s", answer->error);
    snprintf(dbus->error, sizeof dbus->error, "%s", has_text ? dbus_get_text(&answer->body) : answer->error);
    return false;
  }
}

bool dbus_wait(struct dbus *dbus, int timeout_ms) {
  struct dbus_message message;
  if (!receive_message(dbus, &message, monotonic_ms() + timeout_ms))
    return failed(dbus, "waiting for a signal");
  answer_signal(dbus, &message);
  return true;
}
