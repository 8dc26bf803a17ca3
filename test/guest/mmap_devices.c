// Mappings of the memory devices: /dev/zero is anonymous memory, shared or private; the others cannot be mapped. And
// the flags that MAP_SHARED_VALIDATE refuses.
//@ needs: memory shared-memory files fork
#include "guest.h"
#include <fcntl.h>
#include <sys/wait.h>

static void unvalidated(int fd) {
  static const int bits[] = {0x4,       0x8,       0x40,       0x80,      0x100,    0x200,    0x400,
                             0x800,     0x1000,    0x2000,     0x4000,    0x8000,   0x10000,  0x20000,
                             0x40000,   0x80000,   0x100000,   0x200000,  0x400000, 0x800000, 0x1000000,
                             0x2000000, 0x4000000, 0x40000000, 0x80000000};
  for (unsigned i = 0; i < sizeof bits / sizeof *bits; i++) {
    char what[40];
    snprintf(what, sizeof what, "validate %x", bits[i]);
    long at = SYS_6(SYS_mmap, 0x10000000000, PAGE, PROT_READ, MAP_SHARED_VALIDATE | bits[i], fd, 0);
    outcome(what, at);
    if (!failed(at)) munmap((void *)at, PAGE);
  }
  outcome("anonymous", SYS_6(SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0));
}

int main(void) {
  int zero = open("/dev/zero", O_RDWR), reads = open("/dev/zero", O_RDONLY);
  char *shared = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
  char *private = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, PAGE);
  outcome("shared", (long)shared);
  outcome("private", (long)private);
  say("zeros: %d %d", shared[0], private[PAGE]);
  shared[0] = private[0] = 'p';
  if (fork() == 0) {
    shared[0] = private[0] = 'c';
    _exit(0);
  }
  wait(NULL);
  say("after the child: %c %c", shared[0], private[0]);
  char *other = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, zero, 0);
  say("another mapping: %d", other[0]);
  outcome("shared, to write, of a file to read", SYS_6(SYS_mmap, 0, PAGE, PROT_WRITE, MAP_SHARED, reads, 0));
  long at = SYS_6(SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, reads, 0);
  outcome("shared, of a file to read", at);
  value("mprotect", SYS_3(SYS_mprotect, at, PAGE, PROT_READ | PROT_WRITE));
  outcome("private, to write, of a file to read",
          SYS_6(SYS_mmap, 0, PAGE, PROT_WRITE, MAP_PRIVATE, reads, 0));
  outcome("full", SYS_6(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, open("/dev/full", O_RDWR), 0));
  outcome("null", SYS_6(SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, open("/dev/null", O_RDWR), 0));
  value("grown", SYS_5(SYS_mremap, private, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE, 0) > 0);
  char path[] = "/tmp/mmap-devices-XXXXXX";
  int fd = mkstemp(path);
  unlink(path);
  if (ftruncate(fd, PAGE)) return 1;
  unvalidated(fd);
}
