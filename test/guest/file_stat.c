// stat, lstat, statx, access, readlink on files of the system.
//@ needs: files
#include "guest.h"
#include <fcntl.h>
#include <sys/stat.h>

static void show(const char *path) {
  struct stat st, l;
  struct statx x;
  int r = stat(path, &st), rl = lstat(path, &l);
  say("%s: stat %s, lstat %s", path, r ? strerrorname_np(errno) : "ok", rl ? strerrorname_np(errno) : "ok");
  if (r == 0)
    say(" mode %o uid %u gid %u nlink %lu size %ld blocks %ld mtime %ld rdev %lx", st.st_mode, st.st_uid,
        st.st_gid, S_ISDIR(st.st_mode) ? 0 : (long)st.st_nlink, S_ISDIR(st.st_mode) ? 0 : (long)st.st_size,
        S_ISDIR(st.st_mode) ? 0 : (long)st.st_blocks, (long)st.st_mtime, (long)st.st_rdev);
  if (rl == 0) yes_no(" symbolic link", S_ISLNK(l.st_mode));
  if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &x) == 0)
    yes_no(" statx says the same", r == 0 && x.stx_mode == st.st_mode && (long)x.stx_size == st.st_size &&
                                       x.stx_ino == st.st_ino && x.stx_mtime.tv_sec == st.st_mtime);
  char target[200];
  ssize_t n = readlink(path, target, sizeof target);
  if (n < 0)
    say(" readlink %s", strerrorname_np(errno));
  else
    say(" readlink %.*s", (int)n, target);
  say(" access %d%d%d%d", access(path, F_OK) == 0, access(path, R_OK) == 0, access(path, W_OK) == 0,
      access(path, X_OK) == 0);
}

int main(void) {
  static const char *const paths[] = {"/etc/passwd",
                                      "/bin/sh",
                                      "/usr/bin/env",
                                      "/bin",
                                      "/usr/lib/os-release",
                                      "/etc/os-release",
                                      "/usr/bin/../lib/./os-release",
                                      "/no/such",
                                      "/etc/passwd/",
                                      "/etc//passwd",
                                      "/usr/bin/",
                                      "",
                                      "/.."};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    show(paths[i]);
  struct stat st;
  value("fstatat empty path", fstatat(0, "", &st, AT_EMPTY_PATH) < 0 ? -errno : 0);
  yes_no(" is a pipe", S_ISFIFO(st.st_mode));
  value("fstatat empty path without the flag", fstatat(0, "", &st, 0) < 0 ? -errno : 0);
  value("fstatat bad flag", fstatat(AT_FDCWD, "/", &st, 0x40000000) < 0 ? -errno : 0);
  value("stat bad address", SYS_2(SYS_stat, "/", 8));
  value("stat bad path", SYS_2(SYS_stat, 8, &st));
  value("readlink of length 0", SYS_3(SYS_readlink, "/bin/sh", &st, 0));
  value("access mode 8", access("/", 8) < 0 ? -errno : 0);
  return 0;
}
