// Which pages are in memory: mincore, what locking brings in, and what smaps and status say of both.
//@ needs: memory mlock proc
#include "guest.h"

static void resident(const char *what, char *at, int pages) {
  unsigned char vector[16];
  char text[17] = "";
  long error = SYS_3(SYS_mincore, at, pages * PAGE, vector);
  for (int i = 0; i < pages; i++)
    text[i] = vector[i] & 1 ? 'r' : '-';
  text[pages] = 0;
  say("%s: %s", what, error ? error_name(error) : text);
}

// The rows of the mapping that begins there.
static void rows(char *at) {
  FILE *file = fopen("/proc/self/smaps", "r");
  char line[300];
  unsigned long start;
  int here = 0;
  while (fgets(line, sizeof line, file)) {
    char dash;
    if (sscanf(line, "%lx%c", &start, &dash) == 2 && dash == '-') here = start == (unsigned long)at;
    static const char *const names[] = {"Size:", "Rss:", "Anonymous:", "Locked:"};
    for (unsigned i = 0; here && i < sizeof names / sizeof *names; i++)
      if (strncmp(line, names[i], strlen(names[i])) == 0) say("  %.*s", (int)strcspn(line, "\n"), line);
  }
  fclose(file);
}

static void locked(void) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[300];
  while (fgets(line, sizeof line, file))
    if (strncmp(line, "VmLck:", 6) == 0) say("  %.*s", (int)strcspn(line, "\n"), line);
  fclose(file);
}

int main(void) {
  char *at = pages(8);
  resident("untouched", at, 8);
  at[0] = at[3 * PAGE] = 1;
  (void)*(volatile char *)(at + 5 * PAGE);
  resident("touched", at, 8);
  // A page of zeros that was only read is not among what a process has.
  madvise(at, PAGE, MADV_DONTNEED);
  madvise(at + 5 * PAGE, PAGE, MADV_DONTNEED);
  resident("given up", at, 8);
  rows(at);
  value("lock two", SYS_2(SYS_mlock, at, 2 * PAGE));
  resident("locked", at, 8);
  rows(at);
  locked();
  value("lock all, when they are touched", SYS_3(SYS_mlock2, at, 8 * PAGE, MLOCK_ONFAULT));
  resident("locked", at, 8);
  locked();
  value("unlock", SYS_2(SYS_munlock, at, 8 * PAGE));
  locked();
  mprotect(at + 7 * PAGE, PAGE, PROT_NONE);
  value("lock what cannot be used", SYS_2(SYS_mlock, at, 8 * PAGE));
  resident("locked", at, 8);
  char *shared = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  shared[PAGE] = 1;
  resident("shared", shared, 4);
  char *map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
  resident("mapped locked", map, 4);
  munmap(shared, 2 * PAGE);
  resident("a hole", shared, 4);
}
