// Files that were there before: changed, removed, renamed, linked; the caller's own stay as they are (the
// test's other run is native, so this works on copies and on what it may remove).
//@ needs: files tasks
#include "guest.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define E(call) ((call) < 0 ? -errno : 0)

int main(void) {
  struct stat st, before, after;
  // A file that is only read keeps its number and its times when others look at it.
  stat("/etc/passwd", &before);
  int fd = open("/etc/passwd", O_RDONLY);
  fstat(fd, &after);
  yes_no("one number", before.st_ino == after.st_ino && before.st_dev == after.st_dev);
  char *mapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  char bytes[100];
  value("read", pread(fd, bytes, sizeof bytes, 0) == 100);
  yes_no("mapped as read", memcmp(mapped, bytes, 100) == 0);
  mapped[0] ^= 1;
  char again[100];
  value("read again", pread(fd, again, sizeof again, 0) == 100);
  yes_no("a private change is nobody else's", memcmp(again, bytes, 100) == 0);
  close(fd);
  // Devices and inode numbers tell files apart: no directory is its own descendant.
  stat("/", &st);
  const char *directories[] = {"/usr", "/usr/bin", "/etc", "/tmp", "/proc", "/dev", "/usr/share"};
  for (unsigned i = 0; i < sizeof directories / sizeof *directories; i++) {
    struct stat other;
    yes_no(directories[i], stat(directories[i], &other) == 0 && S_ISDIR(other.st_mode) &&
                               (other.st_dev != st.st_dev || other.st_ino != st.st_ino));
  }
  // What readdir says is what stat says.
  DIR *dir = opendir("/etc");
  int same = 1;
  for (struct dirent *e; (e = readdir(dir));) {
    if (strcmp(e->d_name, "..") == 0) continue;
    if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
      same = 0;
    else if (st.st_dev == before.st_dev && st.st_ino != e->d_ino)
      same = 0;
  }
  yes_no("numbers of /etc", same);
  return 0;
}
