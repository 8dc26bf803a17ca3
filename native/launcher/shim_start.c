// `start` of the shim: makes the socket, leaves a Node behind that listens at it, and says where that is. containerd's
// calls wait in the socket's queue until that Node serves them, so that nobody waits for its start.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "buffer.h"
#include "installation.h"
#include "json.h"
#include "report.h"
#include "shim.h"
#include "shim_options.h"
#include "shim_socket.h"
#include "small_file.h"
#include "spec.h"
#include "state.h"

// Containers with the same value have a shim in common. The first that is there counts, as for runc's shim.
static const char *const groups[] = {"io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"};
// In each bundle, beside the `address` of containerd's protocol, which a shim of another runtime may have written: an address
// here is that of a shim of this one.
#define OWN_ADDRESS "ringfence.address"
// Of the shim of all pods (shim_sharing = "node"), beside the bundles; containerd skips names that begin with a dot.
#define NODE_ADDRESS "../.ringfence-shim"
#define NODE_LOCK "../.ringfence-shim.lock"
#define OOM_SCORE_MAX 1000

// Where Node finds them.
enum { LISTENING = 3, LOG = 4, FAILED = 5, KEPT };

// The file with the address of the shim that this container is to have in common with others. False: it has one of its own.
static bool group_file(char *into, size_t size) {
  size_t length;
  char *text = read_whole_file("config.json", SPEC_BYTES_MAX, &length), group[256] = "";
  struct json json;
  if (text && json_read(&json, text, length)) {
    unsigned annotations = json_member(&json, 0, "annotations");
    for (size_t i = 0; annotations && !group[0] && i < sizeof groups / sizeof groups[0]; i++)
      if (!json_text(&json, json_member(&json, annotations, groups[i]), group, sizeof group)) group[0] = '\0';
    json_free(&json);
  }
  free(text);
  // The name of a bundle beside this one, and no other path.
  if (!group[0] || !state_id_valid(group)) return false;
  snprintf(into, size, "../%s/" OWN_ADDRESS, group);
  return true;
}

static void print_address(const char *address) {
  struct buffer text = {0};
  buffer_printf(&text, "{\"version\":2,\"address\":\"%s\",\"protocol\":\"ttrpc\"}\n", address);
  if (write_all(1, text.data, text.length) < 0) fail_errno(EXIT_RINGFENCE, "writing the address");
}

// Rather a container than its shim, rather the shim than containerd.
static void stand_before_caller(void) {
  char path[64], text[32];
  snprintf(path, sizeof path, "/proc/%d/oom_score_adj", getppid());
  if (!small_file_read(path, text, sizeof text)) return;
  int score = atoi(text) + 1;
  snprintf(text, sizeof text, "%d", score > OOM_SCORE_MAX ? OOM_SCORE_MAX : score);
  small_file_write("/proc/self/oom_score_adj", text);
}

// Puts descriptors at the numbers that Node knows; all others are closed when it starts.
static void arrange(const int given[KEPT]) {
  int high[KEPT];
  for (int i = 0; i < KEPT; i++)
    if ((high[i] = fcntl(given[i], F_DUPFD_CLOEXEC, 64)) < 0) _exit(1);
  for (int i = 0; i < KEPT; i++)
    if (dup2(high[i], i) < 0) _exit(1);
  syscall(SYS_close_range, KEPT, ~0u, 0);
  fcntl(FAILED, F_SETFD, FD_CLOEXEC);
}

// The shim itself. What it cannot do it writes to FAILED.
static _Noreturn void become_shim(char **command, int listening, int failed) {
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  // Both ways, so that there is always who reads it: containerd goes and comes again.
  int log = open("log", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (log < 0) log = nothing;
  stand_before_caller();
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  arrange((const int[KEPT]){nothing, nothing, log, listening, log, failed});
  (void)!chdir("/");
  execv(command[0], command);
  int error = errno;
  (void)!write(FAILED, &error, sizeof error);
  _exit(1);
}

// Starts the shim and waits until its program runs.
static void leave_shim(const struct shim_words *words, const char *address, int listening, bool for_node) {
  int failed[2], error;
  char root[PATH_MAX], native[PATH_MAX];
  shim_root(root, sizeof root, words->namespace);
  installation_path(native, sizeof native, "native");
  char *const serve[] = {"serve", (char *)words->namespace,        (char *)words->address,    (char *)address,
                         root,    words->debug ? "debug" : "info", for_node ? "node" : "pod", native,
                         NULL};
  char **command = installation_node_command("shim", serve);
  if (pipe2(failed, O_CLOEXEC) < 0) fail_errno(EXIT_RINGFENCE, "making a pipe");
  pid_t child = fork();
  if (child < 0) fail_errno(EXIT_RINGFENCE, "starting the shim");
  if (child == 0) become_shim(command, listening, failed[1]);
  close(failed[1]);
  close(listening);
  if (read(failed[0], &error, sizeof error) == sizeof error) {
    errno = error;
    fail_errno(EXIT_RINGFENCE, "starting Node");
  }
  close(failed[0]);
}

// Of several that start at once one makes the shim of the node.
static void lock_node(void) {
  int fd = open(NODE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 || flock(fd, LOCK_EX) < 0) fail_errno(EXIT_RINGFENCE, "opening %s", NODE_LOCK);
}

int shim_start(const struct shim_words *words) {
  char group[300], address[SHIM_ADDRESS_MAX];
  if (!words->address) fail(EXIT_RINGFENCE, "-address is missing");
  if (words->bundle && chdir(words->bundle) < 0) fail_errno(EXIT_RINGFENCE, "going to %s", words->bundle);
  enum shim_sharing sharing = shim_options_sharing();
  bool for_node = sharing == SHARE_NODE;
  bool grouped = for_node || (sharing == SHARE_POD && group_file(group, sizeof group));
  if (for_node) {
    snprintf(group, sizeof group, NODE_ADDRESS);
    lock_node();
  }
  if (!grouped || !shim_socket_alive(group, address)) {
    int listening = shim_socket_make(address);
    // Before anything can fail: `delete` finds the socket by it.
    shim_socket_note("address", address);
    leave_shim(words, address, listening, for_node);
    if (for_node) shim_socket_note(group, address);
  } else {
    shim_socket_note("address", address);
  }
  shim_socket_note(OWN_ADDRESS, address);
  print_address(address);
  return 0;
}
