// Opening and reading a file (the program's own): offsets, sizes, errors.
//@ needs: files
#include "guest.h"
#include <fcntl.h>
#include <sys/stat.h>

int main(int argc, char **argv) {
  (void)argc;
  int fd = open(argv[0], O_RDONLY);
  value("open", fd < 0 ? -errno : fd);
  unsigned char head[64];
  value("read 64", read(fd, head, 64));
  say("%02x %c%c%c class %d", head[0], head[1], head[2], head[3], head[4]);
  value("offset", lseek(fd, 0, SEEK_CUR));
  unsigned char again[64];
  value("pread at 0", pread(fd, again, 64, 0));
  yes_no("the same", memcmp(head, again, 64) == 0);
  value("offset is untouched", lseek(fd, 0, SEEK_CUR));
  struct stat st;
  value("fstat", fstat(fd, &st));
  off_t end = lseek(fd, 0, SEEK_END);
  yes_no("size is where the end is", end == st.st_size && end > 10000);
  value("read at the end", read(fd, head, 10));
  value("read across the end", pread(fd, head, 64, st.st_size - 10));
  value("pread behind the end", pread(fd, head, 10, st.st_size + 1000));
  value("lseek -1", lseek(fd, -1, SEEK_SET) < 0 ? -errno : 0);
  value("lseek whence 9", lseek(fd, 0, 9) < 0 ? -errno : 0);
  value("lseek far behind", lseek(fd, 1L << 40, SEEK_SET) == 1L << 40);
  value("SEEK_DATA behind the end", lseek(fd, st.st_size + 1, SEEK_DATA) < 0 ? -errno : 0);
  value("write", write(fd, "x", 1) < 0 ? -errno : 0);
  value("ftruncate", ftruncate(fd, 0) < 0 ? -errno : 0);
  int other = dup(fd);
  lseek(other, 100, SEEK_SET);
  value("dup shares the offset", lseek(fd, 0, SEEK_CUR));
  int second = open(argv[0], O_RDONLY | O_CLOEXEC);
  value("a second opening has its own", lseek(second, 0, SEEK_CUR));
  value("flags", fcntl(second, F_GETFL) & ~0100000);
  unsigned long sum = 0;
  lseek(fd, 0, SEEK_SET);
  static unsigned char block[10000];
  ssize_t n;
  long total = 0;
  while ((n = read(fd, block, sizeof block)) > 0) {
    total += n;
    for (ssize_t i = 0; i < n; i++)
      sum = sum * 31 + block[i];
  }
  yes_no("all of it", total == st.st_size);
  say("sum %lx", sum);
  value("no such file", open("/no/such/file", O_RDONLY) < 0 ? -errno : 0);
  value("a file as a directory", open("/etc/passwd/x", O_RDONLY) < 0 ? -errno : 0);
  value("O_DIRECTORY of a file", open("/etc/passwd", O_RDONLY | O_DIRECTORY) < 0 ? -errno : 0);
  value("writing a directory", open("/", O_WRONLY) < 0 ? -errno : 0);
  value("empty path", open("", O_RDONLY) < 0 ? -errno : 0);
  value("bad path", SYS_3(SYS_open, 8, O_RDONLY, 0));
  value("read of a directory", read(open("/", O_RDONLY), block, 10) < 0 ? -errno : 0);
  value("openat of a bad descriptor", openat(99, "etc", O_RDONLY) < 0 ? -errno : 0);
  value("openat of an absolute path and a bad descriptor", openat(99, "/etc/passwd", O_RDONLY) >= 0);
  char name[5000];
  memset(name, 'n', sizeof name);
  name[0] = '/', name[300] = 0;
  value("a name of 299 bytes", open(name, O_RDONLY) < 0 ? -errno : 0);
  name[300] = 'n', name[4999] = 0;
  value("a path of 4999 bytes", open(name, O_RDONLY) < 0 ? -errno : 0);
  return 0;
}
