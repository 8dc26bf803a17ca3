// The shim's options: see shim_options.h. A protobuf message of type google.protobuf.Any with runtimeoptions.v1.Options in
// it, which names a file of TOML or holds its text.
#include "shim_options.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "spec.h"

#define OPTIONS_MAX (1 << 20)

struct bytes {
  const unsigned char *at, *end;
};

// A varint of at most 64 bits; false where there is none.
static bool take_varint(struct bytes *bytes, unsigned long long *value) {
  *value = 0;
  for (int shift = 0; shift < 64 && bytes->at < bytes->end; shift += 7) {
    unsigned char byte = *bytes->at++;
    *value |= (unsigned long long)(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

// The bytes of a field; false where the message has no such field, or is none.
static bool find_field(struct bytes message, unsigned number, struct bytes *found) {
  unsigned long long key, length;
  while (take_varint(&message, &key) && take_varint(&message, &length)) {
    if ((key & 7) == 0) continue; // the value was a varint itself
    if ((key & 7) != 2 || length > (size_t)(message.end - message.at)) return false;
    *found = (struct bytes){message.at, message.at + length};
    if (key >> 3 == number) return true;
    message.at += length;
  }
  return false;
}

// shim_sharing = "node" in a line of its own, before any table.
static bool says_node(const char *text) {
  static const char name[] = "shim_sharing";
  for (const char *line = text; line; line = strchr(line, '\n')) {
    line += strspn(line, " \t\r\n");
    if (*line == '[') return false;
    if (strncmp(line, name, sizeof name - 1) != 0) continue;
    const char *value = line + sizeof name - 1;
    value += strspn(value, " \t");
    if (*value++ != '=') continue;
    value += strspn(value, " \t");
    return strncmp(value, "\"node\"", 6) == 0 || strncmp(value, "'node'", 6) == 0;
  }
  return false;
}

static bool text_says_node(struct bytes text) {
  char *copy = strndup((const char *)text.at, (size_t)(text.end - text.at));
  bool node = copy && says_node(copy);
  free(copy);
  return node;
}

static bool file_says_node(struct bytes path) {
  char *name = strndup((const char *)path.at, (size_t)(path.end - path.at));
  size_t length;
  char *text = name && *name ? read_whole_file(name, OPTIONS_MAX, &length) : NULL;
  bool node = text && says_node(text);
  free(text);
  free(name);
  return node;
}

bool shim_options_share_node(void) {
  struct stat input;
  // Whoever calls it by hand has no options for it.
  if (fstat(0, &input) < 0 || S_ISCHR(input.st_mode)) return false;
  size_t length;
  char *text = read_whole(0, OPTIONS_MAX, &length);
  if (!text) return false;
  struct bytes any = {(unsigned char *)text, (unsigned char *)text + length}, options, found;
  bool node = false;
  if (find_field(any, 2, &options)) {
    if (find_field(options, 3, &found) && found.at < found.end)
      node = text_says_node(found);
    else if (find_field(options, 2, &found))
      node = file_says_node(found);
  }
  free(text);
  return node;
}
