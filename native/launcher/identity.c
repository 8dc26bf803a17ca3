// The caller's identity: see identity.h.
#include "identity.h"

#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "report.h"

static const struct {
  int number;
  const char *name;
} limits[] = {
    {RLIMIT_CPU, "RLIMIT_CPU"},           {RLIMIT_FSIZE, "RLIMIT_FSIZE"},
    {RLIMIT_DATA, "RLIMIT_DATA"},         {RLIMIT_STACK, "RLIMIT_STACK"},
    {RLIMIT_CORE, "RLIMIT_CORE"},         {RLIMIT_RSS, "RLIMIT_RSS"},
    {RLIMIT_NPROC, "RLIMIT_NPROC"},       {RLIMIT_NOFILE, "RLIMIT_NOFILE"},
    {RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK"},   {RLIMIT_AS, "RLIMIT_AS"},
    {RLIMIT_LOCKS, "RLIMIT_LOCKS"},       {RLIMIT_SIGPENDING, "RLIMIT_SIGPENDING"},
    {RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE"}, {RLIMIT_NICE, "RLIMIT_NICE"},
    {RLIMIT_RTPRIO, "RLIMIT_RTPRIO"},     {RLIMIT_RTTIME, "RLIMIT_RTTIME"},
};

#define LIMITS (sizeof limits / sizeof limits[0])

// Raw calls: glibc hides the two real-time signals that it uses itself.
struct kernel_sigaction {
  void *handler;
  unsigned long flags;
  void *restorer;
  uint64_t mask;
};

static uint64_t ignored_signals(void) {
  uint64_t ignored = 0;
  for (int signo = 1; signo <= 64; signo++) {
    struct kernel_sigaction action = {0};
    if (syscall(SYS_rt_sigaction, signo, NULL, &action, 8) == 0 && action.handler == (void *)1 /* SIG_IGN */)
      ignored |= 1ull << (signo - 1);
  }
  return ignored;
}

void identity_capture(struct identity *identity, unsigned closed_streams) {
  identity->closed_streams = closed_streams;
  identity->uid = geteuid();
  identity->gid = getegid();
  identity->group_count = getgroups(0, NULL);
  identity->groups = calloc((size_t)identity->group_count + 1, sizeof *identity->groups);
  if (!identity->groups || getgroups(identity->group_count, identity->groups) < 0)
    fail_errno(EXIT_RINGFENCE, "reading the caller's groups");
  identity->umask = umask(0);
  umask(identity->umask);
  identity->ignored = ignored_signals();
  syscall(SYS_rt_sigprocmask, 0, NULL, &identity->blocked, 8);
  for (size_t i = 0; i < LIMITS; i++)
    if (getrlimit(limits[i].number, &identity->limits[limits[i].number]) < 0)
      fail_errno(EXIT_RINGFENCE, "reading %s", limits[i].name);
  identity->cwd = getcwd(NULL, 0);
  if (!identity->cwd || identity->cwd[0] != '/') fail(EXIT_RINGFENCE, "the working directory does not exist");
  if (gethostname(identity->hostname, sizeof identity->hostname) < 0) strcpy(identity->hostname, "localhost");
  identity->hostname[sizeof identity->hostname - 1] = '\0';
  identity->terminal = isatty(0);
}

static void write_limit(struct buffer *into, const char *key, rlim_t value) {
  buffer_printf(into, ",\"%s\":\"%" PRIu64 "\"", key, (uint64_t)value);
}

void identity_write_spec(const struct identity *identity, char *const *arguments, char *const *environment,
                         struct buffer *into) {
  buffer_printf(into, "{\"args\":");
  buffer_json_strings(into, arguments);
  buffer_printf(into, ",\"env\":");
  buffer_json_strings(into, environment);
  buffer_printf(into, ",\"cwd\":");
  buffer_json_string(into, identity->cwd);
  buffer_printf(into, ",\"uid\":%u,\"gid\":%u,\"groups\":[", identity->uid, identity->gid);
  for (int i = 0; i < identity->group_count; i++)
    buffer_printf(into, "%s%u", i ? "," : "", identity->groups[i]);
  buffer_printf(into, "],\"umask\":%u,\"rlimits\":[", identity->umask);
  for (size_t i = 0; i < LIMITS; i++) {
    const struct rlimit *limit = &identity->limits[limits[i].number];
    buffer_printf(into, "%s{\"type\":\"%s\"", i ? "," : "", limits[i].name);
    write_limit(into, "soft", limit->rlim_cur);
    write_limit(into, "hard", limit->rlim_max);
    buffer_append(into, "}", 1);
  }
  buffer_printf(
      into,
      "],\"blocked\":\"%016" PRIx64 "\",\"ignored\":\"%016" PRIx64 "\",\"terminal\":%s,\"closedStreams\":%u}",
      identity->blocked, identity->ignored, identity->terminal ? "true" : "false", identity->closed_streams);
}
