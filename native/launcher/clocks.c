// Clocks: see clocks.h.
#include "clocks.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "report.h"
#include "small_file.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const char *const clocks[TIME_CLOCKS] = {"monotonic", "boottime"};
static const char offsets_file[] = "/proc/self/timens_offsets";

static int open_namespace(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail_errno(EXIT_RINGFENCE, "opening the time namespace %s", path);
  return fd;
}

static void learn(struct spec *spec) {
  FILE *file = fopen(offsets_file, "re");
  if (!file) fail_errno(EXIT_RINGFENCE, "reading %s", offsets_file);
  for (int clock = 0; clock < TIME_CLOCKS; clock++) {
    struct time_offset *offset = &spec->time_offsets[clock];
    if (fscanf(file, "%*s %lld %ld", &offset->seconds, &offset->nanoseconds) != 2)
      fail(EXIT_RINGFENCE, "%s is not what it should be", offsets_file);
  }
  fclose(file);
}

int clocks_join(struct spec *spec) {
  if (!spec || !spec->time) return -1;
  int own = open_namespace("/proc/self/ns/time"), fd = open_namespace(spec->time);
  if (setns(fd, CLONE_NEWTIME) < 0)
    fail_errno(EXIT_RINGFENCE, "linux.namespaces: joining the time namespace %s", spec->time);
  close(fd);
  learn(spec);
  return own;
}

void clocks_leave(int own) {
  if (own < 0) return;
  if (setns(own, CLONE_NEWTIME) < 0) fail_errno(EXIT_RINGFENCE, "leaving the container's time namespace");
  close(own);
}

void clocks_set(const struct spec *spec) {
  if (!spec || !spec->sets_time) return;
  if (unshare(CLONE_NEWTIME) < 0)
    fail_errno(EXIT_RINGFENCE, "linux.timeOffsets: making a time namespace (has this host none?)");
  char text[128];
  int length = 0;
  for (int clock = 0; clock < TIME_CLOCKS; clock++)
    length += snprintf(text + length, sizeof text - (size_t)length, "%s %lld %ld\n", clocks[clock],
                       spec->time_offsets[clock].seconds, spec->time_offsets[clock].nanoseconds);
  if (!small_file_write(offsets_file, text))
    fail_errno(EXIT_RINGFENCE, "linux.timeOffsets: setting the clocks");
}

void clocks_write(const struct spec *spec, struct buffer *into) {
  if (!spec || (!spec->sets_time && !spec->time)) return;
  buffer_printf(into, ",\"timeOffsets\":{");
  for (int clock = 0; clock < TIME_CLOCKS; clock++)
    buffer_printf(into, "%s\"%s\":[%lld,%ld]", clock ? "," : "", clocks[clock],
                  spec->time_offsets[clock].seconds, spec->time_offsets[clock].nanoseconds);
  buffer_append(into, "}", 1);
}
