// A container's config.json as far as it concerns what must precede Node: namespaces, cgroups, root, bind
// sources, terminal, OOM score, hooks. Everything else is read and checked in the sandbox
// (src/main/oci/), from the same sealed bytes.
#ifndef RINGFENCE_SPEC_H
#define RINGFENCE_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#include "id_map.h"
#include "json.h"
#include "pod_spec.h"

#define SPEC_BYTES_MAX (4 << 20)
#define SPEC_MOUNTS_MAX 1024

// What a bind mount shows.
struct bind {
  unsigned index;    // in mounts
  char *source;      // absolute
  char *destination; // in the container; empty where config.json says none
  bool recursive;
  bool read_only;
  bool has_ids, has_ids_below; // of files are mapped by the mount, and by those below it
  struct id_maps *ids;         // NULL: as the container's are
};

// The user namespace: the caller's, unless one of these.
struct user_spec {
  bool own;
  char *path; // of one to join, or NULL
  struct id_maps ids;
};

// What a process object says of a terminal.
struct terminal_spec {
  bool wanted;
  unsigned columns, rows; // 0 where nothing is said
};

// How far the container's clocks are from the host's (time_namespaces(7)): CLOCK_MONOTONIC, CLOCK_BOOTTIME.
enum { TIME_MONOTONIC, TIME_BOOTTIME, TIME_CLOCKS };

struct time_offset {
  long long seconds;
  long nanoseconds;
};

struct spec {
  char *bundle; // absolute
  char *text;
  size_t length;
  int memfd; // sealed copy of the text
  struct json json;
  char *root; // absolute
  bool root_read_only;
  struct terminal_spec terminal;
  char *cgroups_path; // or NULL
  char *network;      // path of the network namespace to join, or NULL
  bool own_network;   // it is to have a new one; else, without a path, its caller's
  // The first namespace that is named by path and can only be one of the container's pod.
  struct {
    char type[32];
    char *path; // or NULL
  } foreign;
  bool shares_processes; // its PID namespace is named by path
  int processes_of;      // the number in that path, /proc/N/ns/pid, or 0
  struct pod_spec pod;
  struct user_spec user;
  char *time; // path of the time namespace to join, or NULL
  bool sets_time;
  struct time_offset time_offsets[TIME_CLOCKS];
  bool sets_oom_score;
  int oom_score;
  struct bind *binds;
  unsigned bind_count;
};

// Reads <bundle>/config.json; `bundle` NULL: the working directory.
void spec_read(struct spec *spec, const char *bundle);

// Fails where it names namespaces that a container without a pod cannot have.
void spec_stands_alone(const struct spec *spec);

// Reads the process object at that token; token 0 is the whole text.
void terminal_read(struct terminal_spec *terminal, const struct json *json, unsigned process);

// Reads what comes to its end, of at most `limit` bytes; NULL with errno. The caller frees it.
char *read_whole(int fd, size_t limit, size_t *length);
char *read_whole_file(const char *path, size_t limit, size_t *length);

#endif
