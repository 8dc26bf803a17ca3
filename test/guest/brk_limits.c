// brk: what cannot be done leaves the break where it was.
//@ needs: memory
#include "guest.h"
#include <sys/resource.h>

int main(void) {
  long start = SYS_1(SYS_brk, 0);
  yes_no("below the start", SYS_1(SYS_brk, 4096) == start);
  yes_no("1", SYS_1(SYS_brk, 1) == start);
  yes_no("kernel address", SYS_1(SYS_brk, -1L) == start);
  yes_no("2^47", SYS_1(SYS_brk, 1L << 47) == start);
  long page = (start + PAGE - 1) & -PAGE;
  long blocked = map_at((void *)(page + 16 * PAGE), PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED);
  outcome("a page is mapped ahead of the break", blocked);
  yes_no("up to a page before it", SYS_1(SYS_brk, page + 15 * PAGE) == page + 15 * PAGE);
  yes_no("over it", SYS_1(SYS_brk, page + 20 * PAGE) == page + 20 * PAGE);
  SYS_1(SYS_brk, start);
  SYS_2(SYS_munmap, blocked, PAGE);
  struct rlimit limit = {1 << 20, RLIM_INFINITY};
  outcome("RLIMIT_DATA 1 MiB", SYS_4(SYS_prlimit64, 0, RLIMIT_DATA, &limit, 0));
  yes_no("64 MiB more", SYS_1(SYS_brk, start + (64 << 20)) == start + (64 << 20));
  return 0;
}
