// Drives the launcher's D-Bus reader and its reader of variants for dbus_reader.test.ts: reads records from standard input,
// each a 4-byte length, a letter and bytes, and prints one line for each. `m`: a message, its parts; `v`: a variant's text,
// what it is in a message.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbus.h"
#include "variant_text.h"

static void read_message(const unsigned char *bytes, size_t length) {
  struct dbus_message message;
  if (!dbus_parse(&message, bytes, length)) {
    printf("invalid\n");
    return;
  }
  printf("%d %u %u %s %s %s %s %s:", message.type, message.serial, message.reply_serial, message.path,
         message.interface, message.member, message.error, message.signature);
  for (const char *at = message.signature; *at; at++) {
    if (*at == 'u')
      printf(" %u", dbus_get_u32(&message.body));
    else if (*at == 's' || *at == 'o')
      printf(" %s", dbus_get_text(&message.body));
    else if (*at == 'g' || *at == 'v')
      printf(" %s", dbus_get_signature(&message.body));
  }
  printf("%s\n", message.body.failed ? " failed" : "");
}

static void read_variant(const char *text) {
  struct buffer body = {0};
  if (!variant_put(&body, text, false))
    printf("invalid");
  else
    for (size_t i = 0; i < body.length; i++)
      printf("%02x", (unsigned char)body.data[i]);
  printf("\n");
  buffer_free(&body);
}

int main(void) {
  uint32_t length;
  while (fread(&length, sizeof length, 1, stdin) == 1) {
    // Exactly as long as it is, so that a read beyond it is seen.
    char *bytes = malloc(length);
    if (!bytes || length < 1 || fread(bytes, 1, length, stdin) != length) return 1;
    if (bytes[0] == 'm') {
      char *message = malloc(length > 1 ? length - 1 : 1);
      memcpy(message, bytes + 1, length - 1);
      read_message((unsigned char *)message, length - 1);
      free(message);
    } else {
      char *text = strndup(bytes + 1, length - 1);
      read_variant(text);
      free(text);
    }
    free(bytes);
  }
  return 0;
}
