// Drives the launcher's JSON reader for json_reader.test.ts: reads texts from standard input, each as
// a 4-byte length and bytes, and prints one line for each: `invalid`, or the value in a canonical form
// that the test makes from JSON.parse too.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static void print(const struct json *json, unsigned token) {
  static char text[1 << 16];
  const struct json_token *at = &json->tokens[token];
  long long number;
  switch (at->type) {
  case JSON_NULL:
    printf("null");
    break;
  case JSON_TRUE:
    printf("true");
    break;
  case JSON_FALSE:
    printf("false");
    break;
  case JSON_NUMBER:
    if (json_integer(json, token, INT64_MIN, INT64_MAX, &number))
      printf("%lld", number);
    else
      printf("number");
    break;
  case JSON_STRING:
    if (json_bytes(json, token, text, sizeof text)) {
      printf("b");
      for (const char *c = text; *c; c++)
        printf("%02x", (unsigned char)*c);
    } else if (json_text(json, token, text, sizeof text)) {
      printf("t");
      for (const char *c = text; *c; c++)
        printf("%02x", (unsigned char)*c);
    } else {
      printf("string");
    }
    break;
  case JSON_ARRAY:
    printf("[");
    for (unsigned item = json_first(json, token); item; item = json_next(json, token, item)) {
      print(json, item);
      printf(",");
    }
    printf("]");
    break;
  case JSON_OBJECT:
    printf("{");
    for (unsigned key = token + 1; key < at->next; key = json->tokens[key + 1].next) {
      print(json, key);
      printf(":");
      print(json, key + 1);
      printf(",");
    }
    printf("}");
    break;
  }
}

int main(void) {
  uint32_t length;
  while (fread(&length, sizeof length, 1, stdin) == 1) {
    // On the heap and exact, so that the address sanitizer sees a read behind the end.
    char *text = malloc(length ? length : 1);
    if (!text || fread(text, 1, length, stdin) != length) return 1;
    struct json_token tokens[512];
    struct json json;
    if (json_parse(&json, text, length, tokens, sizeof tokens / sizeof tokens[0])) {
      print(&json, 0);
      json_member(&json, 0, "a");
      printf("\n");
    } else {
      printf("invalid\n");
    }
    free(text);
  }
  return 0;
}
