// Directories: entries, their types, small buffers, seeking; working directory.
//@ needs: files
#include "guest.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static int order(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path) {
  DIR *dir = opendir(path);
  if (!dir) {
    say("%s: %s", path, strerrorname_np(errno));
    return;
  }
  static char *names[20000];
  int count = 0, typed = 0;
  struct dirent *e;
  while ((e = readdir(dir)) && count < 20000) {
    struct stat st;
    int r = fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW);
    typed +=
        r == 0 && e->d_type == IFTODT(st.st_mode) && (e->d_ino == st.st_ino || strcmp(e->d_name, "..") == 0);
    names[count++] = strdup(e->d_name);
  }
  qsort(names, count, sizeof *names, order);
  unsigned long hash = 5381;
  for (int i = 0; i < count; i++)
    for (char *c = names[i]; *c; c++)
      hash = hash * 33 + (unsigned char)*c;
  say("%s: %d entries, %d with the right type and number, names %lx", path, count, typed, hash);
  rewinddir(dir);
  int again = 0;
  while (readdir(dir))
    again++;
  yes_no(" the same number after rewinding", again == count);
  closedir(dir);
}

// The old call: the type is a record's last byte.
static void list_old(const char *path) {
  struct old {
    unsigned long ino, off;
    unsigned short length;
    char name[];
  };
  static char buffer[4000];
  int fd = open(path, O_RDONLY | O_DIRECTORY), count = 0, right = 0;
  unsigned long sum = 0;
  long n;
  while ((n = SYS_3(SYS_getdents, fd, buffer, sizeof buffer)) > 0)
    for (long at = 0; at < n; count++) {
      struct old *e = (void *)(buffer + at);
      struct stat st;
      at += e->length;
      right += fstatat(fd, e->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
               buffer[at - 1] == (char)IFTODT(st.st_mode) && (e->ino == st.st_ino || !strcmp(e->name, ".."));
      sum += e->length;
    }
  say("%s: %d entries by the old call, %d right, %lu bytes, end %ld", path, count, right, sum, n);
  value(" a buffer that holds no entry", (lseek(fd, 0, SEEK_SET), SYS_3(SYS_getdents, fd, buffer, 23)));
  yes_no(" a buffer for one", SYS_3(SYS_getdents, fd, buffer, 280) > 0);
  value(" bad address", SYS_3(SYS_getdents, fd, 8, 4096));
  close(fd);
  value(" closed", SYS_3(SYS_getdents, fd, buffer, 4000));
}

int main(void) {
  list_old("/usr/share/perl5");
  list_old("/usr/bin");
  list("/etc/apt");
  list("/usr/bin");
  list("/usr/share/perl5");
  list("/no/such");
  list("/etc/passwd");
  int fd = open("/usr/bin", O_RDONLY | O_DIRECTORY);
  char small[64];
  value("a buffer that holds no entry", SYS_3(SYS_getdents64, fd, small, 10));
  value("a buffer for one or two", SYS_3(SYS_getdents64, fd, small, 64) > 0);
  value("bad address", SYS_3(SYS_getdents64, fd, 8, 4096));
  value("of a pipe", SYS_3(SYS_getdents64, 0, small, 64));
  char path[300];
  value("chdir", chdir("/usr/share"));
  say("%s", getcwd(path, sizeof path));
  value("chdir ..", chdir("../lib"));
  say("%s", getcwd(path, sizeof path));
  value("fchdir", fchdir(fd));
  say("%s", getcwd(path, sizeof path));
  value("a relative name", access("env", X_OK));
  value("chdir to a file", chdir("/etc/passwd") < 0 ? -errno : 0);
  value("chdir nowhere", chdir("/no/such") < 0 ? -errno : 0);
  value("getcwd of 3 bytes", SYS_2(SYS_getcwd, path, 3));
  value("getcwd", SYS_2(SYS_getcwd, path, sizeof path));
  return 0;
}
