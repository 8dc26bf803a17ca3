#include "workers.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "ringfence/layout.h"

static bool is_word(const char *at, size_t length, const char *word) {
  return strlen(word) == length && strncmp(at, word, length) == 0;
}

// How many threads an item of a table asks for; 0: it is none.
static int data_count(const char *item, size_t length) {
  if (is_word(item, length, "data")) return 1;
  bool counts = length == 6 && strncmp(item, "data=", 5) == 0 && isdigit((unsigned char)item[5]);
  return counts ? item[5] - '0' : 0;
}

static bool is_table(const char *value) {
  int net = 0, data = 0;
  for (const char *at = value;; at++) {
    size_t length = strcspn(at, ",");
    int count = data_count(at, length);
    if (is_word(at, length, "net")) {
      if (net++) return false;
    } else {
      if (count == 0 || data) return false;
      data = count;
    }
    at += length;
    if (*at == '\0') return 1 + net + data <= RF_KERNEL_THREADS_MAX;
  }
}

static bool is_count(const char *value) {
  int count = 0;
  for (const char *at = value; *at; at++) {
    if (!isdigit((unsigned char)*at) || at - value >= 3) return false;
    count = count * 10 + *at - '0';
  }
  return count >= 1 && count <= RF_KERNEL_THREADS_MAX;
}

bool workers_are_valid(const char *value) {
  return strcmp(value, "auto") == 0 || strcmp(value, "solo") == 0 || is_count(value) || is_table(value);
}
