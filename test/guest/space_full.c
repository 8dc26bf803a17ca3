// Writes that a memory file system has no room for as a whole: as many pages as there is room for are
// written, whatever the write's length. (A sandbox counts a page or two for names and inodes as well.)
//@ needs: files mounts
#include "guest.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define SPACE 262144
#define OTHERS 8192

static char bytes[1 << 20];

// Of a write that began at `from`.
static void wrote(const char *call, long n, size_t length, long from) {
  if (n > 0 && (size_t)n < length && from + n >= SPACE - OTHERS && from + n <= SPACE)
    say("  %s: as much as there is room for", call);
  else
    value(call, n);
}

static void fill(const char *what, size_t length, off_t offset, int has_some) {
  int fd = open("/tmp/space/file", O_CREAT | O_TRUNC | O_RDWR, 0600);
  say("%s, %zu at %ld", what, length, (long)offset);
  if (has_some) value("  what is there", pwrite(fd, bytes, 100000, 0));
  for (int i = 0; i < 3; i++)
    wrote("pwrite", SYS_4(SYS_pwrite64, fd, bytes, length, offset), length, offset);
  for (int i = 0; i < 10; i++) {
    long from = lseek(fd, 0, SEEK_CUR);
    wrote("write", SYS_3(SYS_write, fd, bytes, length), length, from);
  }
  close(fd);
}

int main(void) {
  memset(bytes, 1, sizeof bytes);
  mkdir("/tmp/space", 0700);
  if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) _exit(1);
  value("mount", mount("space", "/tmp/space", "tmpfs", 0, "size=262144"));
  static const size_t lengths[] = {sizeof bytes, 300000, 262145, 100000, 50000, 30001};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    fill("empty", lengths[i], 0, 0);
    fill("with something in it", lengths[i], 0, 1);
    fill("in a page", lengths[i], 99, 1);
  }
  unlink("/tmp/space/file");
  umount("/tmp/space");
  rmdir("/tmp/space");
}
