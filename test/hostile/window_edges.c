// F5: calls that change the address space, aimed at the stub window and across each of its edges.
// Everything that the stub needs must stay as it was.
//@ args: mmap
//@ args: munmap
//@ args: munmap-inside
//@ args: mprotect
//@ args: mremap
//@ args: madvise
//@ ends: 0
#include "hostile.h"

static const struct {
  unsigned long at, length;
} ranges[] = {
    {RF_WINDOW_BASE, PAGE},
    {RF_WINDOW_BASE - PAGE, 2 * PAGE},
    {RF_WINDOW_BASE - (1ul << 32), 1ul << 33},
    {0x10000, RF_WINDOW_BASE},
    {0, RF_WINDOW_BASE + PAGE},
    {0, RF_TASK_SIZE},
    {RF_WINDOW_END - PAGE, PAGE},
    {RF_WINDOW_END - PAGE, 2 * PAGE},
    {RF_KERNEL_PAGE, RF_KP_SIZE},
    {RF_HOST_VDSO, PAGE},
    {RF_CHUNKS, RF_CHUNK_SIZE},
    {RF_CHUNKS - PAGE, 2 * PAGE},
    {0x10000, -1ul << 12},
    {RF_WINDOW_BASE | 1ul << 63, PAGE},
    {RF_WINDOW_BASE, 1ul << 62},
};
#define COUNT (sizeof ranges / sizeof *ranges)

static int in_window(unsigned long at) {
  return at >= RF_WINDOW_BASE && at < RF_WINDOW_END;
}

static void unharmed(const char *what) {
  if (*(volatile uint32_t *)RF_KERNEL_PAGE != RF_KP_MAGIC_VALUE) bad(what, 0);
  if (*(volatile uint64_t *)(SLOT + RF_SELF) != SLOT) bad(what, 1);
  if (gadget[0] != 0x0f) bad(what, 2);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "mmap";
  char *area = pages(2);
  find_gadget();
  int notified = 0;
  for (size_t i = 0; i < COUNT; i++) {
    unsigned long at = ranges[i].at, length = ranges[i].length;
    // A process gets 15 unexpected notifications; those calls have a run of their own.
    long r = -EPERM;
    if (strcmp(mode, "mmap") == 0) {
      if (++notified > 14) break;
      r = HOST_6(SYS_mmap, at, length, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    } else if (strcmp(mode, "munmap") == 0) {
      if (in_window(at)) continue;
      r = HOST_2(SYS_munmap, at, length);
    } else if (strcmp(mode, "munmap-inside") == 0) {
      if (!in_window(at) || ++notified > 14) continue;
      r = HOST_2(SYS_munmap, at, length);
    } else if (strcmp(mode, "mprotect") == 0) {
      for (int prot = 0; prot < 8; prot++) {
        r = HOST_3(SYS_mprotect, at, length, prot);
        if (!failed(r)) bad("mprotect", (long)at);
      }
    } else if (strcmp(mode, "mremap") == 0) {
      for (int flags = 0; flags < 8; flags++) {
        r = HOST_5(SYS_mremap, at, length, length, flags, area);
        if (!failed(r)) bad("mremap from", (long)at);
        r = HOST_5(SYS_mremap, area, PAGE, length, flags, at);
        // In place (flags 0) the new address counts for nothing.
        if (!failed(r) && (unsigned long)r == at) bad("mremap to", (long)at);
      }
    } else {
      for (int advice = 0; advice < 26; advice++) {
        if (advice == MADV_DONTFORK && length == RF_CHUNK_SIZE && at >> 32 == RF_CHUNKS >> 32) continue;
        r = HOST_3(SYS_madvise, at, length, advice);
        if (!failed(r)) bad("madvise", (long)at);
      }
    }
    if (!failed(r)) bad(mode, (long)at);
    unharmed(mode);
  }
  say("done");
  return 0;
}
