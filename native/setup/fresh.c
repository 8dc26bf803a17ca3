// fresh STAMP PATH...: succeeds if nothing below the paths was changed after the stamp, by modification times.
// bin/ringfence asks before each command, which find(1) would make several milliseconds longer.
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct timespec stamp;

static bool is_newer(const struct stat *file) {
  const struct timespec *at = &file->st_mtim;
  return at->tv_sec != stamp.tv_sec ? at->tv_sec > stamp.tv_sec : at->tv_nsec > stamp.tv_nsec;
}

// False also where something cannot be looked at.
static bool is_old(int directory, const char *name) {
  struct stat file;
  if (fstatat(directory, name, &file, AT_SYMLINK_NOFOLLOW) < 0 || is_newer(&file)) return false;
  if (!S_ISDIR(file.st_mode)) return true;
  int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *entries = fd < 0 ? NULL : fdopendir(fd);
  if (!entries) return false;
  bool old = true;
  for (struct dirent *entry; old && (entry = readdir(entries));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) old = is_old(fd, entry->d_name);
  closedir(entries);
  return old;
}

int main(int argc, char **argv) {
  struct stat file;
  if (argc < 3 || stat(argv[1], &file) < 0) return 2;
  stamp = file.st_mtim;
  for (int i = 2; i < argc; i++)
    if (!is_old(AT_FDCWD, argv[i])) return 1;
  return 0;
}
