// What open's flags make of a file: access mode 3, which gives neither reading nor writing, O_LARGEFILE, and
// devices where there are to be none.
//@ needs: files mounts
#include "guest.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static char directory[] = "/tmp/open_modes.XXXXXX";

static void mode_3(const char *what, const char *path, int more) {
  char c = 'x';
  long fd = SYS_4(SYS_openat, AT_FDCWD, path, 3 | more, 0644);
  outcome(what, fd);
  if (failed(fd)) return;
  say("  flags %#lx", SYS_2(SYS_fcntl, fd, F_GETFL));
  value("  read", SYS_3(SYS_read, fd, &c, 1));
  value("  write", SYS_3(SYS_write, fd, &c, 1));
  value("  truncate", SYS_2(SYS_ftruncate, fd, 0));
  outcome("  map", SYS_6(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
  struct stat s;
  value("  stat", fstat(fd, &s));
  if (S_ISREG(s.st_mode)) say("  size %ld", (long)s.st_size);
  SYS_1(SYS_close, fd);
}

static void flags_of(const char *what, long fd) {
  if (failed(fd))
    outcome(what, fd);
  else
    say("%s: %#lx", what, SYS_2(SYS_fcntl, fd, F_GETFL));
}

int main(void) {
  mkdtemp(directory);
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return 1;
  mount("mine", directory, "tmpfs", 0, NULL);
  chdir(directory);
  int fd = open("file", O_CREAT | O_WRONLY, 0644);
  write(fd, "0123456789", 10);
  close(fd);
  mkfifo("fifo", 0644);
  mode_3("file", "file", 0);
  mode_3("program of another file system", "/bin/true", 0);
  mode_3("running program", "/proc/self/exe", 0);
  mode_3("truncated", "file", O_TRUNC);
  mode_3("made", "made", O_CREAT);
  mode_3("temporary", ".", O_TMPFILE);
  mode_3("fifo", "fifo", O_NONBLOCK);
  mode_3("directory", ".", 0);
  mode_3("device", "/dev/null", 0);

  flags_of("open", SYS_2(SYS_open, "file", O_RDONLY));
  flags_of("openat", SYS_3(SYS_openat, AT_FDCWD, "file", O_WRONLY | O_APPEND));
  flags_of("creat", SYS_2(SYS_creat, "file", 0644));
  flags_of("directory", SYS_2(SYS_open, ".", O_RDONLY | O_DIRECTORY));
  flags_of("path", SYS_2(SYS_open, "file", O_PATH | O_NOFOLLOW));
  flags_of("device", SYS_2(SYS_open, "/dev/null", O_RDWR));
  struct open_how how = {.flags = O_RDWR};
  flags_of("openat2", SYS_4(SYS_openat2, AT_FDCWD, "file", &how, sizeof how));
  how.flags = 3;
  flags_of("openat2, mode 3", SYS_4(SYS_openat2, AT_FDCWD, "file", &how, sizeof how));
  flags_of("memfd", SYS_2(SYS_memfd_create, "m", 0));
  flags_of("epoll", SYS_1(SYS_epoll_create1, 0));

  mknod("character", S_IFCHR | 0666, makedev(1, 3));
  mknod("block", S_IFBLK | 0666, makedev(7, 250));
  flags_of("character device", SYS_2(SYS_open, "character", O_RDWR));
  mount(NULL, directory, NULL, MS_REMOUNT | MS_BIND | MS_NODEV, NULL);
  flags_of("character device, nodev", SYS_2(SYS_open, "character", O_RDWR));
  flags_of("block device, nodev", SYS_2(SYS_open, "block", O_RDONLY));
  flags_of("block device, nodev, path", SYS_2(SYS_open, "block", O_PATH));
  chdir("/");
  umount2(directory, MNT_DETACH);
  rmdir(directory);
  return 0;
}
