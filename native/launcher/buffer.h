// A growing byte buffer, and JSON text written into one.
#ifndef RINGFENCE_BUFFER_H
#define RINGFENCE_BUFFER_H

#include <stddef.h>

struct buffer {
  char *data;
  size_t length;
  size_t capacity;
};

// All of these end the process when there is no memory: the launcher holds little, once.
void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A JSON string with one char per byte: bytes from 0x80 are written as \u0080 to \u00ff
// (src/shared/process_spec.ts, "byte strings").
void buffer_json_string(struct buffer *buffer, const char *bytes);

// A JSON string of text in UTF-8; what is not becomes a question mark.
void buffer_json_text(struct buffer *buffer, const char *text);

// A JSON array of strings with one char per byte, from a vector that ends with NULL.
void buffer_json_strings(struct buffer *buffer, char *const *vector);

// A JSON array of texts, from such a vector.
void buffer_json_texts(struct buffer *buffer, char *const *vector);

// Drops the first `length` bytes.
void buffer_consume(struct buffer *buffer, size_t length);

void buffer_free(struct buffer *buffer);

#endif
