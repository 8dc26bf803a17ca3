// Mappings and faults.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define PAGE 4096l
#define PIECE (16 * PAGE)
#define REGION_PAGES 16384l

static volatile char *region;
static int fd;

static void *map(size_t size, int protection, int flags, int file) {
  void *mapped = mmap(NULL, size, protection, flags, file, 0);
  CHECK(mapped != MAP_FAILED);
  return mapped;
}

static void loop_mmap_touch(long count) {
  while (count--) {
    volatile char *piece = map(PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    for (long at = 0; at < PIECE; at += PAGE)
      piece[at] = 1;
    CHECK(munmap((void *)piece, PIECE) == 0);
  }
}

static void loop_mmap(long count) {
  while (count--)
    CHECK(munmap(map(PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1), PIECE) == 0);
}

static void begin_file(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s/mebibyte", bench_directory);
  CHECK((fd = open(path, O_RDONLY)) >= 0);
}

static void end_file(void) {
  close(fd);
}

static void loop_mmap_file(long count) {
  while (count--) {
    volatile char *piece = map(PIECE, PROT_READ, MAP_PRIVATE, fd);
    for (long at = 0; at < PIECE; at += PAGE)
      (void)piece[at];
    CHECK(munmap((void *)piece, PIECE) == 0);
  }
}

static void begin_region(void) {
  region = map(REGION_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  madvise((void *)region, REGION_PAGES * PAGE, MADV_NOHUGEPAGE);
}

static void end_region(void) {
  CHECK(munmap((void *)region, REGION_PAGES * PAGE) == 0);
}

// The pages are given back when all have been touched: one call for 16 384 faults.
static void loop_fault(long count) {
  for (long i = 0; i < count; i++) {
    long page = i % REGION_PAGES;
    if (page == 0) CHECK(madvise((void *)region, REGION_PAGES * PAGE, MADV_DONTNEED) == 0);
    region[page * PAGE] = 1;
  }
}

static void loop_mprotect(long count) {
  while (count--) {
    CHECK(mprotect((void *)region, PAGE, PROT_READ) == 0);
    CHECK(mprotect((void *)region, PAGE, PROT_READ | PROT_WRITE) == 0);
  }
}

static void allow(int signal) {
  (void)signal;
  mprotect((void *)region, PAGE, PROT_READ | PROT_WRITE);
}

static void begin_handled(void) {
  begin_region();
  CHECK(signal(SIGSEGV, allow) != SIG_ERR);
}

static void end_handled(void) {
  signal(SIGSEGV, SIG_DFL);
  end_region();
}

static void loop_handled(long count) {
  while (count--) {
    CHECK(mprotect((void *)region, PAGE, PROT_NONE) == 0);
    region[0] = 1;
  }
}

static void loop_brk(long count) {
  while (count--) {
    volatile char *at = sbrk(PIECE);
    CHECK(at != (void *)-1);
    at[0] = 1;
    CHECK(sbrk(-PIECE) != (void *)-1);
  }
}

static const struct subject subjects[] = {
    {"mmap_touch", loop_mmap_touch, NULL, NULL},
    {"mmap", loop_mmap, NULL, NULL},
    {"mmap_file", loop_mmap_file, begin_file, end_file},
    {"fault", loop_fault, begin_region, end_region},
    {"mprotect", loop_mprotect, begin_region, end_region},
    {"fault_handled", loop_handled, begin_handled, end_handled},
    {"brk", loop_brk, NULL, NULL},
};

int main(int argc, char **argv) {
  return BENCH_MAIN(subjects);
}
