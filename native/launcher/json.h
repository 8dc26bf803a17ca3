// A bounded JSON reader (RFC 8259): the text is cut into a flat array of tokens, which the caller provides
// or json_read makes; values are looked up and decoded from there. Whatever it is given, it
// ends with an answer or with `false`: hostile text may come from a sandbox or a config.json.
#ifndef RINGFENCE_JSON_H
#define RINGFENCE_JSON_H

#include <stdbool.h>
#include <stddef.h>

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

#define JSON_DEPTH_MAX 64

struct json_token {
  enum json_type type;
  unsigned start, end; // the value's text; without the quotes for a string
  unsigned next;       // index of the first token behind this value and everything in it
};

struct json {
  const char *text;
  const struct json_token *tokens; // token 0 is the whole value; members of an object: key, value, ...
  unsigned count;
};

// Reads exactly one value with nothing but white space around it. False: not JSON (or duplicate
// structure too deep, or more tokens than `capacity`, or longer than 2^31).
bool json_parse(struct json *json, const char *text, size_t length, struct json_token *tokens,
                unsigned capacity);

// The same with as many tokens as the text can hold, which json_free gives back.
bool json_read(struct json *json, const char *text, size_t length);
void json_free(struct json *json);

// Index of an object's member by name, or 0 (which is never a member) when there is none.
unsigned json_member(const struct json *json, unsigned object, const char *name);

// Steps through an array: first element or 0, next element or 0.
unsigned json_first(const struct json *json, unsigned array);
unsigned json_next(const struct json *json, unsigned array, unsigned element);

bool json_is(const struct json *json, unsigned token, enum json_type type);

// A number that is an integer in [minimum, maximum].
bool json_integer(const struct json *json, unsigned token, long long minimum, long long maximum,
                  long long *value);

// Decodes a string into `into`, with a NUL. False if it does not fit, holds U+0000, or is no string.
// As bytes: one byte per char, chars above U+00FF are refused. As text: UTF-8.
bool json_bytes(const struct json *json, unsigned token, char *into, size_t capacity);
bool json_text(const struct json *json, unsigned token, char *into, size_t capacity);

bool json_equals(const struct json *json, unsigned token, const char *text);

#endif
