// mmap without MAP_FIXED: a hint is followed where it is free, rounded down, and never fatal.
//@ needs: memory
#include "guest.h"

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

int main(void) {
  long area = map_at(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, ANON);
  outcome("no hint", area);
  yes_no("page aligned", (area & (PAGE - 1)) == 0);
  SYS_2(SYS_munmap, area, 64 * PAGE);
  yes_no("free hint is followed", map_at((void *)area, PAGE, PROT_READ, ANON) == area);
  yes_no("taken hint is not", map_at((void *)area, PAGE, PROT_READ, ANON) != area);
  yes_no("unaligned hint is rounded down to a page",
         (map_at((void *)(area + 8 * PAGE + 123), PAGE, PROT_READ, ANON) & (PAGE - 1)) == 0);
  outcome("hint in kernel space", map_at((void *)-4096L, PAGE, PROT_READ, ANON));
  outcome("hint 1", map_at((void *)1, PAGE, PROT_READ, ANON));
  outcome("hint below 2^47", map_at((void *)((1L << 47) - 4096), PAGE, PROT_READ, ANON));
  long a = map_at(NULL, PAGE, PROT_READ, ANON), b = map_at(NULL, PAGE, PROT_READ, ANON);
  yes_no("two mappings differ", a != b);
  yes_no("MAP_32BIT lies below 2^31", map_at(NULL, PAGE, PROT_READ, ANON | MAP_32BIT) < (1L << 31));
  // Below the gigabyte that MAP_32BIT searches, in it, and above.
  static const long hints[] = {0x20000000, 0x50000000, 0x7fff0000, 0x90000000};
  for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
    long at = map_at((void *)hints[i], 32 * PAGE, PROT_READ, ANON | MAP_32BIT);
    say("MAP_32BIT with hint %#lx: %s", hints[i],
        at == hints[i]    ? "followed"
        : at < (1L << 31) ? "low"
                          : "high");
  }
  long at = map_at((void *)0x50000000, PAGE, PROT_READ, ANON | MAP_32BIT);
  say("MAP_32BIT with a taken hint: %s", at != 0x50000000 && at < (1L << 31) ? "elsewhere" : "there");
  return 0;
}
