// Annotations of pods: see pod_spec.h.
#include "pod_spec.h"

#include <stdlib.h>
#include <string.h>

#include "report.h"

#define SHARED "dev.ringfence.shared"
#define SHARES "io.kubernetes.cri.sandbox-cpu-shares"
#define USUAL_SHARES 1024
#define ID_MAX 256 // an id has at most 255 characters (state.c)

static const struct names {
  const char *type, *sandbox;
} names[] = {
    {"io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"},
    {"io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"},
};

static void be_sandbox(struct pod_spec *pod, long long shares) {
  pod->role = POD_SANDBOX;
  pod->shares = shares > 0 ? shares : USUAL_SHARES;
}

// `id`: the token of the pod's, or 0.
static bool be_container(struct pod_spec *pod, const struct json *config, unsigned id) {
  char text[ID_MAX];
  if (!id || !json_text(config, id, text, sizeof text) || !text[0]) return false;
  pod_spec_join(pod, text);
  return true;
}

void pod_spec_join(struct pod_spec *pod, const char *sandbox) {
  pod->sandbox = strdup(sandbox);
  if (!pod->sandbox) fail_errno(EXIT_RINGFENCE, "reading config.json");
  pod->role = POD_CONTAINER;
}

bool pod_takes_others(const struct pod_spec *pod) {
  return pod->role == POD_SANDBOX || pod->role == POD_SHARED;
}

// The program that podman has for the container which holds the namespaces of a pod.
static bool is_pause(const struct json *config) {
  static const char *const words[] = {"/catatonit", "-P"};
  size_t count = 0;
  unsigned process = json_member(config, 0, "process"),
           list = process ? json_member(config, process, "args") : 0;
  for (unsigned item = list ? json_first(config, list) : 0; item;
       item = json_next(config, list, item), count++)
    if (count == sizeof words / sizeof words[0] || !json_equals(config, item, words[count])) return false;
  return count == sizeof words / sizeof words[0];
}

// podman tells the id of a pod's first container to the others, and to that one nothing.
static void read_podman(struct pod_spec *pod, const struct json *config, unsigned annotations) {
  unsigned manager = json_member(config, annotations, "io.container.manager");
  if (!manager || !json_equals(config, manager, "libpod")) return;
  if (be_container(pod, config, json_member(config, annotations, "io.kubernetes.cri-o.SandboxID"))) return;
  if (is_pause(config)) be_sandbox(pod, 0);
}

void pod_spec_read(struct pod_spec *pod, const struct json *config) {
  *pod = (struct pod_spec){.role = POD_NONE};
  unsigned annotations = json_member(config, 0, "annotations");
  if (!annotations) return;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    unsigned type = json_member(config, annotations, names[i].type);
    if (type && json_equals(config, type, "sandbox")) {
      char shares[32];
      bool told = json_text(config, json_member(config, annotations, SHARES), shares, sizeof shares);
      be_sandbox(pod, told ? atoll(shares) : 0);
      return;
    }
    if (type && json_equals(config, type, "container") &&
        be_container(pod, config, json_member(config, annotations, names[i].sandbox)))
      return;
  }
  read_podman(pod, config, annotations);
  unsigned shared = json_member(config, annotations, SHARED);
  if (pod->role == POD_NONE && shared && json_equals(config, shared, "true")) pod->role = POD_SHARED;
}
