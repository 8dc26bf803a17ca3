// A client of one D-Bus connection (D-Bus specification, "Message Protocol"): calls that are waited for, and the signals
// that come meanwhile. Nothing here ends the launcher: a failure is `false` with words in `error`, since some of this runs
// while the launcher ends. Whatever the other side sends, it is bounded in size and time.
#ifndef RINGFENCE_DBUS_H
#define RINGFENCE_DBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

// ---- Writing: values as they stand in a body, which begins at a multiple of 8 ----

void dbus_align(struct buffer *buffer, size_t alignment);
void dbus_put_u32(struct buffer *buffer, uint32_t value);
void dbus_put_u64(struct buffer *buffer, uint64_t value);
void dbus_put_text(struct buffer *buffer, const char *text);
void dbus_put_signature(struct buffer *buffer, const char *signature);

// An array: what `begin` returns is given to `end`, behind the last element.
size_t dbus_array_begin(struct buffer *buffer, size_t alignment);
void dbus_array_end(struct buffer *buffer, size_t array, size_t alignment);

// ---- Reading ----

struct dbus_reader {
  const unsigned char *bytes;
  size_t length, at;
  bool failed; // beyond the end, or not well formed; everything read from then on is 0
};

uint32_t dbus_get_u32(struct dbus_reader *reader);
// A string or object path, which stays where it is; "" where there is none.
const char *dbus_get_text(struct dbus_reader *reader);
const char *dbus_get_signature(struct dbus_reader *reader);

enum dbus_type { DBUS_CALL = 1, DBUS_RETURN, DBUS_ERROR, DBUS_SIGNAL };

// A message that has come; it points into the bytes that it was parsed from.
struct dbus_message {
  enum dbus_type type;
  uint32_t serial, reply_serial;
  const char *path, *interface, *member, *error, *signature; // "" where not given
  struct dbus_reader body;
};

#define DBUS_MESSAGE_MAX (1u << 20)
#define DBUS_HEADER_BYTES 16

// Length of the whole message whose first DBUS_HEADER_BYTES are given; 0: there is no such message, or it is too long.
size_t dbus_message_length(const unsigned char *header);

// Parses a whole message. False: it is not well formed.
bool dbus_parse(struct dbus_message *message, const unsigned char *bytes, size_t length);

// ---- A connection ----

struct dbus {
  int fd;
  uint32_t serial;
  int timeout_ms;       // of each call
  unsigned char *bytes; // of the last message
  void (*signal)(void *context,
                 const struct dbus_message *); // what comes while a call is waited for; or NULL
  void *context;
  char error[1024];     // what failed last, in words
  char error_name[256]; // and of an answer that was an error its name, else ""
};

// Connects to the first address of the list (D-Bus specification, "Server Addresses") that answers, and says who it is by
// the socket's credentials. With `is_bus` it gets a name there, too.
bool dbus_open(struct dbus *dbus, const char *addresses, bool is_bus);
void dbus_close(struct dbus *dbus);

struct dbus_target {
  const char *destination, *path, *interface;
};

// Calls, and waits for the answer, which is good until the next call.
bool dbus_call(struct dbus *dbus, const struct dbus_target *target, const char *member, const char *signature,
               const struct buffer *body, struct dbus_message *answer);

// Takes one more message, a signal or anything else, to `signal`; at most `timeout_ms`.
bool dbus_wait(struct dbus *dbus, int timeout_ms);

#endif
