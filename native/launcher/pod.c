// Containers in the sandbox of their pod: see pod.h.
#include "pod.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "json.h"
#include "lines.h"
#include "mounts.h"
#include "preserved.h"
#include "report.h"
#include "request.h"
#include "sandbox_config.h"

// A kernel that lives may have many mounts to make.
#define CREATE_MS 30000
#define END_MS 5000

// ---- Which pod, and its namespaces ----

// What all containers of a pod have in common; the file of each in /proc/PID/ns (namespaces(7)).
static const struct kind {
  const char *type, *file;
} common[] = {
    {"pid", "pid"}, {"ipc", "ipc"}, {"uts", "uts"}, {"network", "net"}, {"user", "user"}, {"time", "time"},
};

static const struct kind *kind_of(const struct json *json, unsigned type) {
  for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
    if (json_equals(json, type, common[i].type)) return &common[i];
  return NULL;
}

// All processes of a sandbox that engines know of are in the namespaces of its init, under whatever name.
static bool is_of(const struct pod *pod, const struct kind *kind, const char *path) {
  char own[64];
  struct stat file, named;
  snprintf(own, sizeof own, "/proc/%d/ns/%s", pod->record.init, kind->file);
  return stat(own, &file) == 0 && stat(path, &named) == 0 && file.st_dev == named.st_dev &&
         file.st_ino == named.st_ino;
}

// A namespace without a path is a new one. Of processes a container has its own; of all else there is one in a pod. Who joins
// a container for another kind of namespace, and wants a network of his own or none, must not be on its network.
static void check_new(const struct kind *kind, bool is_told, bool is_strict) {
  const bool is_network = strcmp(kind->type, "network") == 0;
  if (strcmp(kind->type, "pid") == 0) return;
  if (is_strict || strcmp(kind->type, "user") == 0 || (is_network && !is_told))
    fail(EXIT_RINGFENCE,
         "linux.namespaces: a container of a pod has the %s namespace of its pod, and no new one",
         kind->type);
  note("linux.namespaces: the container has the %s namespace of its pod, and no new one", kind->type);
}

// `is_told`: the engine says which pod it is.
static void check_namespaces(const struct pod *pod, const struct spec *spec, bool is_told, bool is_strict) {
  const struct json *json = &spec->json;
  unsigned system = json_member(json, 0, "linux"),
           list = system ? json_member(json, system, "namespaces") : 0;
  if (!is_told && !spec->network && !spec->own_network)
    fail(EXIT_RINGFENCE, "linux.namespaces: who joins a container is on its network: name that as well");
  for (unsigned item = json_first(json, list); item; item = json_next(json, list, item)) {
    char path[4096], type[32];
    const unsigned name = json_member(json, item, "type");
    const struct kind *kind = kind_of(json, name);
    if (!json_text(json, json_member(json, item, "path"), path, sizeof path)) path[0] = '\0';
    if (kind && !path[0]) check_new(kind, is_told, is_strict);
    if (!path[0] || json_equals(json, name, "cgroup") || (kind && is_of(pod, kind, path))) continue;
    if (!json_text(json, name, type, sizeof type)) type[0] = '\0';
    fail(EXIT_RINGFENCE, "linux.namespaces: the %s namespace %s is not one of the container's pod %s", type,
         path, spec->pod.sandbox);
  }
}

// Takes the container of that name, if it is one whose sandbox lives and takes others.
static bool take(struct pod *pod, int root, const char *id) {
  const bool found = state_look(&pod->state, root, id) && record_read(&pod->state, &pod->record) &&
                     pod->record.is_pod && record_init_alive(&pod->record);
  if (!found && pod->state.directory >= 0) close(pod->state.directory);
  return found;
}

// The id of the container whose sandbox the one is in for which a process stands; NULL: there is none such.
static char *sandbox_of(int root, pid_t process, const char *id) {
  struct pod one = {.state.directory = -1};
  char *sandbox = NULL;
  if (state_look(&one.state, root, id) && record_read(&one.state, &one.record) &&
      ((one.record.waiter == process && record_waiter_alive(&one.record)) ||
       (one.record.init == process && record_init_alive(&one.record))))
    sandbox = strdup(one.record.sandbox ? one.record.sandbox : id);
  if (one.state.directory >= 0) close(one.state.directory);
  return sandbox;
}

// The process whose namespace a path names, by the number in it; 0: it does not say so.
static pid_t process_in(const char *path) {
  int process = 0, end = 0;
  return path && sscanf(path, "/proc/%d/ns/%n", &process, &end) == 1 && end > 0 ? process : 0;
}

// Engines name another container's namespaces by the process that stands for it.
static bool find_named(struct pod *pod, int root, struct spec *spec) {
  const pid_t process = process_in(spec->foreign.path ? spec->foreign.path : spec->network);
  DIR *directory = process ? fdopendir(openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) : NULL;
  char *sandbox = NULL;
  if (!directory) return false;
  for (struct dirent *entry; !sandbox && (entry = readdir(directory));)
    if (entry->d_name[0] != '.') sandbox = sandbox_of(root, process, entry->d_name);
  closedir(directory);
  if (!sandbox) return false;
  const struct pod_spec alone = spec->pod;
  pod_spec_join(&spec->pod, sandbox);
  free(sandbox);
  if (take(pod, root, spec->pod.sandbox)) return true;
  spec->pod = alone;
  return false;
}

bool pod_find(struct pod *pod, const struct options *options, struct spec *spec) {
  const int root = state_root(options->values[OPTION_ROOT]);
  if (root < 0) return false;
  const bool is_told = spec->pod.role == POD_CONTAINER && take(pod, root, spec->pod.sandbox);
  const bool found = is_told || find_named(pod, root, spec);
  if (found) check_namespaces(pod, spec, is_told, option_on(options, OPTION_STRICT));
  if (!found) close(root);
  return found;
}

// ---- The request ----

struct handed {
  struct buffer names;
  int descriptors[REQUEST_DESCRIPTORS_MAX];
  int count;
};

static void hand(struct handed *handed, const char *name, int fd) {
  if (fd < 0) return;
  if (handed->count == REQUEST_DESCRIPTORS_MAX)
    fail(EXIT_RINGFENCE,
         "a container of a pod has at most %d bind mounts, preserved descriptors and streams in all",
         REQUEST_DESCRIPTORS_MAX);
  buffer_printf(&handed->names, "%s\"%s\"", handed->count ? "," : "", name);
  handed->descriptors[handed->count++] = fd;
}

static void hand_numbered(struct handed *handed, const char *name, unsigned number, int fd) {
  char numbered[32];
  snprintf(numbered, sizeof numbered, "%s:%u", name, number);
  hand(handed, numbered, fd);
}

// What processes write to that put themselves in a group.
static int open_group(const struct cgroups *groups, int index) {
  char path[4096 + 32];
  snprintf(path, sizeof path, "%s/tasks", groups->paths[index]);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  snprintf(path, sizeof path, "%s/cgroup.procs", groups->paths[index]);
  if (fd < 0 && errno == ENOENT) fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 && !groups->lenient) fail_errno(EXIT_RINGFENCE, "opening %s", path);
  return fd;
}

static void write_request(struct buffer *line, const struct pod *pod, const struct sandbox_plan *plan,
                          const struct handed *handed, pid_t waiter) {
  buffer_printf(line, "{\"id\":1,\"method\":\"create\",\"params\":{\"id\":");
  buffer_json_string(line, plan->options->id);
  buffer_printf(line, ",\"bundle\":");
  buffer_json_string(line, plan->spec->bundle);
  // That of the pod's own is not one of the others.
  const int of = plan->spec->processes_of;
  const bool is_own = of == pod->record.waiter || of == pod->record.init;
  buffer_printf(line, ",\"pid\":%d,\"processes\":\"%s\",\"processesOf\":%d", waiter,
                plan->spec->shares_processes ? "shared" : "own", is_own ? 0 : of);
  if (plan->options->listening) buffer_printf(line, ",\"listening\":%d", plan->options->listening);
  sandbox_cgroups(line);
  buffer_printf(line, ",\"descriptors\":[");
  buffer_append(line, handed->names.data, handed->names.length);
  buffer_append(line, "]}}\n", 4);
}

// Until it is answered the pod's kernel alone listens for the container: whoever refuses leaves nobody who does.
static void ask(const struct pod *pod, const struct buffer *line, const struct handed *handed,
                int listening) {
  struct lines control = {.fd = state_connect(&pod->state), .patience_ms = CREATE_MS};
  char *answer, message[4096] = "";
  size_t length;
  const bool sent = control.fd >= 0 && request_send(&control, line, handed->descriptors, handed->count);
  close(listening);
  if (!sent || !request_answer(&control, &answer, &length, message, sizeof message))
    fail(EXIT_RINGFENCE, "%s",
         message[0]     ? message
         : control.late ? "the kernel of the container's pod does not answer"
                        : "the sandbox of the container's pod is not running");
  close(control.fd);
  buffer_free(&control.received);
}

void pod_create(const struct pod *pod, const struct sandbox_plan *plan, const struct cgroups *groups,
                pid_t waiter) {
  const struct spec *spec = plan->spec;
  // The sandbox's own mount namespace has nothing of the host's any more.
  if (!mounts_may())
    fail(EXIT_RINGFENCE, "a container in its pod's sandbox needs a caller who may mount (CAP_SYS_ADMIN)");
  const struct trees trees = mounts_trees(spec, strcmp(sandbox_overlay(plan), "none") == 0);
  const struct {
    const char *name;
    int fd;
  } all[] = {
      {"spec", spec->memfd},      {"lock", plan->state->lock}, {"waiter", plan->waiter},
      {"root", trees.root},       {"stdin", plan->stdio[0]},   {"stdout", plan->stdio[1]},
      {"stderr", plan->stdio[2]},
  };
  struct handed handed = {0};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    hand(&handed, all[i].name, all[i].fd);
  for (unsigned i = 0; i < spec->bind_count; i++)
    hand_numbered(&handed, "mount", spec->binds[i].index, trees.binds[i]);
  for (int i = 0; i < plan->options->preserved; i++)
    hand_numbered(&handed, "preserved", (unsigned)i, PRESERVED_FIRST + i);
  const int first_group = handed.count;
  for (int i = 0; i < groups->count; i++)
    hand_numbered(&handed, "group", (unsigned)(handed.count - first_group), open_group(groups, i));
  const int group_end = handed.count;
  // At the end: until it is handed over nobody answers there.
  const int listening = state_listen(plan->state);
  hand(&handed, "listen", listening);
  struct buffer line = {0};
  write_request(&line, pod, plan, &handed, waiter);
  ask(pod, &line, &handed, listening);
  buffer_free(&line);
  buffer_free(&handed.names);
  for (int i = first_group; i < group_end; i++)
    close(handed.descriptors[i]);
  for (unsigned i = 0; i < spec->bind_count; i++)
    close(trees.binds[i]);
  close(trees.root);
  preserved_release(plan->options->preserved);
}

void pod_end(const struct state_directory *state) {
  struct lines control = {.fd = state_connect(state), .patience_ms = END_MS};
  struct buffer line = {0};
  char *answer, message[256];
  size_t length;
  if (control.fd < 0) return;
  buffer_printf(&line, "{\"id\":1,\"method\":\"shutdown\",\"params\":{\"force\":true}}\n");
  request_ask(&control, &line, NULL, 0, &answer, &length, message, sizeof message);
  buffer_free(&line);
  close(control.fd);
}
