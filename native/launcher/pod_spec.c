// Annotations of pods: see pod_spec.h.
#include "pod_spec.h"

#include <string.h>

#include "report.h"

#define ID_MAX 256 // an id has at most 255 characters (state.c)

static const struct names {
  const char *type, *sandbox;
} names[] = {
    {"io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"},
    {"io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"},
};

void pod_spec_read(struct pod_spec *pod, const struct json *config) {
  *pod = (struct pod_spec){.role = POD_NONE};
  unsigned annotations = json_member(config, 0, "annotations");
  if (!annotations) return;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    unsigned type = json_member(config, annotations, names[i].type);
    char id[ID_MAX];
    if (type && json_equals(config, type, "sandbox")) {
      pod->role = POD_SANDBOX;
      return;
    }
    if (!type || !json_equals(config, type, "container")) continue;
    unsigned sandbox = json_member(config, annotations, names[i].sandbox);
    if (!sandbox || !json_text(config, sandbox, id, sizeof id) || !id[0]) continue;
    pod->sandbox = strdup(id);
    if (!pod->sandbox) fail_errno(EXIT_RINGFENCE, "reading config.json");
    pod->role = POD_CONTAINER;
    return;
  }
}
