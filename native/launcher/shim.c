// The shim's command line, and `delete`: see shim.h.
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "installation.h"
#include "json.h"
#include "monotonic.h"
#include "report.h"
#include "shim_socket.h"
#include "spec.h"
#include "state.h"

#define NAME "containerd-shim-ringfence-v1"
// What a container that nobody saw ending is said to have ended with.
#define KILLED (128 + 9)
#define NOTES_MAX (64 << 10)
// containerd kills a `delete` after 5 s: what a sandbox may take to end by itself, and what all of it may take.
#define PATIENCE_MS 700
#define DELETE_MS 3500

bool shim_is_called(const char *program) {
  const char *slash = program ? strrchr(program, '/') : NULL;
  return program && strcmp(slash ? slash + 1 : program, NAME) == 0;
}

void shim_root(char *into, unsigned long size, const char *namespace) {
  const char *runtime = geteuid() == 0 ? NULL : getenv("XDG_RUNTIME_DIR");
  if (geteuid() != 0 && (!runtime || runtime[0] != '/')) fail(EXIT_RINGFENCE, "XDG_RUNTIME_DIR is not set");
  if ((size_t)snprintf(into, size, "%s/containerd/ringfence/%s", runtime ? runtime : "/run", namespace) >=
      size)
    fail(EXIT_RINGFENCE, "the name of the namespace is too long");
}

// ---- delete ----

// Where the shim has put the container, which it says in a file of the bundle before it makes it.
static void container_root(char *into, size_t size, const struct shim_words *words, bool has_bundle) {
  shim_root(into, size, words->namespace);
  if (!has_bundle) return;
  size_t length;
  char *text = read_whole_file("ringfence.json", NOTES_MAX, &length);
  if (!text) return;
  struct json json;
  if (json_read(&json, text, length)) {
    char root[PATH_MAX];
    if (json_text(&json, json_member(&json, 0, "root"), root, sizeof root) && root[0] == '/')
      snprintf(into, size, "%s", root);
    json_free(&json);
  }
  free(text);
}

// A field of protobuf whose value is a varint.
static void varint_field(struct buffer *into, unsigned number, unsigned long long value) {
  unsigned char bytes[16] = {(unsigned char)(number << 3)};
  size_t length = 1;
  do {
    bytes[length++] = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>= 7;
  } while (value);
  buffer_append(into, bytes, length);
}

// containerd.task.v2.DeleteResponse: exit_status = 2, exited_at = 3 (a Timestamp: seconds = 1, nanos = 2).
static void print_answer(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct buffer time = {0}, answer = {0};
  varint_field(&time, 1, (unsigned long long)now.tv_sec);
  varint_field(&time, 2, (unsigned long long)now.tv_nsec);
  varint_field(&answer, 2, KILLED);
  const unsigned char head[] = {3 << 3 | 2, (unsigned char)time.length};
  buffer_append(&answer, head, sizeof head);
  buffer_append(&answer, time.data, time.length);
  if (write_all(1, answer.data, answer.length) < 0) fail_errno(EXIT_RINGFENCE, "writing the answer");
}

// Says what a child says, until it has ended or that moment (monotonic_ms) has come: then it goes on without a listener.
static void relay_errors(int from, long long deadline) {
  char bytes[4096];
  for (;;) {
    const long long left = deadline - monotonic_ms();
    const int ready = left > 0 ? poll(&(struct pollfd){.fd = from, .events = POLLIN}, 1, (int)left) : 0;
    if (ready < 0 && errno == EINTR) continue;
    const ssize_t n = ready > 0 ? read(from, bytes, sizeof bytes) : 0;
    if (n <= 0 || write_all(2, bytes, (size_t)n) < 0) return;
  }
}

// Removes the container in a process of its own, so that what follows is done whatever happens there. False: that has failed,
// and has said why, or is not over yet (hooks), and goes on.
static bool delete_container(const char *root, const char *id) {
  const long long deadline = monotonic_ms() + DELETE_MS;
  int errors[2], status;
  if (pipe2(errors, O_CLOEXEC) < 0) fail_errno(EXIT_RINGFENCE, "making a pipe");
  pid_t child = fork();
  if (child < 0) fail_errno(EXIT_RINGFENCE, "starting a process");
  if (child == 0) {
    // containerd waits until nobody has its pipes any more.
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(nothing, 1) < 0 || dup2(errors[1], 2) < 0) _exit(1);
    state_connect_within(PATIENCE_MS);
    container_delete(root, id, true, PATIENCE_MS);
    exit(0);
  }
  close(errors[1]);
  relay_errors(errors[0], deadline);
  // It closes its end a moment before it is over.
  for (;;) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (ended < 0 && errno != EINTR) return false;
    if (monotonic_ms() >= deadline) break;
    usleep(1000);
  }
  warn("removing the container %s takes its time", id);
  return false;
}

// containerd asks for it when the shim is gone, or never came to be: nothing may be left.
static int shim_delete(const struct shim_words *words) {
  char root[PATH_MAX];
  // Without its bundle there is nothing of the container but its state: the caller's directory has nothing to do with it.
  const bool has_bundle = !words->bundle || chdir(words->bundle) == 0;
  if (!has_bundle && errno != ENOENT) fail_errno(EXIT_RINGFENCE, "going to %s", words->bundle);
  container_root(root, sizeof root, words, has_bundle);
  const bool deleted = delete_container(root, words->id);
  if (has_bundle) {
    // One mount of the image, or several where containerd has asked for that.
    while (umount2("rootfs", MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
      continue;
    shim_socket_forget("address");
  }
  if (!deleted) return 1;
  print_answer();
  return 0;
}

// ---- The command line ----

static const char *flag_value(const char *given, const char *name, char **argv, int *at) {
  size_t length = strlen(name);
  if (strncmp(given, name, length) != 0) return NULL;
  if (given[length] == '=') return given + length + 1;
  if (given[length] != '\0' || !argv[*at + 1]) return NULL;
  return argv[++*at];
}

static void read_words(struct shim_words *words, char **argv) {
  const struct {
    const char *name;
    const char **value;
  } flags[] = {{"namespace", &words->namespace},
               {"address", &words->address},
               {"id", &words->id},
               {"bundle", &words->bundle},
               {"publish-binary", &words->publish_binary}};
  for (int at = 1; argv[at]; at++) {
    const char *word = argv[at];
    if (word[0] != '-') {
      words->action = word;
      return;
    }
    word += word[1] == '-' ? 2 : 1;
    if (strcmp(word, "debug") == 0) {
      words->debug = true;
      continue;
    }
    bool known = false;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0] && !known; i++) {
      const char *value = flag_value(word, flags[i].name, argv, &at);
      known = value != NULL;
      if (known) *flags[i].value = value;
    }
    if (!known) fail(EXIT_RINGFENCE, "flag that is not known, or has no value: -%s", word);
  }
}

// Questions without a container are Node's.
static bool is_question(char **argv) {
  static const char *const questions[] = {"v", "version", "info", "h", "help"};
  for (; *++argv;) {
    const char *word = *argv + (**argv == '-') + (strncmp(*argv, "--", 2) == 0);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++)
      if (**argv == '-' && strcmp(word, questions[i]) == 0) return true;
  }
  return false;
}

int shim_main(int argc, char **argv) {
  (void)argc;
  report_failures_as(1);
  if (is_question(argv)) {
    char **command = installation_node_command("shim", argv + 1);
    execv(command[0], command);
    fail_errno(EXIT_RINGFENCE, "starting %s", command[0]);
  }
  struct shim_words words = {0};
  read_words(&words, argv);
  if (!words.action) fail(EXIT_RINGFENCE, "an action is missing: start or delete");
  if (!words.namespace || !state_id_valid(words.namespace))
    fail(EXIT_RINGFENCE, "-namespace is missing, or is no name");
  if (!words.id || !state_id_valid(words.id)) fail(EXIT_RINGFENCE, "-id is missing, or is no name");
  if (strcmp(words.action, "start") == 0) return shim_start(&words);
  if (strcmp(words.action, "delete") == 0) return shim_delete(&words);
  fail(EXIT_RINGFENCE, "unknown action: %s", words.action);
}
