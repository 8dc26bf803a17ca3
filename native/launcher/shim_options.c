// The shim's options: see shim_options.h. A protobuf message of type google.protobuf.Any with runtimeoptions.v1.Options in
// it, which names a file of TOML or holds its text; since containerd 2.3 that is one of the extensions in a message of type
// BootstrapParams (src/main/shim/proto/bootstrap.proto). On the wire both begin with a text, which is the name of a type
// there and of a container here.
#include "shim_options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "spec.h"

#define OPTIONS_MAX (1 << 20)

// Numbers of fields.
enum {
  ANY_TYPE_URL = 1,
  ANY_VALUE,
  OPTIONS_CONFIG_PATH = 2,
  OPTIONS_CONFIG_BODY,
  EXTENSION_VALUE = 1,
  PARAMS_EXTENSIONS = 8
};

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

// The next field that has bytes, from the beginning of `message`, which loses it; false where there is none.
static bool next_field(struct bytes *message, unsigned long long *number, struct bytes *found) {
  unsigned long long key, length;
  while (take_varint(message, &key) && take_varint(message, &length)) {
    if ((key & 7) == 0) continue; // the value was a varint itself
    if ((key & 7) != 2 || length > (size_t)(message->end - message->at)) return false;
    *number = key >> 3;
    *found = (struct bytes){message->at, message->at + length};
    message->at += length;
    return true;
  }
  return false;
}

// The bytes of a field, of several the last; none where the message has no such field, or is none.
static struct bytes field(struct bytes message, unsigned long long which) {
  struct bytes each, last = {0};
  for (unsigned long long number; next_field(&message, &number, &each);)
    if (number == which) last = each;
  return last;
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

// Whether an Any has runtimeoptions.v1.Options in it, by what follows the last slash of its type's URL.
static bool is_options(struct bytes any) {
  static const char name[] = "runtimeoptions.v1.Options";
  const struct bytes url = field(any, ANY_TYPE_URL);
  const size_t length = (size_t)(url.end - url.at), wanted = sizeof name - 1;
  return length >= wanted && memcmp(url.end - wanted, name, wanted) == 0 &&
         (length == wanted || url.end[-(ptrdiff_t)wanted - 1] == '/');
}

// Their bytes, by either form.
static struct bytes options_of(struct bytes input) {
  if (is_options(input)) return field(input, ANY_VALUE);
  struct bytes each;
  for (unsigned long long number; next_field(&input, &number, &each);) {
    if (number != PARAMS_EXTENSIONS) continue;
    const struct bytes any = field(each, EXTENSION_VALUE);
    if (is_options(any)) return field(any, ANY_VALUE);
  }
  return (struct bytes){0};
}

enum shim_sharing shim_options_sharing(void) {
  struct stat input;
  // Whoever calls it by hand has no options for it.
  if (fstat(0, &input) < 0 || S_ISCHR(input.st_mode)) return SHARE_POD;
  size_t length;
  char *text = read_whole(0, OPTIONS_MAX, &length);
  if (!text) return SHARE_POD;
  const struct bytes options =
      options_of((struct bytes){(unsigned char *)text, (unsigned char *)text + length});
  // A path counts for more than a text, as in options.ts.
  const struct bytes path = field(options, OPTIONS_CONFIG_PATH), body = field(options, OPTIONS_CONFIG_BODY);
  enum shim_sharing sharing = path.at < path.end   ? sharing_of_file(path)
                              : body.at < body.end ? sharing_of_text(body)
                                                   : SHARE_POD;
  free(text);
  return sharing;
}
