// Host files as the Gofer and the standard streams use them. Data moves between a descriptor and a
// slot's data window (chunk, offset), or the scratch area.
#include "files.h"
#include "long_calls.h"

#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <ringfence/layout.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Reads or writes a stream without waiting, whatever the descriptor's O_NONBLOCK says. Offset -1:
   RWF_NOWAIT at the descriptor's own position, which pipes allow. EOPNOTSUPP: this kind of file
   cannot promise not to wait. */
RF_EXPORT int32_t rf_stream_read(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length,
                                 int32_t isSocket) {
  struct iovec iov = {rf_in_chunk(chunk, offset, length), length};
  if (!iov.iov_base) return -EFAULT;
  if (isSocket) return result_of(recv(fd, iov.iov_base, length, MSG_DONTWAIT));
  return result_of(preadv2(fd, &iov, 1, -1, RWF_NOWAIT));
}

RF_EXPORT int32_t rf_stream_write(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length,
                                  int32_t isSocket) {
  struct iovec iov = {rf_in_chunk(chunk, offset, length), length};
  if (!iov.iov_base) return -EFAULT;
  if (isSocket) return result_of(send(fd, iov.iov_base, length, MSG_DONTWAIT | MSG_NOSIGNAL));
  return result_of(pwritev2(fd, &iov, 1, -1, RWF_NOWAIT));
}

/* Plain read and write at the descriptor's own position: may wait. */
RF_EXPORT int32_t rf_read(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length) {
  void *at = rf_in_chunk(chunk, offset, length);
  return at ? result_of(read(fd, at, length)) : -EFAULT;
}

RF_EXPORT int32_t rf_write(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length) {
  void *at = rf_in_chunk(chunk, offset, length);
  return at ? result_of(write(fd, at, length)) : -EFAULT;
}

RF_EXPORT int32_t rf_pread(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length, double position) {
  void *at = rf_in_chunk(chunk, offset, length);
  return at ? result_of(pread(fd, at, length, (off_t)position)) : -EFAULT;
}

/* pread of what is in the page cache; EAGAIN: not all of it. EOPNOTSUPP: this file system cannot tell. */
RF_EXPORT int32_t rf_pread_nowait(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length,
                                  double position) {
  struct iovec iov = {rf_in_chunk(chunk, offset, length), length};
  return iov.iov_base ? result_of(preadv2(fd, &iov, 1, (off_t)position, RWF_NOWAIT)) : -EFAULT;
}

/* Reads a range and forgets it: from now on the page cache has it. Runs on any thread. */
RF_EXPORT int32_t rf_warm(int32_t fd, double position, double length) {
  uint8_t bytes[65536];
  for (double done = 0; done < length;) {
    size_t wanted = length - done < sizeof bytes ? (size_t)(length - done) : sizeof bytes;
    ssize_t n = pread(fd, bytes, wanted, (off_t)(position + done));
    if (n <= 0) return n < 0 ? -errno : 0;
    done += (double)n;
  }
  return 0;
}

RF_EXPORT int32_t rf_pread_scratch(int32_t fd, uint32_t offset, uint32_t length, double position) {
  if (offset > rf_scratch_size || length > rf_scratch_size - offset) return -EFAULT;
  return result_of(pread(fd, rf_scratch + offset, length, (off_t)position));
}

/* Reads a small file below a directory descriptor to the scratch area: the accounts of a process in
   proc. Its bytes. */
RF_EXPORT int32_t rf_read_small(int32_t dir, const char *path) {
  struct open_how how = {.flags = O_RDONLY | O_CLOEXEC,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
  if (fd < 0) return -errno;
  int32_t n = result_of(pread(fd, rf_scratch, rf_scratch_size, 0));
  close(fd);
  return n;
}

RF_EXPORT int32_t rf_poll_one(int32_t fd, int32_t events, int32_t timeoutMs) {
  struct pollfd p = {fd, (short)events, 0};
  int n = poll(&p, 1, timeoutMs);
  return n < 0 ? -errno : p.revents;
}

/* The name that the caller put at the start of the scratch area, as bytes with a NUL behind. */
static const char *scratch_name(void) {
  return (const char *)rf_scratch;
}

/* Opens one component below a directory descriptor (F6): never follows a symlink, never leaves the
   directory. The name in the scratch area must hold no slash. EXDEV: another mount begins there, of which nothing was asked:
   it may be one that makes its callers wait. */
RF_EXPORT int32_t rf_open_component(int32_t dir, int32_t flags) {
  RF_TIMED;
  struct open_how how = {.flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC),
                         .resolve =
                             RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  return result_of(syscall(SYS_openat2, dir, scratch_name(), &how, sizeof how));
}

/* "self/fd/N" below the sandbox's own proc mount. */
static void fd_path(char *path, int32_t fd) {
  snprintf(path, 32, "self/fd/%d", fd);
}

/* Reopens exactly the inode that an O_PATH descriptor names, through the sandbox's own proc mount.
   Only for regular files and directories: the caller has looked at its type. With O_TMPFILE a new file in
   the directory, for the sandbox alone. */
RF_EXPORT int32_t rf_reopen(int32_t proc, int32_t fd, int32_t flags) {
  char path[32];
  fd_path(path, fd);
  return result_of(openat(proc, path, (flags & ~O_NOFOLLOW) | O_CLOEXEC, 0600));
}

/* Another descriptor of the same open file. */
RF_EXPORT int32_t rf_duplicate(int32_t fd) {
  return result_of(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

/* Leaves struct stat in the scratch area. */
RF_EXPORT int32_t rf_fstat(int32_t fd) {
  struct stat st;
  if (fstat(fd, &st)) return -errno;
  memcpy(rf_scratch, &st, sizeof st);
  return 0;
}

/* As rf_fstat, of one component below a directory descriptor (F6): never through a symlink. The name in the
   scratch area must hold no slash. */
RF_EXPORT int32_t rf_stat_at(int32_t dir) {
  RF_TIMED;
  struct stat st;
  if (fstatat(dir, scratch_name(), &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)) return -errno;
  memcpy(rf_scratch, &st, sizeof st);
  return 0;
}

/* Leaves the target of the symlink that an O_PATH descriptor names in the scratch area; returns its length.
 */
RF_EXPORT int32_t rf_readlink(int32_t fd) {
  return result_of(readlinkat(fd, "", (char *)rf_scratch, rf_scratch_size));
}

RF_EXPORT int32_t rf_pwrite(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length, double position) {
  void *at = rf_in_chunk(chunk, offset, length);
  return at ? result_of(pwrite(fd, at, length, (off_t)position)) : -EFAULT;
}

/* Writes behind whatever is the end of the file then, also while others on the host write there. */
RF_EXPORT int32_t rf_append(int32_t fd, uint32_t chunk, uint32_t offset, uint32_t length) {
  struct iovec iov = {rf_in_chunk(chunk, offset, length), length};
  return iov.iov_base ? result_of(pwritev2(fd, &iov, 1, 0, RWF_APPEND)) : -EFAULT;
}

/* lseek of the descriptor's own position; a double because offsets pass 2^31. */
RF_EXPORT double rf_seek(int32_t fd, double offset, int32_t whence) {
  off_t at = lseek(fd, (off_t)offset, whence);
  return at < 0 ? -errno : (double)at;
}

/* Asks a terminal for its settings, size or queues; leaves the kernel's structure in the scratch area. */
RF_EXPORT int32_t rf_terminal_get(int32_t fd, uint32_t request) {
  if (request != TCGETS && request != TCGETS2 && request != TIOCGWINSZ && request != FIONREAD &&
      request != TIOCOUTQ)
    return -ENOTTY;
  return result_of(ioctl(fd, request, rf_scratch));
}

/* Sets a terminal's settings or size from the structure in the scratch area. None of these waits for output.
 */
RF_EXPORT int32_t rf_terminal_set(int32_t fd, uint32_t request) {
  if (request != TCSETS && request != TCSETS2 && request != TIOCSWINSZ) return -ENOTTY;
  return result_of(ioctl(fd, request, rf_scratch));
}

/* Drops a terminal's input, output or both (TCIFLUSH, TCOFLUSH, TCIOFLUSH). */
RF_EXPORT int32_t rf_terminal_flush(int32_t fd, int32_t queue) {
  return result_of(ioctl(fd, TCFLSH, queue));
}

/* How many descriptors this process may have. */
RF_EXPORT int32_t rf_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return -errno;
  return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int32_t)limit.rlim_cur;
}

RF_EXPORT int32_t rf_fcntl_get_flags(int32_t fd) {
  return result_of(fcntl(fd, F_GETFL));
}

/* Reads directory entries (struct linux_dirent64, one after the other) into the scratch area. */
RF_EXPORT int32_t rf_getdents(int32_t fd) {
  return result_of(syscall(SYS_getdents64, fd, rf_scratch, rf_scratch_size));
}

/* Leaves struct statfs in the scratch area. */
RF_EXPORT int32_t rf_fstatfs(int32_t fd) {
  struct statfs st;
  if (fstatfs(fd, &st)) return -errno;
  memcpy(rf_scratch, &st, sizeof st);
  return 0;
}

/* Leaves an extended attribute's value (its name stands in the scratch area), or the list of names, of the
   file that an O_PATH descriptor names, in the scratch area; returns its length. By the sandbox's proc mount:
   f*xattr refuses O_PATH descriptors. */
RF_EXPORT int32_t rf_getxattr(int32_t proc, int32_t fd) {
  char path[32], name[XATTR_NAME_MAX + 1];
  snprintf(name, sizeof name, "%s", scratch_name());
  fd_path(path, fd);
  if (fchdir(proc)) return -errno;
  return result_of(getxattr(path, name, rf_scratch, rf_scratch_size));
}

RF_EXPORT int32_t rf_listxattr(int32_t proc, int32_t fd) {
  char path[32];
  fd_path(path, fd);
  if (fchdir(proc)) return -errno;
  return result_of(listxattr(path, (char *)rf_scratch, rf_scratch_size));
}
