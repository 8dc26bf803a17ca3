// The launcher's command line, read with the table that is generated from src/main/cli/options.ts.
#ifndef RINGFENCE_OPTIONS_H
#define RINGFENCE_OPTIONS_H

#include <stdbool.h>

#include "ringfence_options.h"

enum option_type { OPTION_TYPE_BOOLEAN, OPTION_TYPE_STRING, OPTION_TYPE_LIST };

#define RF_OPTION_ENUM(id, ...) OPTION_##id,
enum option { RF_OPTIONS(RF_OPTION_ENUM) OPTION_COUNT };
#undef RF_OPTION_ENUM

#define RF_COMMAND_ENUM(id, ...) COMMAND_##id,
enum command { RF_COMMANDS(RF_COMMAND_ENUM) COMMAND_COUNT };
#undef RF_COMMAND_ENUM

struct options {
  enum command command;
  const char *values[OPTION_COUNT]; // the last one given, else the default, else NULL
  char **lists[OPTION_COUNT];       // of type list: all that were given, then NULL; or NULL
  const char *positionals[2];
  const char *id;          // the first positional argument, where the command has one
  char **arguments;        // the guest's command line, ends with NULL; or NULL where it has none
  unsigned closed_streams; // bit n: the caller had closed descriptor n, of 0-2
  int preserved;           // descriptors from 3 on that the guest's process gets (--preserve-fds)
  int listening;           // of these, those of LISTEN_FDS
  char **words;            // the command line as it was given, without the program's name
};

// True when the launcher serves this command line. False: it is for Node (help, --version, an
// unknown command or a wrong flag, which yargs explains better).
bool options_read(struct options *options, int argc, char **argv);

// Exit code of the command's failures, as runc's where that has such a command.
int options_failure_code(const struct options *options);

// Whether an option has that value.
bool option_is(const struct options *options, enum option option, const char *value);

// Value of a boolean option.
bool option_on(const struct options *options, enum option option);

#endif
