// F5, F13: the calls on the filter's list, with arguments that are not on it.
//@ ends: 0
#include "hostile.h"

#include <fcntl.h>
#include <linux/prctl.h>

static void refused(const char *what, long result) {
  if (result != -EPERM) bad(what, result);
}

// A read-only shared mapping of a host file has the futex key that host processes use (F23).
static void *host_file(void) {
  static void *at;
  if (at) return at;
  int fd = open("/proc/self/exe", O_RDONLY);
  at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  return at;
}

static uint32_t word = 1;

// Of each operation, on memory of every kind: what is on the list finds another value there, or nobody.
static void futexes(void) {
  static const struct {
    const char *what;
    unsigned long at;
    int is_slot, is_listed;
  } places[] = {
      {"its own memory", 0, 0, 1},
      {"a slot", SLOT + RF_REPLY, 1, 0},
      {"the stub's text", RF_STUB_TEXT, 0, 0},
      {"the host's vDSO", RF_HOST_VDSO, 0, 0},
      {"the kernel page", RF_KERNEL_PAGE, 0, 0},
      {"the window's begin", RF_WINDOW_BASE, 0, 0},
      {"the window's end", RF_WINDOW_END - 4, 0, 0},
      {"behind the window", RF_WINDOW_END, 0, 1},
      {"before the window", RF_WINDOW_BASE - 4, 0, 1},
      {"the kernel's memory", -4096ul, 0, 1},
  };
  unsigned long own = (unsigned long)&word;
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
    unsigned long at = places[i].at ? places[i].at : own;
    for (long op = 0; op < 0x400; op++) {
      int waits = (op & ~0x100l) == 0x89, requeues = op == 0x83 || op == 0x84;
      int listed = (places[i].is_listed && (waits || requeues || op == 0x8a)) ||
                   (places[i].is_slot && (waits || op < 2));
      long result = HOST_6(SYS_futex, at, op, 0x7ffffff1, 0, own, 1);
      if (listed == (result == -EPERM)) {
        say("BAD futex operation %lx on %s: %ld", op, places[i].what, result);
      }
      if (!requeues) continue;
      // The second word, as well.
      result = HOST_6(SYS_futex, own, op, 1, 1, at, 1);
      if (places[i].is_listed == (result == -EPERM)) say("BAD requeueing to %s: %ld", places[i].what, result);
    }
  }
  for (long op = 0; op < 0x200; op++)
    refused("futex operation with upper bits", HOST_6(SYS_futex, &word, op | 1l << 32, 2, 0, &word, 1));
}

// What the host's ps shows of the stub, and nothing else of prctl.
static void shown_names(char *area) {
  for (long option = 0; option < 128; option++)
    if (option != PR_SET_NAME && option != PR_SET_MM) refused("prctl", HOST_5(SYS_prctl, option, 1, 0, 0, 0));
  refused("prctl with upper bits", HOST_5(SYS_prctl, PR_SET_NAME | 1l << 32, area, 0, 0, 0));
  unsigned long at = (unsigned long)area;
  struct prctl_mm_map map = {at, at + 1, at, at, at, at, at, at, at, at, at, NULL, 0, RF_DOORBELL_FD};
  for (long field = 0; field < 32; field++)
    if (field != PR_SET_MM_MAP)
      refused("one address", HOST_5(SYS_prctl, PR_SET_MM, field, &map, sizeof map, 0));
  refused("addresses of another size", HOST_5(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map - 8, 0));
  refused("addresses and more", HOST_5(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 1));
  if (HOST_5(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0) bad("another program file", 0);
}

int main(void) {
  static uint64_t count = 1;
  char *area = pages(2);
  futexes();
  shown_names(area);
  refused("futex operation with upper bits", HOST_3(SYS_futex, SLOT + RF_REPLY, 0x100000001, 1));
  for (int op = 0; op < 2; op++) {
    refused("futex on the guest's memory", HOST_4(SYS_futex, &word, op, 0, 0));
    refused("futex on a file of the host", HOST_4(SYS_futex, host_file(), op, 0, 0));
  }
  if (HOST_3(SYS_futex, SLOT + RF_REPLY, 1, 1) != 0) bad("futex wake is on the list", 0);
  for (int fd = 0; fd < RF_DOORBELL_FD; fd++)
    refused("write below the doorbells", HOST_3(SYS_write, fd, &count, 8));
  refused("write above the doorbells", HOST_3(SYS_write, RF_DOORBELL_FD + RF_KERNEL_THREADS_MAX, &count, 8));
  refused("write of 7 bytes", HOST_3(SYS_write, RF_DOORBELL_FD, &count, 7));
  refused("write of 8 bytes and 2^32", HOST_3(SYS_write, RF_DOORBELL_FD, &count, 0x100000008));
  refused("write of a doorbell with upper bits", HOST_3(SYS_write, RF_DOORBELL_FD | 1L << 32, &count, 8));
  for (int fd = RF_DOORBELL_FD; fd < RF_DOORBELL_FD + 8; fd++)
    refused("close of a doorbell", HOST_1(SYS_close, fd));
  refused("close with upper bits", HOST_1(SYS_close, 1L << 32));
  for (int fd = 0; fd < RF_DOORBELL_FD; fd++) {
    long r = HOST_1(SYS_close, fd);
    if (fd == RF_DONATED_FD && r == 0) continue; // of the file that was mapped last
    if (r != -EBADF) bad("a descriptor below the doorbells was open", fd);
  }
  for (int command = 0; command < 1 << 12; command = command ? command * 2 : 1)
    if (command != 8 && command != 16 && command != 32 && command != 64)
      refused("membarrier", HOST_2(SYS_membarrier, command, 0));
  struct timespec t;
  for (int clock = 0; clock < 12; clock++)
    if (clock != 1 && clock != 3) refused("clock_gettime", HOST_2(SYS_clock_gettime, clock, &t));
  refused("clock_gettime of another thread", HOST_2(SYS_clock_gettime, -2L, &t));
  for (int advice = -1; advice < 110; advice++) {
    int on_list = (advice >= 0 && advice <= 4) || advice == 8 || advice == 9 || advice == 14 ||
                  advice == 15 || (advice >= 20 && advice <= 23);
    if (!on_list) refused("madvise", HOST_3(SYS_madvise, area, PAGE, advice));
  }
  unsigned long chunks[][2] = {{RF_CHUNKS, PAGE},
                               {RF_CHUNKS, 2ul * RF_CHUNK_SIZE},
                               {RF_CHUNKS, RF_CHUNK_SIZE | 1ul << 32},
                               {RF_STUB_TEXT, RF_CHUNK_SIZE},
                               {RF_KERNEL_PAGE, RF_CHUNK_SIZE},
                               {(unsigned long)area, RF_CHUNK_SIZE}};
  for (int i = 0; i < 6; i++)
    refused("madvise that forks do not inherit",
            HOST_3(SYS_madvise, chunks[i][0], chunks[i][1], MADV_DONTFORK));
  refused("madvise that forks inherit a chunk", HOST_3(SYS_madvise, RF_CHUNKS, RF_CHUNK_SIZE, MADV_DOFORK));
  refused("mprotect with PROT_GROWSDOWN", HOST_3(SYS_mprotect, area, PAGE, 1 | 0x01000000));
  refused("mprotect with 8", HOST_3(SYS_mprotect, area, PAGE, 8));
  refused("mremap that moves where the kernel likes", HOST_5(SYS_mremap, area, PAGE, 8 * PAGE, 1, 0));
  refused("mremap without unmapping, where the kernel likes", HOST_5(SYS_mremap, area, PAGE, PAGE, 5, 0));
  say("done");
  return 0;
}
