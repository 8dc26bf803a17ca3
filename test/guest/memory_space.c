// Space of files: holes, fallocate, SEEK_DATA and SEEK_HOLE.
//@ needs: files
#include "guest.h"
#include <fcntl.h>
#include <sys/stat.h>

#define E(call) ((call) < 0 ? -errno : 0)

static void told(const char *what, int fd) {
  struct stat st;
  fstat(fd, &st);
  say("%s: size %ld, takes %s", what, (long)st.st_size, st.st_blocks ? "space" : "none");
}

static char buffer[65536];

static void zeros(int fd, long at, long length) {
  long n = pread(fd, buffer, length, at), others = 0;
  for (long i = 0; i < n; i++)
    others += buffer[i] != 0;
  say("%ld bytes at %ld, %ld not zero", n, at, others);
}

int main(void) {
  char path[] = "/tmp/memory-space-XXXXXX";
  int fd = mkstemp(path);
  unlink(path);
  value("grow", E(ftruncate(fd, 1l << 32)));
  told("a hole", fd);
  value("write", pwrite(fd, "middle", 6, 1l << 31));
  told("with something", fd);
  value("SEEK_DATA", lseek(fd, 0, SEEK_DATA));
  value("SEEK_HOLE", lseek(fd, 1l << 31, SEEK_HOLE));
  value("SEEK_HOLE at a hole", lseek(fd, 4096, SEEK_HOLE));
  value("SEEK_DATA behind all data", lseek(fd, (1l << 31) + 4096, SEEK_DATA) < 0 ? -errno : 0);
  value("SEEK_DATA at the end", lseek(fd, 1l << 32, SEEK_DATA) < 0 ? -errno : 0);
  value("SEEK_HOLE at the end", lseek(fd, 1l << 32, SEEK_HOLE) < 0 ? -errno : 0);
  value("negative", lseek(fd, -5, SEEK_DATA) < 0 ? -errno : 0);
  zeros(fd, (1l << 31) - 10, 20);

  value("to nothing", E(ftruncate(fd, 0)));
  memset(buffer, 'x', sizeof buffer);
  value("write", pwrite(fd, buffer, 50000, 0));
  value("allocate beyond", E(fallocate(fd, 0, 40000, 60000)));
  told("allocated", fd);
  zeros(fd, 49990, 20);
  value("keep the size", E(fallocate(fd, FALLOC_FL_KEEP_SIZE, 90000, 60000)));
  told("kept", fd);
  value("punch", E(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4000, 9000)));
  zeros(fd, 3990, 20);
  zeros(fd, 12990, 20);
  value("hole", lseek(fd, 0, SEEK_HOLE));
  value("data behind", lseek(fd, 4096, SEEK_DATA));
  value("punch beyond the end", E(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 200000, 9000)));
  told("punched", fd);
  value("punch without keeping the size", E(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 4000, 9000)));
  value("no length", E(fallocate(fd, 0, 0, 0)));
  value("negative offset", E(fallocate(fd, 0, -1, 10)));
  value("negative length", E(fallocate(fd, 0, 10, -1)));
  value("too far", E(fallocate(fd, 0, 0x7fffffffffffffffl, 1)));
  value("unknown mode", E(fallocate(fd, 0x400, 0, 10)));
  value("a pipe", (pipe((int *)buffer), E(fallocate(((int *)buffer)[1], 0, 0, 10))));
  value("not for writing", E(fallocate(open("/etc/passwd", O_RDONLY), 0, 0, 10)));
  value("posix_fallocate", posix_fallocate(fd, 0, 200000));
  told("after", fd);
  value("truncate", E(ftruncate(fd, 10)));
  zeros(fd, 0, 100);
  value("grow", E(ftruncate(fd, 9000)));
  zeros(fd, 0, 9000);
  return 0;
}
