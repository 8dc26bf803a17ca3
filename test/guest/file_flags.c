// ioctls that any file answers: sharing of blocks, extents, flags; and what flags forbid, to root as well. On
// a tmpfs of its own, where nothing is the disk's.
//@ needs: files mounts
#include "guest.h"
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static char at[] = "/tmp/file_flags.XXXXXX";

#define DO(call)                                                                                             \
  do {                                                                                                       \
    long r_ = (call);                                                                                        \
    outcome(#call, r_ < 0 ? -errno : 0);                                                                     \
  } while (0)

static int open_one(const char *path, int flags) {
  int fd = open(path, flags, 0644);
  if (fd >= 0) close(fd);
  return fd;
}

static void sharing(int a, int b) {
  int to_read = open("a", O_RDONLY), to_append = open("b", O_WRONLY | O_APPEND),
      to_write = open("a", O_WRONLY);
  int directory = open(".", O_RDONLY), null = open("/dev/null", O_RDWR),
      proc = open("/proc/self/maps", O_RDONLY);
  int place = open("a", O_PATH), p[2];
  pipe(p);
  DO(ioctl(b, FICLONE, a));
  DO(ioctl(a, FICLONE, a));
  DO(ioctl(to_read, FICLONE, b));
  DO(ioctl(b, FICLONE, to_write));
  DO(ioctl(to_append, FICLONE, a));
  DO(ioctl(b, FICLONE, 99));
  DO(ioctl(b, FICLONE, directory));
  DO(ioctl(directory, FICLONE, a));
  DO(ioctl(b, FICLONE, p[0]));
  DO(ioctl(p[1], FICLONE, a));
  DO(ioctl(b, FICLONE, null));
  DO(ioctl(b, FICLONE, proc));
  DO(ioctl(b, FICLONE, place));
  DO(ioctl(place, FICLONE, a));
  struct file_clone_range range = {a, 0, 0, 0};
  DO(ioctl(b, FICLONERANGE, &range));
  range.src_fd = 99;
  DO(ioctl(b, FICLONERANGE, &range));
  DO(ioctl(b, FICLONERANGE, 8));
  union {
    struct file_dedupe_range head;
    char room[200];
  } same = {.head = {.src_length = 5, .dest_count = 1}};
  same.head.info[0].dest_fd = b;
  DO(ioctl(a, FIDEDUPERANGE, &same));
  DO(ioctl(to_write, FIDEDUPERANGE, &same));
  DO(ioctl(directory, FIDEDUPERANGE, &same));
  DO(ioctl(p[0], FIDEDUPERANGE, &same));
  same.head.reserved1 = 1;
  DO(ioctl(a, FIDEDUPERANGE, &same));
  same.head.dest_count = 2000;
  DO(ioctl(a, FIDEDUPERANGE, &same));
  DO(ioctl(a, FIDEDUPERANGE, 8));
  struct fiemap map = {.fm_length = ~0ull};
  DO(ioctl(a, FS_IOC_FIEMAP, &map));
  long flags = 0;
  DO(ioctl(directory, FS_IOC_GETFLAGS, &flags));
  DO(ioctl(null, FS_IOC_GETFLAGS, &flags));
  DO(ioctl(p[0], FS_IOC_GETFLAGS, &flags));
  DO(ioctl(proc, FS_IOC_GETFLAGS, &flags));
  DO(ioctl(place, FS_IOC_GETFLAGS, &flags));
  close(to_write);
  close(to_append);
}

static void told(int fd) {
  long flags = 0;
  struct fsxattr x = {.fsx_xflags = 0xffff};
  struct statx s;
  ioctl(fd, FS_IOC_GETFLAGS, &flags);
  ioctl(fd, FS_IOC_FSGETXATTR, &x);
  SYS_5(SYS_statx, AT_FDCWD, "a", 0, STATX_BASIC_STATS, &s);
  say("flags %#lx, %#x; statx %#llx of %#llx", flags, x.fsx_xflags, s.stx_attributes, s.stx_attributes_mask);
}

static void set(int fd, const char *what, int flags) {
  long value_ = flags, n = SYS_3(SYS_ioctl, fd, FS_IOC_SETFLAGS, &value_);
  outcome(what, n);
}

static void attempts(int a) {
  DO(open_one("a", O_WRONLY));
  DO(open_one("a", O_WRONLY | O_APPEND));
  DO(open_one("a", O_RDONLY));
  DO(open_one("a", O_RDONLY | O_TRUNC));
  DO(open_one("a", O_WRONLY | O_APPEND | O_TRUNC));
  DO(access("a", W_OK));
  DO(unlink("a"));
  DO(rename("a", "c"));
  DO(rename("b", "a"));
  DO(link("a", "c"));
  DO(chmod("a", 0640));
  DO(chown("a", 1, 1));
  DO(utimensat(AT_FDCWD, "a", NULL, 0));
  DO(utimensat(AT_FDCWD, "a", ((struct timespec[]){{1, 0}, {1, 0}}), 0));
  DO(truncate("a", 3));
  DO(setxattr("a", "user.x", "1", 1, 0));
  DO(removexattr("a", "user.x"));
  DO(fallocate(a, 0, 0, 100));
  DO(fallocate(a, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 1));
  DO(pwrite(a, "y", 1, 0));
}

int main(void) {
  mkdtemp(at);
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return 1;
  mount("x", at, "tmpfs", 0, NULL);
  chdir(at);
  int a = open("a", O_RDWR | O_CREAT, 0644), b = open("b", O_RDWR | O_CREAT, 0644);
  write(a, "hello world", 11);
  sharing(a, b);
  told(a);
  set(a, "immutable", FS_IMMUTABLE_FL);
  told(a);
  attempts(a);
  set(a, "append only", FS_APPEND_FL);
  told(a);
  attempts(a);
  int appends = open("a", O_WRONLY | O_APPEND);
  DO(fcntl(appends, F_SETFL, 0));
  DO(fcntl(appends, F_SETFL, O_APPEND | O_NONBLOCK));
  DO(ftruncate(appends, 0));
  DO(write(appends, "more", 4));
  set(a, "others", FS_NODUMP_FL | FS_NOATIME_FL);
  told(a);
  set(a, "unknown", FS_DIRSYNC_FL);
  set(a, "unknown", FS_COMPR_FL);
  DO(ioctl(a, FS_IOC_SETFLAGS, 8));
  DO(ioctl(a, FS_IOC_GETFLAGS, 8));
  mkdir("d", 0755);
  close(open("d/old", O_CREAT | O_RDWR, 0644));
  int d = open("d", O_RDONLY);
  set(d, "immutable directory", FS_IMMUTABLE_FL);
  DO(open_one("d/new", O_CREAT | O_RDWR));
  DO(mkdir("d/new", 0755));
  DO(unlink("d/old"));
  DO(rename("d/old", "d/new"));
  DO(open_one("d/old", O_WRONLY));
  set(d, "directory that grows", FS_APPEND_FL);
  DO(open_one("d/new", O_CREAT | O_RDWR));
  DO(unlink("d/old"));
  DO(rename("d/old", "d/newer"));
  DO(rmdir("d"));
  set(d, "directory", 0);
  DO(unlink("d/old"));
  seteuid(54321);
  set(a, "another's", FS_NODUMP_FL);
  seteuid(0);
  fchown(a, 54321, 54321);
  seteuid(54321);
  set(a, "immutable, by its owner", FS_IMMUTABLE_FL);
  set(a, "by its owner", FS_NODUMP_FL);
  seteuid(0);
  chdir("/");
  umount2(at, MNT_DETACH);
  rmdir(at);
  return 0;
}
