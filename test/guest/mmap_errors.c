// mmap: lengths, flags and descriptors that are wrong.
//@ needs: memory
#include "guest.h"

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

int main(void) {
  outcome("length 0", map_at(NULL, 0, PROT_READ, ANON));
  outcome("length 1", map_at(NULL, 1, PROT_READ, ANON));
  outcome("length 2^47", map_at(NULL, 1ul << 47, PROT_NONE, ANON | MAP_NORESERVE));
  outcome("length -1", map_at(NULL, -1ul, PROT_READ, ANON));
  outcome("length -4096", map_at(NULL, -4096ul, PROT_READ, ANON));
  outcome("neither shared nor private", map_at(NULL, PAGE, PROT_READ, MAP_ANONYMOUS));
  outcome("shared and private", map_at(NULL, PAGE, PROT_READ, MAP_ANONYMOUS | 3));
  outcome("descriptor -1", SYS_6(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, -1, 0));
  outcome("descriptor 77", SYS_6(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, 77, 0));
  outcome("descriptor of a pipe", SYS_6(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, 0, 0));
  outcome("unaligned offset", SYS_6(SYS_mmap, 0, PAGE, PROT_READ, ANON, -1, 100));
  outcome("anonymous with an offset", SYS_6(SYS_mmap, 0, PAGE, PROT_READ, ANON, -1, 8 * PAGE));
  outcome("anonymous with a bad descriptor", SYS_6(SYS_mmap, 0, PAGE, PROT_READ, ANON, 77, 0));
  outcome("unknown protection bits", map_at(NULL, PAGE, 0x100, ANON));
  outcome("MAP_STACK and MAP_DENYWRITE", map_at(NULL, PAGE, PROT_READ, ANON | MAP_STACK | MAP_DENYWRITE));
  outcome("MAP_POPULATE", map_at(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, ANON | MAP_POPULATE));
  outcome("MAP_SYNC without a file",
          map_at(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_ANONYMOUS | MAP_SYNC));
  outcome("munmap unaligned", SYS_2(SYS_munmap, 100, PAGE));
  outcome("munmap length 0", SYS_2(SYS_munmap, PAGE, 0));
  outcome("munmap nothing", SYS_2(SYS_munmap, 0x10000000, PAGE));
  outcome("munmap in kernel space", SYS_2(SYS_munmap, 1L << 47, PAGE));
  outcome("munmap across the end", SYS_2(SYS_munmap, (1L << 47) - PAGE, 4 * PAGE));
  outcome("munmap length -1", SYS_2(SYS_munmap, PAGE, -1L));
  return 0;
}
