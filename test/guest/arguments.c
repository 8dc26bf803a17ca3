// Arguments and environment arrive byte for byte.
//@ args:
//@ args: one
//@ args: one two three four five six seven eight nine ten
//@ args: -x --long=value -- --
//@ args: \xff\xfe\x80 \t\x01
//@ env: GUEST_VARIABLE=some value
//@ env: EMPTY=
//@ env: BYTES=\xc3\x28\xff
#include "guest.h"

extern char **environ;

static void hex(const char *what, const char *text) {
  char line[900] = "";
  for (size_t i = 0; text[i] && i < 200; i++)
    sprintf(line + strlen(line), "%02x ", (unsigned char)text[i]);
  say("%s: %s", what, line);
}

static int order(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv) {
  value("argc", argc);
  for (int i = 1; i < argc; i++)
    hex("argument", argv[i]);
  yes_no("argv ends with null", argv[argc] == NULL);
  int count = 0;
  while (environ[count])
    count++;
  qsort(environ, count, sizeof *environ, order);
  for (int i = 0; i < count; i++)
    hex("environment", environ[i]);
  return 0;
}
