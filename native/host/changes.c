// Changes of host files, for a writable gofer file system (docs/hardening.md, F6): one component below a
// directory handle, or the very file that a handle names. Names stand in the scratch area, with a NUL
// behind: the first at its start, a second at RF_SECOND_NAME. Who may do what was decided by the caller.
#include "files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define RF_SECOND_NAME 4096 // native.ts, SECOND_NAME

static const char *first(void) {
  return (const char *)rf_scratch;
}
static const char *second(void) {
  return (const char *)rf_scratch + RF_SECOND_NAME;
}

static void fd_path(char *path, int32_t fd) {
  snprintf(path, 32, "self/fd/%d", fd);
}

/* Makes a regular file that only the sandbox may touch so far, and opens it for reading and writing. */
RF_EXPORT int32_t rf_create(int32_t dir) {
  struct open_how how = {.flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                         .mode = 0600,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  return result_of(syscall(SYS_openat2, dir, first(), &how, sizeof how));
}

RF_EXPORT int32_t rf_mkdir(int32_t dir) {
  return result_of(mkdirat(dir, first(), 0700));
}

/* A FIFO or socket, which the host never opens: `type` is S_IFIFO or S_IFSOCK. */
RF_EXPORT int32_t rf_mknod(int32_t dir, uint32_t type) {
  if (type != S_IFIFO && type != S_IFSOCK) return -EPERM;
  return result_of(mknodat(dir, first(), type | 0600, 0));
}

/* The target is the second name. */
RF_EXPORT int32_t rf_symlink(int32_t dir) {
  return result_of(symlinkat(second(), dir, first()));
}

/* A further name for the file that `fd` names. */
RF_EXPORT int32_t rf_link(int32_t proc, int32_t fd, int32_t dir) {
  char path[32];
  fd_path(path, fd);
  return result_of(linkat(proc, path, dir, first(), AT_SYMLINK_FOLLOW));
}

RF_EXPORT int32_t rf_unlink(int32_t dir, int32_t isDirectory) {
  return result_of(unlinkat(dir, first(), isDirectory ? AT_REMOVEDIR : 0));
}

/* renameat2 from the first name in `dir` to the second in `to`. */
RF_EXPORT int32_t rf_rename(int32_t dir, int32_t to, uint32_t flags) {
  return result_of(syscall(SYS_renameat2, dir, first(), to, second(), flags));
}

RF_EXPORT int32_t rf_chown(int32_t fd, int32_t uid, int32_t gid) {
  return result_of(fchownat(fd, "", (uid_t)uid, (gid_t)gid, AT_EMPTY_PATH));
}

/* fchmod refuses O_PATH descriptors: by the sandbox's proc mount. */
RF_EXPORT int32_t rf_chmod(int32_t proc, int32_t fd, uint32_t mode) {
  char path[32];
  fd_path(path, fd);
  return result_of(fchmodat(proc, path, mode, 0));
}

/* Two struct timespec stand in the scratch area. */
RF_EXPORT int32_t rf_utimens(int32_t fd) {
  struct timespec times[2];
  memcpy(times, rf_scratch, sizeof times);
  return result_of(utimensat(fd, "", times, AT_EMPTY_PATH));
}

/* The value stands behind the room for the second name. */
RF_EXPORT int32_t rf_setxattr(int32_t proc, int32_t fd, uint32_t length, int32_t flags) {
  char path[32];
  fd_path(path, fd);
  if (length > rf_scratch_size - RF_SECOND_NAME) return -E2BIG;
  if (fchdir(proc)) return -errno;
  return result_of(setxattr(path, first(), second(), length, flags));
}

RF_EXPORT int32_t rf_removexattr(int32_t proc, int32_t fd) {
  char path[32];
  fd_path(path, fd);
  if (fchdir(proc)) return -errno;
  return result_of(removexattr(path, first()));
}

/* Runs on any thread. */
int32_t rf_fsync(int32_t fd, int32_t dataOnly) {
  return result_of(dataOnly != 0 ? fdatasync(fd) : fsync(fd));
}
