// Files of the host that are read, files that are written (in a sandbox without a disk below it: a layer in
// memory), and a pipe whose two ends one process has.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define MIB (1024 * 1024)

static char buffer[MIB];
static char path[4096];
static int fd, pipe_ends[2];

static void name_file(const char *name) {
  snprintf(path, sizeof path, "%s/%s", bench_directory, name);
}

static void begin_read(void) {
  name_file("mebibyte");
  CHECK((fd = open(path, O_RDONLY)) >= 0);
}

static void end_read(void) {
  close(fd);
}

static inline void read_pieces(long count, size_t piece) {
  for (long i = 0; i < count; i++)
    CHECK(pread(fd, buffer, piece, (off_t)((size_t)i * piece % MIB)) == (ssize_t)piece);
}

static void loop_pread_1(long count) {
  read_pieces(count, 1);
}
static void loop_pread_4k(long count) {
  read_pieces(count, 4096);
}
static void loop_pread_64k(long count) {
  read_pieces(count, 65536);
}
static void loop_pread_1m(long count) {
  read_pieces(count, MIB);
}

static void loop_lseek(long count) {
  while (count--)
    CHECK(lseek(fd, 5, SEEK_SET) == 5);
}

static void loop_fstat(long count) {
  struct stat status;
  while (count--)
    CHECK(fstat(fd, &status) == 0);
}

static void begin_path(void) {
  name_file("mebibyte");
}

static void loop_stat(long count) {
  struct stat status;
  while (count--)
    CHECK(stat(path, &status) == 0);
}

static void begin_missing(void) {
  name_file("missing");
}

static void loop_stat_missing(long count) {
  struct stat status;
  while (count--)
    CHECK(stat(path, &status) < 0 && errno == ENOENT);
}

static void loop_open_close(long count) {
  while (count--) {
    int opened = open(path, O_RDONLY);
    CHECK(opened >= 0 && close(opened) == 0);
  }
}

static void begin_getdents(void) {
  name_file("thousand");
}

static void loop_getdents(long count) {
  while (count--) {
    int opened = open(path, O_RDONLY | O_DIRECTORY);
    CHECK(opened >= 0);
    long got;
    while ((got = syscall(SYS_getdents64, opened, buffer, 32768)) > 0) {
    }
    CHECK(got == 0 && close(opened) == 0);
  }
}

static void begin_write(void) {
  name_file("written");
  CHECK((fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0);
  CHECK(write(fd, buffer, MIB) == MIB);
}

static void end_write(void) {
  close(fd);
  CHECK(unlink(path) == 0);
}

static inline void write_pieces(long count, size_t piece) {
  for (long i = 0; i < count; i++)
    CHECK(pwrite(fd, buffer, piece, (off_t)((size_t)i * piece % MIB)) == (ssize_t)piece);
}

static void loop_pwrite_4k(long count) {
  write_pieces(count, 4096);
}
static void loop_pwrite_64k(long count) {
  write_pieces(count, 65536);
}

static void begin_create(void) {
  name_file("created");
}

static void loop_create_unlink(long count) {
  while (count--) {
    int opened = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(opened >= 0 && close(opened) == 0 && unlink(path) == 0);
  }
}

static void begin_pipe(void) {
  CHECK(pipe(pipe_ends) == 0);
}

static void end_pipe(void) {
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

static inline void pass_pieces(long count, size_t piece) {
  while (count--) {
    CHECK(write(pipe_ends[1], buffer, piece) == (ssize_t)piece);
    CHECK(read(pipe_ends[0], buffer, piece) == (ssize_t)piece);
  }
}

static void loop_pipe(long count) {
  pass_pieces(count, 1);
}
static void loop_pipe_64k(long count) {
  pass_pieces(count, 65536);
}

static const struct subject subjects[] = {
    {"pread_1", loop_pread_1, begin_read, end_read},
    {"pread_4k", loop_pread_4k, begin_read, end_read},
    {"pread_64k", loop_pread_64k, begin_read, end_read},
    {"pread_1m", loop_pread_1m, begin_read, end_read},
    {"lseek", loop_lseek, begin_read, end_read},
    {"fstat", loop_fstat, begin_read, end_read},
    {"stat", loop_stat, begin_path, NULL},
    {"stat_missing", loop_stat_missing, begin_missing, NULL},
    {"open_close", loop_open_close, begin_path, NULL},
    {"getdents", loop_getdents, begin_getdents, NULL},
    {"pwrite_4k", loop_pwrite_4k, begin_write, end_write},
    {"pwrite_64k", loop_pwrite_64k, begin_write, end_write},
    {"create_unlink", loop_create_unlink, begin_create, NULL},
    {"pipe", loop_pipe, begin_pipe, end_pipe},
    {"pipe_64k", loop_pipe_64k, begin_pipe, end_pipe},
};

int main(int argc, char **argv) {
  return BENCH_MAIN(subjects);
}
