// The other threads of the calling process (V8's, libuv's, further kernel threads): how much of the CPUs they want.
#include "../host/host.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

// V8 and libuv make a dozen; of more, some are not counted.
#define HELPERS_MAX 64
// Calls between two looks for threads that have come or gone.
#define CALLS_PER_LIST 64

static struct helper { int32_t tid, schedstat; } helpers[HELPERS_MAX];
static int helper_count, calls_left;

static void add(int tasks, int32_t tid) {
  char name[32];
  for (int i = 0; i < helper_count; i++)
    if (helpers[i].tid == tid) return;
  if (helper_count == HELPERS_MAX || tid <= 0 || tid == (int32_t)syscall(SYS_gettid)) return;
  snprintf(name, sizeof name, "%d/schedstat", tid);
  int fd = openat(tasks, name, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) helpers[helper_count++] = (struct helper){tid, fd};
}

static int32_t list(int32_t proc) {
  _Alignas(struct dirent64) char entries[4096];
  int tasks = openat(proc, "self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (tasks < 0) return -errno;
  ssize_t n;
  while ((n = syscall(SYS_getdents64, tasks, entries, sizeof entries)) > 0)
    for (ssize_t at = 0; at < n;) {
      struct dirent64 *entry = (struct dirent64 *)(entries + at);
      add(tasks, (int32_t)strtol(entry->d_name, NULL, 10));
      at += entry->d_reclen;
    }
  int error = n < 0 ? errno : 0;
  close(tasks);
  return -error;
}

// Nanoseconds that a thread has run or waited for a CPU, of /proc/PID/schedstat (proc(5)); -1: it is gone.
static double wanted(const struct helper *helper) {
  char text[96];
  unsigned long long ran, waited;
  ssize_t n = pread(helper->schedstat, text, sizeof text - 1, 0);
  if (n <= 0) return -1;
  text[n] = '\0';
  return sscanf(text, "%llu %llu", &ran, &waited) == 2 ? (double)(ran + waited) : -1;
}

/* Nanoseconds that the other threads of this process, those that live, ran on a CPU or waited for one so far; or a
   negative errno. `proc` is a proc file system. For one thread of the process alone. */
RF_EXPORT double rf_helpers_ns(int32_t proc) {
  if (calls_left-- == 0) {
    int32_t error = list(proc);
    calls_left = CALLS_PER_LIST - 1;
    if (error < 0) return error;
  }
  double sum = 0;
  for (int i = helper_count - 1; i >= 0; i--) {
    double ns = wanted(&helpers[i]);
    if (ns >= 0) {
      sum += ns;
      continue;
    }
    close(helpers[i].schedstat);
    helpers[i] = helpers[--helper_count];
  }
  return sum;
}
