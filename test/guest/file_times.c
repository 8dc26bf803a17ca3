// Times of files that the program makes: what changes them, and what they are set to.
//@ needs: files clocks
#include "guest.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>

static struct stat before;

static int later(struct timespec a, struct timespec b) {
  return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

// Which times have moved since the last look; waits for the clocks of file systems to tick.
static void moved(const char *what, const char *path) {
  struct stat st;
  lstat(path, &st);
  say("%s:%s%s%s", what, later(st.st_atim, before.st_atim) ? " atime" : "",
      later(st.st_mtim, before.st_mtim) ? " mtime" : "", later(st.st_ctim, before.st_ctim) ? " ctime" : "");
  before = st;
  nanosleep(&(struct timespec){0, 20000000}, NULL);
}

static void start(const char *path) {
  lstat(path, &before);
  nanosleep(&(struct timespec){0, 20000000}, NULL);
}

int main(void) {
  char directory[] = "/tmp/file-times-XXXXXX";
  if (!mkdtemp(directory) || chdir(directory)) return 1;
  char byte;
  int fd = open("f", O_RDWR | O_CREAT, 0600);
  start("f");
  yes_no("all the same at first",
         before.st_atim.tv_sec == before.st_mtim.tv_sec && before.st_mtim.tv_nsec == before.st_ctim.tv_nsec);
  value("write", write(fd, "abc", 3));
  moved("write", "f");
  value("read", pread(fd, &byte, 1, 0));
  moved("first read", "f");
  value("read", pread(fd, &byte, 1, 0));
  moved("second read", "f");
  fchmod(fd, 0640);
  moved("chmod", "f");
  value("read", pread(fd, &byte, 1, 0));
  moved("read after it", "f");
  value("empty write", write(fd, "", 0));
  moved("empty write", "f");
  fchown(fd, -1, -1);
  moved("chown to the same", "f");
  value("ftruncate", ftruncate(fd, 3));
  moved("ftruncate to the same size", "f");
  value("truncate", truncate("f", 2));
  moved("truncate", "f");
  close(open("f", O_RDWR | O_TRUNC));
  moved("O_TRUNC", "f");
  link("f", "g");
  moved("link", "f");
  rename("g", "h");
  moved("rename", "f");
  unlink("h");
  moved("unlink", "f");
  int quiet = open("f", O_RDONLY | O_NOATIME);
  value("O_NOATIME", read(quiet, &byte, 1));
  moved("quiet read", "f");

  start(".");
  mkdir("d", 0700);
  moved("mkdir", ".");
  close(open("d/x", O_CREAT | O_RDWR, 0600));
  moved("a file below", ".");
  DIR *dir = opendir(".");
  while (readdir(dir))
    continue;
  closedir(dir);
  moved("readdir", ".");
  start("d");
  rename("d/x", "d/y");
  moved("rename in it", "d");
  rename("d", "e");
  moved("rename of it", "e");
  unlink("e/y");
  moved("unlink in it", "e");
  rmdir("e");

  struct timespec times[2] = {{1000000000, 123456789}, {2000000000, 987654321}};
  value("utimensat", utimensat(AT_FDCWD, "f", times, 0));
  struct stat st;
  stat("f", &st);
  say("%ld.%09ld %ld.%09ld", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_nsec = UTIME_NOW;
  value("utimensat", utimensat(AT_FDCWD, "f", times, 0));
  stat("f", &st);
  say("%ld %d", st.st_atim.tv_sec, st.st_mtim.tv_sec > 1500000000 && st.st_mtim.tv_sec != 2000000000);
  times[0] = (struct timespec){-5, 7};
  value("before 1970", utimensat(AT_FDCWD, "f", times, 0));
  stat("f", &st);
  say("%ld.%09ld", st.st_atim.tv_sec, st.st_atim.tv_nsec);
  times[0].tv_nsec = 1000000000;
  value("too many nanoseconds", utimensat(AT_FDCWD, "f", times, 0) < 0 ? -errno : 0);
  struct timeval micro[2] = {{7, 8}, {9, 10}};
  value("utimes", utimes("f", micro));
  stat("f", &st);
  say("%ld.%09ld %ld.%09ld", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  symlink("f", "s");
  value("of a symlink", utimensat(AT_FDCWD, "s", (struct timespec[]){{5, 6}, {7, 8}}, AT_SYMLINK_NOFOLLOW));
  lstat("s", &st);
  say("%ld %ld", st.st_atim.tv_sec, st.st_mtim.tv_sec);
  stat("f", &st);
  say("%ld %ld", st.st_atim.tv_sec, st.st_mtim.tv_sec);
  const struct timespec old[2] = {{5, 6}, {5, 6}};
  char target[8];
  utimensat(AT_FDCWD, "s", old, AT_SYMLINK_NOFOLLOW);
  stat("s", &st);
  lstat("s", &st);
  yes_no("a symlink that is followed was accessed", st.st_atim.tv_sec > 5);
  utimensat(AT_FDCWD, "s", old, AT_SYMLINK_NOFOLLOW);
  lstat("s", &st);
  yes_no("one that is looked at was accessed", st.st_atim.tv_sec > 5);
  readlink("s", target, sizeof target);
  lstat("s", &st);
  yes_no("one that is read was accessed", st.st_atim.tv_sec > 5);
  unlink("s");
  long seconds[] = {1000000000, 1234567890};
  value("utime", SYS_2(SYS_utime, "f", seconds));
  stat("f", &st);
  say("utime: %ld.%09ld %ld.%09ld", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec,
      st.st_mtim.tv_nsec);
  start("f");
  value("utime to now", SYS_2(SYS_utime, "f", NULL));
  moved("utime to now", "f");
  value("utime of nothing", SYS_2(SYS_utime, "none", seconds));
  value("utime from nowhere", SYS_2(SYS_utime, "f", 1));
  value("utime of nothing from nowhere", SYS_2(SYS_utime, "none", 1));
  unlink("f");
  value("rmdir", (chdir("/"), rmdir(directory)));
  return 0;
}
