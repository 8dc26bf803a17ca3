// What pipes are and what they refuse: attributes, flags, ends, seeking, sizes.
//@ needs: pipes
#include "guest.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>

static void left(const char *what, int fd) {
  int n = -1;
  value(what, SYS_3(SYS_ioctl, fd, FIONREAD, &n));
  say("  bytes: %d", n);
}

int main(void) {
  int p[2], q[2];
  signal(SIGPIPE, SIG_IGN);
  value("pipe", SYS_1(SYS_pipe, p));
  say("descriptors: %d %d", p[0], p[1]);
  struct stat s, t;
  value("fstat", SYS_2(SYS_fstat, p[0], &s));
  SYS_2(SYS_fstat, p[1], &t);
  say("mode %o nlink %ld size %ld blksize %ld blocks %ld rdev %ld", s.st_mode, (long)s.st_nlink,
      (long)s.st_size, (long)s.st_blksize, (long)s.st_blocks, (long)s.st_rdev);
  yes_no("own user", s.st_uid == geteuid() && s.st_gid == getegid());
  yes_no("one inode", s.st_ino == t.st_ino && s.st_dev == t.st_dev);
  value("pipe2", SYS_2(SYS_pipe2, q, O_CLOEXEC | O_NONBLOCK));
  SYS_2(SYS_fstat, q[0], &t);
  yes_no("two pipes, two inodes", s.st_ino != t.st_ino && s.st_dev == t.st_dev);
  struct statfs fs;
  value("fstatfs", SYS_2(SYS_fstatfs, p[0], &fs));
  say("type %lx bsize %ld namelen %ld", (long)fs.f_type, (long)fs.f_bsize, (long)fs.f_namelen);
  value("fchmod", SYS_2(SYS_fchmod, p[0], 0640));
  SYS_2(SYS_fstat, p[1], &t);
  say("mode %o", t.st_mode);

  say("flags %o %o %o %o", fcntl(p[0], F_GETFL), fcntl(p[1], F_GETFL), fcntl(q[0], F_GETFL),
      fcntl(q[1], F_GETFL));
  say("close-on-exec %d %d", fcntl(p[0], F_GETFD), fcntl(q[1], F_GETFD));
  value("pipe2 unknown flag", SYS_2(SYS_pipe2, p, O_APPEND));
  value("pipe2 bad address", SYS_2(SYS_pipe2, 8, 0));
  value("pipe2 kernel address", SYS_2(SYS_pipe2, -4096L, 0));
  int r[2];
  SYS_1(SYS_pipe, r);
  say("descriptors after failures: %d %d", r[0], r[1]);

  char c[16] = "abcdefgh";
  value("read the writing end", SYS_3(SYS_read, p[1], c, 1));
  value("write the reading end", SYS_3(SYS_write, p[0], c, 1));
  value("lseek", SYS_3(SYS_lseek, p[0], 0, SEEK_CUR));
  value("lseek bad whence", SYS_3(SYS_lseek, p[0], 0, 99));
  value("pread", SYS_4(SYS_pread64, p[0], c, 1, 0));
  value("pwrite", SYS_4(SYS_pwrite64, p[1], c, 1, 0));
  value("ftruncate", SYS_2(SYS_ftruncate, p[1], 0));
  value("read of nothing", SYS_3(SYS_read, p[0], c, 0));
  value("write of nothing", SYS_3(SYS_write, p[1], c, 0));
  value("non-blocking, empty", SYS_3(SYS_read, q[0], c, 1));
  value("mmap", map_at(0, 0, 0, 0) ? SYS_6(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, p[0], 0) : 0);
  value("fsync", SYS_1(SYS_ioctl, -1));

  left("FIONREAD empty", p[0]);
  value("write", SYS_3(SYS_write, p[1], c, 8));
  left("FIONREAD", p[0]);
  left("FIONREAD at the writing end", p[1]);
  value("FIONREAD bad address", SYS_3(SYS_ioctl, p[0], FIONREAD, 8));
  value("TCGETS", SYS_3(SYS_ioctl, p[0], TCGETS, c));
  value("read 3", SYS_3(SYS_read, p[0], c, 3));
  left("FIONREAD", p[0]);
  struct iovec v[2] = {{c, 2}, {c + 2, 10}};
  value("readv", SYS_3(SYS_readv, p[0], v, 2));
  say("got %.5s", c);

  value("size", fcntl(p[0], F_GETPIPE_SZ));
  value("size 1", fcntl(p[0], F_SETPIPE_SZ, 1));
  value("size 4097", fcntl(p[1], F_SETPIPE_SZ, 4097));
  value("size 5 pages", fcntl(p[1], F_SETPIPE_SZ, 5 * 4096));
  value("size 1 MiB", fcntl(p[1], F_SETPIPE_SZ, 1 << 20));
  value("size", fcntl(p[0], F_GETPIPE_SZ));
  value("size 0", fcntl(p[1], F_SETPIPE_SZ, 0));
  yes_no("size of -1 refused", fcntl(p[1], F_SETPIPE_SZ, -1) < 0);
  value("size of a file", SYS_3(SYS_fcntl, 99, F_GETPIPE_SZ, 0));

  close(p[1]);
  value("read, no writer", SYS_3(SYS_read, p[0], c, 1));
  close(q[0]);
  value("write, no reader", SYS_3(SYS_write, q[1], c, 1));
  value("write of nothing, no reader", SYS_3(SYS_write, q[1], c, 0));
  return 0;
}
