// What Node is told of a sandbox: see sandbox_config.h.
#include "sandbox_config.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup.h"
#include "clocks.h"
#include "report.h"

#define CPUS_MAX 8192

const char *sandbox_overlay(const struct sandbox_plan *plan) {
  const char *given = plan->options->values[OPTION_OVERLAY2];
  return given ? given : plan->spec ? "none" : "root:memory";
}

// The CPUs that the launcher may run on, as a list.
static void write_cpus(struct buffer *text) {
  size_t size = CPU_ALLOC_SIZE(CPUS_MAX);
  cpu_set_t *cpus = CPU_ALLOC(CPUS_MAX);
  if (!cpus || sched_getaffinity(0, size, cpus) < 0) return;
  const char *comma = "";
  buffer_printf(text, ",\"cpus\":\"");
  for (int first = 0; first < CPUS_MAX; first++) {
    if (!CPU_ISSET_S(first, size, cpus)) continue;
    int last = first;
    while (last + 1 < CPUS_MAX && CPU_ISSET_S(last + 1, size, cpus))
      last++;
    buffer_printf(text, first == last ? "%s%d" : "%s%d-%d", comma, first, last);
    comma = ",";
    first = last;
  }
  buffer_printf(text, "\"");
  CPU_FREE(cpus);
}

// The hierarchies of control groups of this host, by /proc/self/cgroup (cgroups(7)): a container's programs see such.
void sandbox_cgroups(struct buffer *text) {
  struct statfs status;
  if (statfs("/sys/fs/cgroup", &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC)
    return; // one of v2 alone
  FILE *file = fopen("/proc/self/cgroup", "re");
  if (!file) return;
  char line[PATH_MAX + 512], controllers[256];
  int count = 0, id;
  buffer_printf(text, ",\"cgroups\":[");
  while (count < CGROUPS_MAX && fgets(line, sizeof line, file)) {
    controllers[0] = '\0';
    if (sscanf(line, "%d:%255[^:]", &id, controllers) < 1) continue;
    buffer_printf(text, "%s{\"id\":%d,\"controllers\":", count++ ? "," : "", id);
    buffer_json_string(text, controllers);
    buffer_append(text, "}", 1);
  }
  buffer_append(text, "]", 1);
  fclose(file);
}

static void write_config(struct buffer *text, const struct sandbox_plan *plan, const struct user_plan *users,
                         const char *workers, const struct traces *traces) {
  const struct options *options = plan->options;
  const char *mode = plan->program ? "do" : plan->spec ? "container" : "hold";
  buffer_printf(text, "{\"version\":1,\"mode\":\"%s\",\"hostname\":", mode);
  buffer_json_string(text, plan->identity->hostname);
  write_cpus(text);
  if (plan->spec) sandbox_cgroups(text);
  if (plan->spec && pod_takes_others(&plan->spec->pod))
    buffer_printf(text, ",\"pod\":\"%s\"", plan->spec->pod.role == POD_SANDBOX ? "held" : "shared");
  buffer_printf(text, ",\"options\":{\"platform\":");
  buffer_json_string(text, options->values[OPTION_PLATFORM]);
  buffer_printf(text, ",\"workers\":");
  buffer_json_string(text, workers);
  buffer_printf(text, ",\"overlay2\":");
  buffer_json_string(text, sandbox_overlay(plan));
  buffer_printf(text, ",\"patch\":");
  buffer_json_string(text, options->values[OPTION_PATCH]);
  buffer_printf(text, ",\"patchExclude\":");
  static char *const none[] = {NULL};
  buffer_json_texts(text, options->lists[OPTION_PATCH_EXCLUDE] ? options->lists[OPTION_PATCH_EXCLUDE] : none);
  buffer_printf(text, ",\"logFormat\":");
  buffer_json_string(text, options->values[OPTION_LOG_FORMAT]);
  if (option_on(options, OPTION_HOST_FAULTS)) buffer_printf(text, ",\"hostFaults\":true");
  if (plan->kernels > 1) buffer_printf(text, ",\"kernels\":%d", plan->kernels);
  buffer_printf(text, ",\"debug\":%s,\"strace\":%s,\"strict\":%s}",
                option_on(options, OPTION_DEBUG) ? "true" : "false",
                option_on(options, OPTION_STRACE) ? "true" : "false",
                option_on(options, OPTION_STRICT) ? "true" : "false");
  user_write(users, text);
  if (options->id) {
    buffer_printf(text, ",\"id\":");
    buffer_json_string(text, options->id);
  }
  if (plan->spec) {
    buffer_printf(text, ",\"bundle\":");
    buffer_json_string(text, plan->spec->bundle);
  }
  clocks_write(plan->spec, text);
  for (int i = 0; i < traces->count; i++) {
    buffer_printf(text, "%s", i == 0 ? ",\"traces\":[" : ",");
    buffer_append(text, traces->all[i].text.data, traces->all[i].text.length);
  }
  if (traces->count > 0) buffer_append(text, "]", 1);
  if (options->listening) buffer_printf(text, ",\"listening\":%d", options->listening);
  if (plan->program) {
    buffer_printf(text, ",\"process\":");
    identity_write_spec(plan->identity, plan->program, environ, text);
  }
  buffer_append(text, "}", 1);
}

int sandbox_config(const struct sandbox_plan *plan, const struct user_plan *users, const char *workers,
                   const struct traces *traces) {
  struct buffer text = {0};
  write_config(&text, plan, users, workers, traces);
  int fd = memfd_create("ringfence-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0 || write_all(fd, text.data, text.length) < 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
    fail_errno(EXIT_RINGFENCE, "writing the configuration");
  buffer_free(&text);
  return fd;
}
