// RLIMIT_AS: mappings beyond it fail with ENOMEM, and freeing makes room.
//@ needs: memory rlimits
#include "guest.h"
#include <sys/resource.h>

int main(void) {
  struct rlimit limit = {256 << 20, RLIM_INFINITY};
  outcome("RLIMIT_AS 256 MiB", SYS_4(SYS_prlimit64, 0, RLIMIT_AS, &limit, 0));
  long a = map_at(NULL, 128 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  outcome("128 MiB", a);
  outcome("128 MiB more", map_at(NULL, 128 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS));
  outcome("mremap to 300 MiB", SYS_5(SYS_mremap, a, 128 << 20, 300 << 20, MREMAP_MAYMOVE, 0));
  outcome("unmapped", SYS_2(SYS_munmap, a, 128 << 20));
  outcome("128 MiB again", map_at(NULL, 128 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS));
  return 0;
}
