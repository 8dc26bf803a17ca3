// GVariant's text form: see variant_text.h.
#include "variant_text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dbus.h"

static const struct type {
  const char *word;
  char code; // as in a signature
  long long least;
  unsigned long long most;
} types[] = {
    {"boolean", 'b', 0, 0},
    {"byte", 'y', 0, UINT8_MAX},
    {"int16", 'n', INT16_MIN, INT16_MAX},
    {"uint16", 'q', 0, UINT16_MAX},
    {"int32", 'i', INT32_MIN, INT32_MAX},
    {"uint32", 'u', 0, UINT32_MAX},
    {"int64", 'x', INT64_MIN, INT64_MAX},
    {"uint64", 't', 0, UINT64_MAX},
    {"double", 'd', 0, 0},
    {"string", 's', 0, 0},
    {"objectpath", 'o', 0, 0},
    {"signature", 'g', 0, 0},
};
#define TYPES (sizeof types / sizeof types[0])

enum kind { TRUTH, NUMBER, TEXT };

struct scalar {
  enum kind kind;
  char text[VARIANT_TEXT_MAX];
};

static void skip_space(const char **at) {
  while (isspace((unsigned char)**at))
    (*at)++;
}

static bool read_quoted(const char **at, struct scalar *scalar) {
  char quote = *(*at)++;
  size_t used = 0;
  for (; **at && **at != quote; (*at)++) {
    if (**at == '\\' && !*++(*at)) return false;
    if (used + 1 >= sizeof scalar->text) return false;
    scalar->text[used++] = **at;
  }
  scalar->text[used] = '\0';
  scalar->kind = TEXT;
  return *(*at)++ == quote;
}

static bool read_scalar(const char **at, struct scalar *scalar) {
  skip_space(at);
  if (**at == '\'' || **at == '"') return read_quoted(at, scalar);
  size_t length = strspn(*at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
  if (length == 0 || length >= sizeof scalar->text) return false;
  memcpy(scalar->text, *at, length);
  scalar->text[length] = '\0';
  *at += length;
  scalar->kind = strcmp(scalar->text, "true") == 0 || strcmp(scalar->text, "false") == 0 ? TRUTH : NUMBER;
  return true;
}

static const struct type *type_by_code(char code) {
  for (size_t i = 0; i < TYPES; i++)
    if (types[i].code == code) return &types[i];
  return NULL;
}

// A type in front of the value; `*type` NULL: there is none.
static bool read_type(const char **at, const struct type **type, bool *is_list) {
  skip_space(at);
  *type = NULL;
  *is_list = false;
  if (**at == '@') {
    ++*at;
    *is_list = **at == 'a';
    *at += *is_list;
    *type = type_by_code(**at);
    *at += *type != NULL;
    return *type && isspace((unsigned char)**at);
  }
  size_t length = strspn(*at, "abcdefghijklmnopqrstuvwxyz0123456789");
  for (size_t i = 0; i < TYPES; i++)
    if (strlen(types[i].word) == length && strncmp(*at, types[i].word, length) == 0) {
      *type = &types[i];
      *at += length;
    }
  return true;
}

static const struct type *infer(const struct scalar *scalar) {
  if (scalar->kind == TRUTH) return type_by_code('b');
  if (scalar->kind == TEXT) return type_by_code('s');
  bool is_hexadecimal = strncmp(scalar->text, "0x", 2) == 0;
  return type_by_code(!is_hexadecimal && strpbrk(scalar->text, ".eE") ? 'd' : 'i');
}

static bool read_double(const struct scalar *scalar, double *value) {
  char *end;
  *value = strtod(scalar->text, &end);
  return scalar->kind == NUMBER && *end == '\0' && isfinite(*value);
}

// Two's complement where it is negative.
static bool read_integer(const struct scalar *scalar, const struct type *type, uint64_t *value) {
  char *end;
  errno = 0;
  bool is_negative = scalar->text[0] == '-';
  *value = is_negative ? (uint64_t)strtoll(scalar->text, &end, 0) : strtoull(scalar->text, &end, 0);
  if (scalar->kind != NUMBER || *end != '\0' || errno != 0) return false;
  return is_negative ? (int64_t)*value >= type->least : *value <= type->most;
}

static bool put_scalar(struct buffer *buffer, const struct type *type, const struct scalar *scalar) {
  uint64_t value;
  double fraction;
  switch (type->code) {
  case 'b':
    if (scalar->kind != TRUTH) return false;
    dbus_put_u32(buffer, scalar->text[0] == 't');
    return true;
  case 's':
  case 'o':
  case 'g':
    if (scalar->kind != TEXT || (type->code == 'g' && strlen(scalar->text) > 255)) return false;
    if (type->code == 'g')
      dbus_put_signature(buffer, scalar->text);
    else
      dbus_put_text(buffer, scalar->text);
    return true;
  case 'd':
    if (!read_double(scalar, &fraction)) return false;
    memcpy(&value, &fraction, sizeof value);
    dbus_put_u64(buffer, value);
    return true;
  }
  if (!read_integer(scalar, type, &value)) return false;
  size_t size = strchr("y", type->code) ? 1 : strchr("nq", type->code) ? 2 : strchr("iu", type->code) ? 4 : 8;
  dbus_align(buffer, size);
  buffer_append(buffer, &value, size); // its lowest bytes
  return true;
}

static bool put_seconds(struct buffer *buffer, const struct type *type, const struct scalar *scalar) {
  uint64_t value;
  double fraction;
  if (type->code == 'd') {
    if (!read_double(scalar, &fraction) || fraction < 0 || fraction > 1e12) return false;
    value = (uint64_t)(fraction * 1e6);
  } else if (type->most == 0 || !read_integer(scalar, type, &value)) {
    return false;
  } else {
    value *= 1000000;
  }
  dbus_put_signature(buffer, "t");
  dbus_put_u64(buffer, value);
  return true;
}

static bool put_list(struct buffer *buffer, const char *at, const struct type *type) {
  struct scalar scalar;
  size_t array = 0;
  bool is_begun = false;
  at++; // the bracket
  for (skip_space(&at); *at && *at != ']'; skip_space(&at)) {
    if (!read_scalar(&at, &scalar)) return false;
    if (!type) type = infer(&scalar);
    if (!is_begun) {
      dbus_put_signature(buffer, (char[]){'a', type->code, '\0'});
      array = dbus_array_begin(buffer, strchr("xtd", type->code) ? 8 : 1);
      is_begun = true;
    }
    if (!put_scalar(buffer, type, &scalar)) return false;
    skip_space(&at);
    if (*at == ',')
      at++;
    else if (*at != ']')
      return false;
  }
  if (*at++ != ']' || !type) return false;
  if (!is_begun) {
    dbus_put_signature(buffer, (char[]){'a', type->code, '\0'});
    array = dbus_array_begin(buffer, strchr("xtd", type->code) ? 8 : 1);
  }
  dbus_array_end(buffer, array, strchr("xtd", type->code) ? 8 : 1);
  skip_space(&at);
  return *at == '\0';
}

bool variant_put(struct buffer *buffer, const char *text, bool seconds) {
  const struct type *type;
  bool is_list;
  struct scalar scalar;
  const char *at = text;
  if (strlen(text) >= VARIANT_TEXT_MAX || !read_type(&at, &type, &is_list)) return false;
  skip_space(&at);
  if (*at == '[') return !seconds && (is_list || !type) && put_list(buffer, at, type);
  if (is_list || !read_scalar(&at, &scalar)) return false;
  skip_space(&at);
  if (*at != '\0') return false;
  if (!type) type = infer(&scalar);
  if (seconds) return put_seconds(buffer, type, &scalar);
  dbus_put_signature(buffer, (char[]){type->code, '\0'});
  return put_scalar(buffer, type, &scalar);
}
