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

// A key's value in a line of its own, before any table. False: it is not there, or another.
static bool says(const char *text, const char *name, const char *const values[2]) {
  size_t length = strlen(name);
  for (const char *line = text; line; line = strchr(line, '\n')) {
    line += strspn(line, " \t\r\n");
    if (*line == '[') return false;
    if (strncmp(line, name, length) != 0) continue;
    const char *value = line + length;
    value += strspn(value, " \t");
    if (*value++ != '=') continue;
    value += strspn(value, " \t");
    return strncmp(value, values[0], strlen(values[0])) == 0 ||
           strncmp(value, values[1], strlen(values[1])) == 0;
  }
  return false;
}

static enum shim_sharing sharing_of(const char *text) {
  if (says(text, "shim_sharing", (const char *const[]){"\"node\"", "'node'"})) return SHARE_NODE;
  return says(text, "grouping", (const char *const[]){"false", "false"}) ? SHARE_NOTHING : SHARE_POD;
}

static enum shim_sharing sharing_of_text(struct bytes text) {
  char *copy = strndup((const char *)text.at, (size_t)(text.end - text.at));
  enum shim_sharing sharing = copy ? sharing_of(copy) : SHARE_POD;
  free(copy);
  return sharing;
}

static enum shim_sharing sharing_of_file(struct bytes path) {
  char *name = strndup((const char *)path.at, (size_t)(path.end - path.at));
  size_t length;
  char *text = name && *name ? read_whole_file(name, OPTIONS_MAX, &length) : NULL;
  enum shim_sharing sharing = text ? sharing_of(text) : SHARE_POD;
  free(text);
  free(name);
  return sharing;
}

enum shim_sharing shim_options_sharing(void) {
  struct stat input;
  // Whoever calls it by hand has no options for it.
  if (fstat(0, &input) < 0 || S_ISCHR(input.st_mode)) return SHARE_POD;
  size_t length;
  char *text = read_whole(0, OPTIONS_MAX, &length);
  if (!text) return SHARE_POD;
  struct bytes any = {(unsigned char *)text, (unsigned char *)text + length}, options, found;
  enum shim_sharing sharing = SHARE_POD;
  if (find_field(any, 2, &options)) {
    if (find_field(options, 3, &found) && found.at < found.end)
      sharing = sharing_of_text(found);
    else if (find_field(options, 2, &found))
      sharing = sharing_of_file(found);
  }
  free(text);
  return sharing;
}
