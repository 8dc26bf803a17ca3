// Files of the host that are written in place. The bench runs it where the sandbox lets writes through.
#include <fcntl.h>
#include <unistd.h>

#include "bench.h"

static char buffer[4096];
static char path[4096];
static int fd;

static void begin(void) {
  snprintf(path, sizeof path, "%s/in_place", bench_directory);
  CHECK((fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0);
}

static void end(void) {
  close(fd);
  CHECK(unlink(path) == 0);
}

static void loop_pwrite(long count) {
  for (long i = 0; i < count; i++)
    CHECK(pwrite(fd, buffer, sizeof buffer, i % 256 * (off_t)sizeof buffer) == sizeof buffer);
}

static void loop_fsync(long count) {
  for (long i = 0; i < count; i++) {
    CHECK(pwrite(fd, buffer, sizeof buffer, i % 256 * (off_t)sizeof buffer) == sizeof buffer);
    CHECK(fsync(fd) == 0);
  }
}

static const struct subject subjects[] = {
    {"host_pwrite_4k", loop_pwrite, begin, end},
    {"host_fsync", loop_fsync, begin, end},
};

int main(int argc, char **argv) {
  return BENCH_MAIN(subjects);
}
