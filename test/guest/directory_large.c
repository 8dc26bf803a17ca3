// A directory with so many names that its listing takes a while: each is there once, also after a rewind, in small
// buffers, and after what could not be delivered.
#include "guest.h"
#include <fcntl.h>

#define COUNT 9000
static char seen[COUNT];

struct record {
  unsigned long ino;
  long offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

static void list(int fd, unsigned size) {
  static char buffer[1 << 16];
  memset(seen, 0, sizeof seen);
  long names = 0, twice = 0, odd = 0;
  for (long n; (n = SYS_3(SYS_getdents64, fd, buffer, size)) > 0;)
    for (long at = 0; at < n; at += ((struct record *)(buffer + at))->length) {
      struct record *record = (struct record *)(buffer + at);
      int i;
      if (sscanf(record->name, "f%d", &i) != 1 || i < 0 || i >= COUNT) {
        odd++;
        continue;
      }
      names++;
      twice += seen[i]++;
    }
  say("names %ld, twice %ld, others %ld", names, twice, odd);
}

int main(void) {
  char path[] = "/tmp/directory_large-XXXXXX";
  if (!mkdtemp(path) || chdir(path)) return 1;
  char name[16];
  for (int i = 0; i < COUNT; i++) {
    sprintf(name, "f%d", i);
    close(open(name, O_CREAT | O_WRONLY, 0600));
  }
  int fd = open(".", O_RDONLY | O_DIRECTORY);
  list(fd, 1 << 16);
  value("at the end", SYS_3(SYS_getdents64, fd, name, sizeof name));
  lseek(fd, 0, SEEK_SET);
  list(fd, 256);
  lseek(fd, 0, SEEK_SET);
  value("a buffer too small", SYS_3(SYS_getdents64, fd, name, 8));
  value("no memory", SYS_3(SYS_getdents64, fd, 8, 4096));
  list(fd, 4096);
  value("not empty", SYS_1(SYS_rmdir, path));
  for (int i = 0; i < COUNT; i++) {
    sprintf(name, "f%d", i);
    unlink(name);
  }
  lseek(fd, 0, SEEK_SET);
  list(fd, 4096);
  value("rmdir", SYS_1(SYS_rmdir, path));
  return 0;
}
