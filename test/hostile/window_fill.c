// F5: a guest fills its address space; no mapping that it gets touches the stub window, and fixed
// ones in the window are refused like addresses that no program can have.
//@ ends: 0
#include "hostile.h"

int main(void) {
  unsigned long sizes[] = {1ul << 42, 1ul << 40, 1ul << 36, 1ul << 32, 1ul << 28};
  int mappings = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (int k = 0; k < 2000; k++) {
      long at = map_at(NULL, sizes[i], PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
      if (failed(at)) break;
      mappings++;
      unsigned long start = at;
      if (start < RF_WINDOW_END && start + sizes[i] > RF_WINDOW_BASE) bad("a mapping touches the window", at);
    }
  yes_no("many mappings", mappings > 20);
  static const unsigned long inside[] = {RF_WINDOW_BASE,       RF_KERNEL_PAGE, RF_CHUNKS,
                                         RF_WINDOW_END - 4096, RF_STUB_TEXT,   RF_WINDOW_BASE - 4096};
  for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    long r = map_at((void *)inside[i], 2 * PAGE, PROT_READ, flags | MAP_FIXED);
    if (!failed(r)) bad("fixed mapping in the window", r);
    r = map_at((void *)inside[i], 2 * PAGE, PROT_READ, flags | MAP_FIXED_NOREPLACE);
    if (!failed(r)) bad("fixed mapping without replacing in the window", r);
    SYS_2(SYS_munmap, inside[i], 2 * PAGE);
    r = SYS_3(SYS_mprotect, inside[i], 2 * PAGE, 7);
    if (!failed(r)) bad("mprotect in the window", r);
    r = SYS_5(SYS_mremap, inside[i], PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0);
    if (!failed(r)) bad("mremap in the window", r);
    r = SYS_3(SYS_madvise, inside[i], 2 * PAGE, MADV_DONTNEED);
    if (!failed(r)) bad("madvise in the window", r);
  }
  if (*(volatile uint32_t *)RF_KERNEL_PAGE != RF_KP_MAGIC_VALUE) bad("the kernel page is gone", 0);
  say("done");
  return 0;
}
