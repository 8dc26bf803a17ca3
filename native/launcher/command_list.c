// `ringfence list`: the containers of the state directory, in runc's two forms. What cannot be read is told on standard
// error, and the others are listed.
#include <dirent.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "commands.h"
#include "container.h"
#include "found.h"
#include "report.h"

// A kernel that hangs is not to keep the list of all others.
#define ANSWER_MS 1000

// Of Go's tabwriter, by which runc prints.
#define WIDTH_MIN 12
#define PADDING 3

enum { COLUMN_ID, COLUMN_PID, COLUMN_STATUS, COLUMN_BUNDLE, COLUMN_CREATED, COLUMN_OWNER, COLUMNS };
static const char *const titles[COLUMNS] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};

struct listed {
  size_t count;
  char *(*rows)[COLUMNS];
  struct buffer json; // the objects, with commas between them
};

static char *copy(const char *text) {
  char *made = strdup(text ? text : "");
  if (!made) fail_errno(EXIT_RINGFENCE, "listing containers");
  return made;
}

// The name of a user in /etc/passwd, else "#UID".
static char *user_name(uid_t uid) {
  char number[16];
  snprintf(number, sizeof number, "#%u", uid);
  FILE *file = fopen("/etc/passwd", "re");
  struct passwd *user = NULL;
  while (file && (user = fgetpwent(file)) && user->pw_uid != uid)
    continue;
  char *name = copy(user ? user->pw_name : number);
  if (file) fclose(file);
  return name;
}

static void add(struct listed *listed, struct found *found) {
  char number[16];
  struct stat status;
  const char *state = found_status(found);
  const struct record *record = &found->record;
  char *owner = user_name(fstat(found->state.directory, &status) == 0 ? status.st_uid : geteuid());
  bool stopped = strcmp(state, "stopped") == 0;
  snprintf(number, sizeof number, "%d", stopped ? 0 : record->waiter ? record->waiter : record->init);
  listed->rows = realloc(listed->rows, (listed->count + 1) * sizeof *listed->rows);
  if (!listed->rows) fail_errno(EXIT_RINGFENCE, "listing containers");
  char **row = listed->rows[listed->count];
  row[COLUMN_ID] = copy(found->state.id);
  row[COLUMN_PID] = copy(number);
  row[COLUMN_STATUS] = copy(state);
  row[COLUMN_BUNDLE] = copy(record->bundle);
  row[COLUMN_CREATED] = copy(record->created);
  row[COLUMN_OWNER] = owner;
  if (listed->count++ > 0) buffer_append(&listed->json, ",", 1);
  container_state(&found->state, record, state, owner, &listed->json);
}

static void look_at(struct listed *listed, int root, const char *id) {
  struct found found = {0};
  if (!state_look(&found.state, root, id)) {
    warn("load container %s: its state cannot be read, or can be changed by other users", id);
  } else if (found_read(&found)) {
    found.control.patience_ms = ANSWER_MS;
    add(listed, &found);
  } else if (faccessat(found.state.directory, "config.json", F_OK, 0) == 0) {
    // Of a sandbox without a container (`hold`) there is none.
    warn("load container %s: its state.json cannot be read", id);
  }
  const int given[] = {found.state.directory, found.state.lock, found.control.fd};
  for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
    if (given[i] > 2) close(given[i]);
}

static int is_candidate(const struct dirent *entry) {
  return entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
}

static void print_cell(struct buffer *text, const char *cell, size_t width) {
  buffer_printf(text, "%-*s", (int)width, cell);
}

static void write_table(const struct listed *listed, struct buffer *text) {
  size_t widths[COLUMNS];
  for (int column = 0; column < COLUMNS; column++) {
    widths[column] = strlen(titles[column]) + PADDING;
    for (size_t i = 0; i < listed->count; i++) {
      size_t width = strlen(listed->rows[i][column]) + PADDING;
      if (width > widths[column]) widths[column] = width;
    }
    if (widths[column] < WIDTH_MIN) widths[column] = WIDTH_MIN;
    if (column == COLUMNS - 1) widths[column] = 0;
  }
  for (size_t line = 0; line <= listed->count; line++) {
    for (int column = 0; column < COLUMNS; column++)
      print_cell(text, line == 0 ? titles[column] : listed->rows[line - 1][column], widths[column]);
    buffer_append(text, "\n", 1);
  }
}

int command_list(const struct options *options) {
  struct listed listed = {0};
  struct buffer text = {0};
  struct dirent **names = NULL;
  int root = state_root(options->values[OPTION_ROOT]);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", root);
  int count = root < 0 ? 0 : scandir(path, &names, is_candidate, alphasort);
  if (count < 0) fail_errno(EXIT_RINGFENCE, "listing containers");
  for (int i = 0; i < count; i++)
    look_at(&listed, root, names[i]->d_name);
  if (option_on(options, OPTION_QUIET)) {
    for (size_t i = 0; i < listed.count; i++)
      buffer_printf(&text, "%s\n", listed.rows[i][COLUMN_ID]);
  } else if (option_is(options, OPTION_FORMAT, "json")) {
    buffer_append(&text, "[", 1);
    buffer_append(&text, listed.json.data, listed.json.length);
    buffer_append(&text, "]\n", 2);
  } else {
    write_table(&listed, &text);
  }
  if (write_all(1, text.data, text.length) < 0) fail_errno(EXIT_RINGFENCE, "writing the list");
  return 0;
}
