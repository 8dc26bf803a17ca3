// Large mappings that are never touched in full.
//@ needs: memory
#include "guest.h"

int main(void) {
  size_t huge = 1ul << 40;
  long at = map_at(NULL, huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
  outcome("1 TiB, no access, no reserve", at);
  outcome("its middle made writable", SYS_3(SYS_mprotect, at + (1L << 39), PAGE, PROT_READ | PROT_WRITE));
  access_of("its middle", (char *)at + (1L << 39));
  access_of("beside it", (char *)at + (1L << 39) + PAGE);
  outcome("its middle unmapped", SYS_2(SYS_munmap, at + (1L << 39), PAGE));
  outcome("all unmapped", SYS_2(SYS_munmap, at, huge));
  at = map_at(NULL, 1ul << 36, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
  outcome("64 GiB writable, no reserve", at);
  for (long i = 0; i < 64; i++)
    ((volatile char *)at)[i << 30] = i;
  long sum = 0;
  for (long i = 0; i < 64; i++)
    sum += ((volatile char *)at)[i << 30];
  value("sum of a byte in each GiB", sum);
  return 0;
}
