// A bounded JSON reader: see json.h.
#include "json.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct reader {
  const char *text;
  unsigned at, length;
  struct json_token *tokens;
  unsigned count, capacity;
};

static bool read_value(struct reader *reader, unsigned depth);

static void skip_space(struct reader *reader) {
  while (reader->at < reader->length) {
    char c = reader->text[reader->at];
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
    reader->at++;
  }
}

static bool take(struct reader *reader, char c) {
  if (reader->at >= reader->length || reader->text[reader->at] != c) return false;
  reader->at++;
  return true;
}

static bool open_token(struct reader *reader, enum json_type type, unsigned *index) {
  if (reader->count >= reader->capacity) return false;
  *index = reader->count++;
  reader->tokens[*index] = (struct json_token){.type = type, .start = reader->at};
  return true;
}

static void close_token(struct reader *reader, unsigned index, unsigned end) {
  reader->tokens[index].end = end;
  reader->tokens[index].next = reader->count;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool read_string(struct reader *reader) {
  unsigned index;
  if (!take(reader, '"') || !open_token(reader, JSON_STRING, &index)) return false;
  while (reader->at < reader->length) {
    unsigned char c = (unsigned char)reader->text[reader->at++];
    if (c == '"') {
      close_token(reader, index, reader->at - 1);
      return true;
    }
    if (c < 0x20) return false;
    if (c != '\\') continue;
    if (reader->at >= reader->length) return false;
    c = (unsigned char)reader->text[reader->at++];
    if (c == 'u') {
      for (int i = 0; i < 4; i++)
        if (reader->at >= reader->length || hex_digit(reader->text[reader->at++]) < 0) return false;
    } else if (c == '\0' || !strchr("\"\\/bfnrt", c)) {
      return false;
    }
  }
  return false;
}

static bool read_digits(struct reader *reader) {
  unsigned from = reader->at;
  while (reader->at < reader->length && reader->text[reader->at] >= '0' && reader->text[reader->at] <= '9')
    reader->at++;
  return reader->at > from;
}

static bool read_number(struct reader *reader) {
  unsigned index;
  if (!open_token(reader, JSON_NUMBER, &index)) return false;
  take(reader, '-');
  if (!take(reader, '0') && !read_digits(reader)) return false;
  if (take(reader, '.') && !read_digits(reader)) return false;
  if (take(reader, 'e') || take(reader, 'E')) {
    if (!take(reader, '+')) take(reader, '-');
    if (!read_digits(reader)) return false;
  }
  close_token(reader, index, reader->at);
  return true;
}

static bool read_word(struct reader *reader, const char *word, enum json_type type) {
  unsigned index;
  size_t length = strlen(word);
  if (reader->length - reader->at < length || memcmp(reader->text + reader->at, word, length) != 0)
    return false;
  if (!open_token(reader, type, &index)) return false;
  reader->at += (unsigned)length;
  close_token(reader, index, reader->at);
  return true;
}

// Array or object: they differ in the closing bracket and in the keys.
static bool read_list(struct reader *reader, enum json_type type, unsigned depth) {
  char closing = type == JSON_OBJECT ? '}' : ']';
  unsigned index;
  if (depth >= JSON_DEPTH_MAX || !open_token(reader, type, &index)) return false;
  reader->at++;
  skip_space(reader);
  if (!take(reader, closing)) {
    do {
      skip_space(reader);
      if (type == JSON_OBJECT) {
        if (!read_string(reader)) return false;
        skip_space(reader);
        if (!take(reader, ':')) return false;
        skip_space(reader);
      }
      if (!read_value(reader, depth + 1)) return false;
      skip_space(reader);
    } while (take(reader, ','));
    if (!take(reader, closing)) return false;
  }
  close_token(reader, index, reader->at);
  return true;
}

static bool read_value(struct reader *reader, unsigned depth) {
  if (reader->at >= reader->length) return false;
  switch (reader->text[reader->at]) {
  case '{':
    return read_list(reader, JSON_OBJECT, depth);
  case '[':
    return read_list(reader, JSON_ARRAY, depth);
  case '"':
    return read_string(reader);
  case 'n':
    return read_word(reader, "null", JSON_NULL);
  case 't':
    return read_word(reader, "true", JSON_TRUE);
  case 'f':
    return read_word(reader, "false", JSON_FALSE);
  default:
    return read_number(reader);
  }
}

bool json_parse(struct json *json, const char *text, size_t length, struct json_token *tokens,
                unsigned capacity) {
  if (length > INT_MAX) return false;
  struct reader reader = {.text = text, .length = (unsigned)length, .tokens = tokens, .capacity = capacity};
  skip_space(&reader);
  if (!read_value(&reader, 0)) return false;
  skip_space(&reader);
  if (reader.at != reader.length) return false;
  *json = (struct json){.text = text, .tokens = tokens, .count = reader.count};
  return true;
}

bool json_read(struct json *json, const char *text, size_t length) {
  *json = (struct json){0};
  if (length > INT_MAX) return false;
  // A token has at least one byte, and a separator but for the last.
  unsigned capacity = (unsigned)(length / 2 + 2);
  struct json_token *tokens = calloc(capacity, sizeof *tokens);
  if (tokens && json_parse(json, text, length, tokens, capacity)) return true;
  free(tokens);
  return false;
}

void json_free(struct json *json) {
  free((void *)json->tokens);
}

bool json_is(const struct json *json, unsigned token, enum json_type type) {
  return token < json->count && json->tokens[token].type == type;
}

unsigned json_member(const struct json *json, unsigned object, const char *name) {
  if (!json_is(json, object, JSON_OBJECT)) return 0;
  // The last one of that name, as JSON.parse has it: launcher and sandbox must read the same.
  unsigned end = json->tokens[object].next, found = 0;
  for (unsigned key = object + 1; key < end; key = json->tokens[key + 1].next)
    if (json_equals(json, key, name)) found = key + 1;
  return found;
}

unsigned json_first(const struct json *json, unsigned array) {
  if (!json_is(json, array, JSON_ARRAY)) return 0;
  return array + 1 < json->tokens[array].next ? array + 1 : 0;
}

unsigned json_next(const struct json *json, unsigned array, unsigned element) {
  unsigned next = json->tokens[element].next;
  return next < json->tokens[array].next ? next : 0;
}

bool json_integer(const struct json *json, unsigned token, long long minimum, long long maximum,
                  long long *value) {
  if (!json_is(json, token, JSON_NUMBER)) return false;
  const char *at = json->text + json->tokens[token].start, *end = json->text + json->tokens[token].end;
  bool negative = *at == '-';
  if (negative) at++;
  long long result = 0;
  for (; at < end; at++) {
    if (*at < '0' || *at > '9') return false;
    if (__builtin_mul_overflow(result, 10, &result)) return false;
    if (__builtin_sub_overflow(result, *at - '0', &result)) return false; // negative: reaches LLONG_MIN
  }
  if (!negative && __builtin_sub_overflow(0, result, &result)) return false;
  if (result < minimum || result > maximum) return false;
  *value = result;
  return true;
}

// The next code point of a string: UTF-8 in the text is passed on byte by byte (raw = true).
static bool next_char(const char **at, const char *end, uint32_t *c, bool *raw) {
  *raw = **at != '\\';
  if (*raw) {
    *c = (unsigned char)*(*at)++;
    return true;
  }
  char kind = (*at)[1];
  *at += 2;
  static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  if (kind != 'u') {
    *c = (unsigned char)values[strchr(letters, kind) - letters];
    return true;
  }
  *c = 0;
  for (int i = 0; i < 4; i++)
    *c = *c << 4 | (uint32_t)hex_digit(*(*at)++);
  if (*c < 0xd800 || *c > 0xdfff) return true;
  if (*c > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u') return false;
  uint32_t low = 0;
  for (int i = 2; i < 6; i++)
    low = low << 4 | (uint32_t)hex_digit((*at)[i]);
  if (low < 0xdc00 || low > 0xdfff) return false;
  *at += 6;
  *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
  return true;
}

static size_t encode_utf8(uint32_t c, char *into) {
  if (c < 0x80) {
    into[0] = (char)c;
    return 1;
  }
  size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = length - 1; i > 0; i--, c >>= 6)
    into[i] = (char)(0x80 | (c & 0x3f));
  into[0] = (char)(lead[length] | c);
  return length;
}

static bool decode(const struct json *json, unsigned token, char *into, size_t capacity, bool bytes) {
  if (!json_is(json, token, JSON_STRING)) return false;
  const char *at = json->text + json->tokens[token].start, *end = json->text + json->tokens[token].end;
  size_t used = 0;
  while (at < end) {
    uint32_t c;
    bool raw;
    if (!next_char(&at, end, &c, &raw) || c == 0) return false;
    if (bytes && raw && c >= 0x80) { // U+0080 to U+00FF in UTF-8: two bytes, 110000xx 10xxxxxx
      if ((c & 0xfc) != 0xc0 || at >= end || ((unsigned char)*at & 0xc0) != 0x80) return false;
      c = (c & 3) << 6 | ((unsigned char)*at++ & 0x3f);
      if (c < 0x80) return false;
    }
    if (bytes && c > 0xff) return false;
    char encoded[4] = {(char)c};
    size_t length = bytes || raw ? 1 : encode_utf8(c, encoded);
    if (capacity - used <= length) return false;
    memcpy(into + used, encoded, length);
    used += length;
  }
  if (used >= capacity) return false;
  into[used] = '\0';
  return true;
}

bool json_bytes(const struct json *json, unsigned token, char *into, size_t capacity) {
  return decode(json, token, into, capacity, true);
}

bool json_text(const struct json *json, unsigned token, char *into, size_t capacity) {
  return decode(json, token, into, capacity, false);
}

bool json_equals(const struct json *json, unsigned token, const char *text) {
  char decoded[256];
  return strlen(text) < sizeof decoded && json_text(json, token, decoded, sizeof decoded) &&
         strcmp(decoded, text) == 0;
}
