// A growing byte buffer, and JSON text written into one: see buffer.h.
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(struct buffer *buffer, size_t more) {
  size_t need = buffer->length + more;
  if (need <= buffer->capacity) return;
  size_t capacity = buffer->capacity ? buffer->capacity : 256;
  while (capacity < need)
    capacity *= 2;
  char *data = realloc(buffer->data, capacity);
  if (!data) {
    static const char text[] = "ringfence: out of memory\n";
    fwrite(text, 1, sizeof text - 1, stderr);
    _Exit(125);
  }
  buffer->data = data;
  buffer->capacity = capacity;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length) {
  if (length == 0) return;
  reserve(buffer, length);
  memcpy(buffer->data + buffer->length, bytes, length);
  buffer->length += length;
}

void buffer_printf(struct buffer *buffer, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length < 0) return;
  reserve(buffer, (size_t)length + 1);
  va_start(arguments, format);
  vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, arguments);
  va_end(arguments);
  buffer->length += (size_t)length;
}

void buffer_json_string(struct buffer *buffer, const char *bytes) {
  buffer_append(buffer, "\"", 1);
  for (const unsigned char *at = (const unsigned char *)bytes; *at; at++) {
    if (*at == '"' || *at == '\\')
      buffer_printf(buffer, "\\%c", *at);
    else if (*at < 0x20 || *at >= 0x7f)
      buffer_printf(buffer, "\\u%04x", *at);
    else
      buffer_append(buffer, at, 1);
  }
  buffer_append(buffer, "\"", 1);
}

// Length of the UTF-8 sequence at `at`, or 0 where there is none.
static size_t utf8_length(const unsigned char *at) {
  size_t length = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf5 ? 4 : 0;
  for (size_t i = 1; i < length; i++)
    if ((at[i] & 0xc0) != 0x80) return 0;
  return length;
}

void buffer_json_text(struct buffer *buffer, const char *text) {
  buffer_append(buffer, "\"", 1);
  for (const unsigned char *at = (const unsigned char *)text; *at;) {
    size_t length = utf8_length(at);
    if (*at == '"' || *at == '\\')
      buffer_printf(buffer, "\\%c", *at);
    else if (*at < 0x20 || *at == 0x7f)
      buffer_printf(buffer, "\\u%04x", *at);
    else if (length == 0)
      buffer_append(buffer, "?", 1);
    else
      buffer_append(buffer, at, length);
    at += length ? length : 1;
  }
  buffer_append(buffer, "\"", 1);
}

static void json_list(struct buffer *buffer, char *const *vector,
                      void (*one)(struct buffer *, const char *)) {
  buffer_append(buffer, "[", 1);
  for (size_t i = 0; vector[i]; i++) {
    if (i > 0) buffer_append(buffer, ",", 1);
    one(buffer, vector[i]);
  }
  buffer_append(buffer, "]", 1);
}

void buffer_json_strings(struct buffer *buffer, char *const *vector) {
  json_list(buffer, vector, buffer_json_string);
}

void buffer_json_texts(struct buffer *buffer, char *const *vector) {
  json_list(buffer, vector, buffer_json_text);
}

void buffer_consume(struct buffer *buffer, size_t length) {
  memmove(buffer->data, buffer->data + length, buffer->length - length);
  buffer->length -= length;
}

void buffer_free(struct buffer *buffer) {
  free(buffer->data);
  *buffer = (struct buffer){0};
}
