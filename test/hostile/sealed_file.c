// Seals of memory files: kept against mappings that the kernel does not know of, and against the host's calls.
//@ args: kept-mapping
//@ args: read-mapping
//@ args: future
//@ ends: 0
#include "hostile.h"
#include <fcntl.h>

static int fd;

static long map(int prot) {
  return SYS_6(SYS_mmap, 0, PAGE, prot, MAP_SHARED, fd, 0);
}

static long seal(unsigned seals) {
  return SYS_3(SYS_fcntl, fd, F_ADD_SEALS, seals);
}

static void attack(const char *what, long at) {
  char *area = pages(4);
  if (!failed(HOST_3(SYS_mprotect, at, PAGE, PROT_READ | PROT_WRITE))) bad(what, 1);
  if (!failed(HOST_3(SYS_madvise, at, PAGE, MADV_REMOVE))) bad(what, 2);
  if (!failed(HOST_5(SYS_mremap, at, 0, PAGE, 3, area)) &&
      !failed(HOST_3(SYS_mprotect, area, PAGE, PROT_READ | PROT_WRITE)))
    bad(what, 3);
  char text[9] = "";
  SYS_4(SYS_pread64, fd, text, 8, 0);
  if (strcmp(text, "contents") != 0) bad(what, 4);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "kept-mapping";
  fd = SYS_2(SYS_memfd_create, "sealed", MFD_ALLOW_SEALING);
  if (ftruncate(fd, PAGE) || write(fd, "contents", 8) != 8) return 1;
  if (strcmp(mode, "kept-mapping") == 0) {
    long at = map(PROT_READ | PROT_WRITE);
    char *kept = pages(1);
    if (failed(HOST_5(SYS_mremap, at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, kept))) bad("not moved", 0);
    SYS_2(SYS_munmap, at, PAGE);
    long error = seal(F_SEAL_WRITE);
    if (error != -EBUSY) bad("sealed while it can be written to", error);
    HOST_2(SYS_munmap, kept, PAGE);
    error = seal(F_SEAL_WRITE);
    if (error != 0) bad("not sealed", error);
    attack(mode, map(PROT_READ));
  }
  if (strcmp(mode, "read-mapping") == 0) {
    long before = map(PROT_READ);
    SYS_2(SYS_munmap, before, PAGE);
    if (seal(F_SEAL_WRITE) != 0) bad("not sealed", 0);
    attack(mode, map(PROT_READ));
  }
  if (strcmp(mode, "future") == 0) {
    long writable_one = map(PROT_READ | PROT_WRITE);
    if (seal(F_SEAL_FUTURE_WRITE) != 0) bad("not sealed", 0);
    if (!failed(HOST_3(SYS_madvise, writable_one, PAGE, MADV_REMOVE))) bad("emptied", 0);
    attack(mode, map(PROT_READ));
  }
  say("done");
  return 0;
}
