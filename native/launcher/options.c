// The launcher's command line: see options.h. It accepts what yargs accepts: --name value,
// --name=value, --flag, --no-flag, -x value; flags may stand before and after the command, and the
// guest's own command line begins at the first word that is neither flag nor positional, or after --.
#include "options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "workers.h"

struct option_row {
  const char *name, *short_name;
  enum option_type type;
  unsigned commands;
  const char *choices, *fallback;
};

#define ROW(id, ...) [OPTION_##id] = {__VA_ARGS__},
static const struct option_row rows[OPTION_COUNT] = {RF_OPTIONS(ROW)};
#undef ROW

struct command_row {
  const char *name;
  int least_positionals, most_positionals;
  enum { COMMANDLESS, COMMAND_REQUIRED, COMMAND_OPTIONAL, COMMAND_REST } guest_command;
  int failure_code;
};

#define ROW(id, ...) [COMMAND_##id] = {__VA_ARGS__},
static const struct command_row commands[COMMAND_COUNT] = {RF_COMMANDS(ROW)};
#undef ROW

static_assert(COMMAND_COUNT <= 32, "a bit for each");

static bool same_word(const char *word, const char *text, size_t length) {
  return word && strncmp(word, text, length) == 0 && word[length] == '\0';
}

static bool one_of(const char *choices, const char *value) {
  size_t length = strlen(value);
  for (const char *at = choices; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (strncmp(at, value, length) == 0 && (at[length] == ',' || at[length] == '\0')) return true;
  return false;
}

static bool keep(struct options *options, unsigned option, const char *value) {
  const struct option_row *row = &rows[option];
  if (row->choices && !one_of(row->choices, value)) return false;
  if (option == OPTION_WORKERS && !workers_are_valid(value)) return false;
  options->values[option] = value;
  if (row->type != OPTION_TYPE_LIST) return true;
  size_t count = 0;
  while (options->lists[option] && options->lists[option][count])
    count++;
  char **list = realloc(options->lists[option], (count + 2) * sizeof *list);
  if (!list) return false;
  list[count] = (char *)value;
  list[count + 1] = NULL;
  options->lists[option] = list;
  return true;
}

// Reads the flag at argv[*at], of the commands in `commands`: one letter has several meanings. Its value may be the next word.
static bool read_flag(struct options *options, unsigned commands, int argc, char **argv, int *at,
                      bool *used) {
  const char *word = argv[*at];
  bool is_long = word[1] == '-';
  const char *name = word + (is_long ? 2 : 1);
  const char *equals = strchr(name, '=');
  size_t length = equals ? (size_t)(equals - name) : strlen(name);
  for (unsigned i = 0; i < OPTION_COUNT; i++) {
    const struct option_row *row = &rows[i];
    if (!(row->commands & commands)) continue;
    bool negated = is_long && row->type == OPTION_TYPE_BOOLEAN && !equals && strncmp(name, "no-", 3) == 0 &&
                   same_word(row->name, name + 3, length - 3);
    if (!negated && !same_word(is_long ? row->name : row->short_name, name, length)) continue;
    used[i] = true;
    const char *value = equals ? equals + 1 : NULL;
    if (row->type == OPTION_TYPE_BOOLEAN) {
      if (!value) value = negated ? "false" : "true";
      return one_of("true,false", value) && keep(options, i, value);
    }
    if (!value && ++*at >= argc) return false;
    return keep(options, i, value ? value : argv[*at]);
  }
  return false;
}

static int command_named(const char *name) {
  for (int i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(commands[i].name, name) == 0) return i;
  return -1;
}

bool options_read(struct options *options, int argc, char **argv) {
  *options = (struct options){0};
  for (unsigned i = 0; i < OPTION_COUNT; i++)
    options->values[i] = rows[i].fallback;
  const struct command_row *command = NULL;
  int positionals = 0;
  bool used[OPTION_COUNT] = {false};
  int at = 1;
  for (; at < argc; at++) {
    if (strcmp(argv[at], "--") == 0 && command) {
      at++;
      break;
    }
    if (command && command->guest_command == COMMAND_REST && positionals == command->most_positionals) break;
    if (argv[at][0] == '-' && argv[at][1] != '\0') {
      if (!read_flag(options, command ? 1u << options->command : ~0u, argc, argv, &at, used)) return false;
    } else if (!command) {
      int found = command_named(argv[at]);
      if (found < 0) return false;
      options->command = (enum command)found;
      command = &commands[found];
    } else if (positionals < command->most_positionals) {
      options->positionals[positionals++] = argv[at];
    } else {
      break;
    }
  }
  if (!command || positionals < command->least_positionals) return false;
  bool has_command = at < argc;
  if (command->guest_command < COMMAND_OPTIONAL &&
      has_command != (command->guest_command == COMMAND_REQUIRED))
    return false;
  for (unsigned i = 0; i < OPTION_COUNT; i++)
    if (used[i] && !(rows[i].commands & 1u << options->command)) return false;
  options->arguments = has_command ? argv + at : NULL;
  options->id = options->positionals[0];
  return true;
}

int options_failure_code(const struct options *options) {
  return commands[options->command].failure_code;
}

bool option_is(const struct options *options, enum option option, const char *value) {
  return options->values[option] && strcmp(options->values[option], value) == 0;
}

bool option_on(const struct options *options, enum option option) {
  return option_is(options, option, "true");
}
