// Memory that Node has alike in every sandbox: each gets a copy of its own at its start, which stays as it is for good.
// Set-up writes the same bytes to a file (scripts/alike.mjs), and an idle sandbox maps that file's pages over its own
// where they are equal: the host then has them once, in its page cache. Nothing changes for who reads them, and who
// writes to a page gets a copy again.
#include "host.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096
/* A mapping of its own for fewer pages costs more than it saves. */
#define RUN_LEAST 16
/* Mappings that are looked at; larger ones are reserves of addresses. */
#define MAPPINGS_MAX 64
#define PAGES_MAX 8192
/* Of a page's entry in pagemap: it is in memory. */
#define PRESENT (1ull << 63)

/* The file begins with its number of pieces and a list of them. A piece stands as far into a page as in memory. */
struct piece {
  uint64_t at, length;
};

struct mapping {
  uint8_t *start;
  size_t pages;
};

static int file = -1;
static uint8_t *bytes; // NULL before it is prepared
static size_t size;

/* Opens the file's bytes, and has the host begin to read them from its disk, if they are not in its memory: what
   compares them later must not wait. */
RF_EXPORT int32_t rf_alike_prepare(int32_t fd) {
  struct stat st;
  if (bytes != NULL) return 0;
  if (fstat(fd, &st)) return -errno;
  if (st.st_size < PAGE) return -EINVAL;
  void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return -errno;
  madvise(at, (size_t)st.st_size, MADV_WILLNEED);
  file = fd;
  bytes = at;
  size = (size_t)st.st_size;
  return 0;
}

/* Anonymous memory of this process in which a piece may lie. */
static int candidates(FILE *maps, uint64_t least, struct mapping *found) {
  char *line = NULL;
  size_t room = 0;
  int n = 0;
  while (n < MAPPINGS_MAX && getline(&line, &room, maps) > 0) {
    uint64_t start, end;
    int length = 0;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " rw-p 00000000 00:00 0%n", &start, &end, &length) != 2) continue;
    if (length == 0 || line[length + strspn(line + length, " \n")] != '\0') continue;
    if (end - start < least || end - start > PAGES_MAX * PAGE) continue;
    found[n++] = (struct mapping){(uint8_t *)start, (end - start) / PAGE};
  }
  free(line);
  return n;
}

/* How many pages from `at` on are in memory and equal to the piece's, from its first whole one on. */
static size_t equal_pages(const uint8_t *at, const uint64_t *entries, size_t pages, const uint8_t *whole,
                          size_t most) {
  size_t n = 0;
  while (n < pages && n < most && (entries[n] & PRESENT) &&
         memcmp(at + n * PAGE, whole + n * PAGE, PAGE) == 0)
    n++;
  return n;
}

/* Maps pages of the file over the equal ones of a mapping. Returns how many. */
static size_t take(struct mapping mapping, const uint64_t *entries, const struct piece *pieces,
                   uint64_t count) {
  size_t taken = 0;
  for (size_t page = 0; page < mapping.pages;) {
    size_t run = 0;
    for (uint64_t i = 0; i < count && run < RUN_LEAST; i++) {
      uint64_t first = (pieces[i].at + PAGE - 1) / PAGE, end = (pieces[i].at + pieces[i].length) / PAGE;
      uint8_t *to = mapping.start + page * PAGE;
      run = equal_pages(to, entries + page, mapping.pages - page, bytes + first * PAGE, end - first);
      if (run < RUN_LEAST) continue;
      int flags = MAP_PRIVATE | MAP_FIXED;
      if (mmap(to, run * PAGE, PROT_READ | PROT_WRITE, flags, file, (off_t)(first * PAGE)) != MAP_FAILED)
        taken += run;
    }
    page += run > 0 ? run : 1;
  }
  return taken;
}

static int64_t take_all(FILE *maps, int pagemap) {
  const uint64_t count = *(const uint64_t *)bytes;
  const struct piece *pieces = (const struct piece *)(bytes + sizeof count);
  uint64_t least = UINT64_MAX;
  for (uint64_t i = 0; i < count; i++)
    if (pieces[i].length < least) least = pieces[i].length;
  struct mapping found[MAPPINGS_MAX];
  int n = candidates(maps, least, found);
  uint64_t *entries = malloc(PAGES_MAX * sizeof *entries);
  int64_t taken = 0;
  for (int i = 0; i < n && entries != NULL; i++) {
    size_t length = found[i].pages * sizeof *entries;
    off_t at = (off_t)((uint64_t)found[i].start / PAGE * sizeof *entries);
    if (pread(pagemap, entries, length, at) == (ssize_t)length)
      taken += (int64_t)take(found[i], entries, pieces, count);
  }
  free(entries);
  return taken * PAGE;
}

/* Gives memory back that is equal to the file's, once, and closes the file. Returns how many bytes, or a negative
   errno. */
RF_EXPORT double rf_alike_take(int32_t proc) {
  int fd = openat(proc, "self/maps", O_RDONLY | O_CLOEXEC);
  int pagemap = openat(proc, "self/pagemap", O_RDONLY | O_CLOEXEC);
  FILE *maps = fd < 0 ? NULL : fdopen(fd, "r");
  int64_t taken = maps == NULL || pagemap < 0 ? -errno : take_all(maps, pagemap);
  if (maps != NULL) fclose(maps);
  if (pagemap >= 0) close(pagemap);
  munmap(bytes, size);
  close(file);
  return (double)taken;
}

/* Node's build of Abseil looks for cycles in the order in which mutexes are taken, at each of them, and has a table of
   a megabyte for it. That is for those who develop it; it also keeps the table from being alike for long. */
void rf_forget_lock_order(void) {
  void (*set_mode)(int) =
      (void (*)(int))dlsym(RTLD_DEFAULT, "_ZN4absl28SetMutexDeadlockDetectionModeENS_15OnDeadlockCycleE");
  if (set_mode != NULL) set_mode(0); // OnDeadlockCycle::kIgnore
}
