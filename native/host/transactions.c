// What the Gofer's threads do for a job (ringfence/job.h): a host call, or several that belong together, so that a job gives
// all that the kernel thread needs in order to go on. Names and contents stand in the job's data, which is the thread's
// scratch area meanwhile: the same entries serve, whoever calls them. Who may do what was decided before.
#include "files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <ringfence/job.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// What stat tells of owners that are not mapped (/proc/sys/fs/overflowuid).
#define OVERFLOW_ID 65534

static int32_t look(struct job *job, int fd) {
  return fstat(fd, &job->stat) ? -errno : 0;
}

// Whose is a file that the host shows as nobody's (owners.ts)? The sandbox is as good as the owner of what is mapped.
static void ask_owner(struct job *job, int fd) {
  mode_t type = job->stat.st_mode & S_IFMT;
  if (job->owner != RF_OWNER_ASKED || job->stat.st_uid != OVERFLOW_ID) return;
  if (type != S_IFREG && type != S_IFDIR) return;
  int opened = rf_reopen(job->b, fd, O_RDONLY | O_NOATIME | O_NONBLOCK);
  if (opened >= 0)
    close(opened);
  else
    job->owner = RF_OWNER_UNMAPPED;
}

// Opens the name as openat2 does, through the mount that may stand there.
static int across(struct job *job) {
  struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  return result_of(syscall(SYS_openat2, job->a, (const char *)rf_scratch, &how, sizeof how));
}

/* a: a directory; the name: what it names there, as an O_PATH descriptor, with its stat; b: proc. Where another mount of the
   host's begins second says so, and if c is not 0, it is entered, and its type told; else the result is the directory once
   more, for whoever enters. */
static int32_t lookup(struct job *job) {
  struct statfs st;
  int fd = rf_open_component(job->a, O_PATH);
  bool crosses = fd == -EXDEV;
  job->second = crosses ? job->c ? RF_CROSSING_ENTERED : RF_CROSSING_LEFT : 0;
  if (job->second == RF_CROSSING_LEFT) return result_of(fcntl(job->a, F_DUPFD_CLOEXEC, 0));
  if (crosses) fd = across(job);
  if (fd < 0) return fd;
  int32_t error = look(job, fd);
  if (error == 0 && crosses) error = fstatfs(fd, &st) ? -errno : 0;
  if (error < 0) {
    close(fd);
    return error;
  }
  if (crosses) job->type = (uint32_t)st.f_type;
  ask_owner(job, fd);
  return fd;
}

/* a: a descriptor; c: 1 where the type of its file system is asked for as well. */
static int32_t stat_open(struct job *job) {
  struct statfs st;
  int32_t error = look(job, job->a);
  if (error == 0) ask_owner(job, job->a);
  if (error < 0 || job->c == 0) return error;
  if (fstatfs(job->a, &st)) return -errno;
  job->type = (uint32_t)st.f_type;
  return 0;
}

/* The descriptor; second: 0, and its stat is there, which the host has asked for anew: a handle that is opened again is not
   looked up. */
static int32_t reopen(struct job *job) {
  int32_t fd = rf_reopen(job->b, job->a, job->c);
  job->second = fd < 0 ? fd : look(job, fd);
  if (job->second == 0) ask_owner(job, fd);
  return fd;
}

static int32_t read_link(struct job *job) {
  return rf_readlink(job->a);
}

static int32_t get_attribute(struct job *job) {
  return rf_getxattr(job->b, job->a);
}

static int32_t list_attributes(struct job *job) {
  return rf_listxattr(job->b, job->a);
}

/* "." of a directory's handle is that very directory. */
static int32_t open_directory(struct job *job) {
  rf_scratch[0] = '.';
  rf_scratch[1] = 0;
  return rf_open_component(job->a, O_DIRECTORY);
}

static int32_t get_entries(struct job *job) {
  return rf_getdents(job->a);
}

static int32_t status(struct job *job) {
  return rf_fstatfs(job->a);
}

static int32_t read_at(struct job *job) {
  return rf_pread_scratch(job->a, 0, job->length, job->position);
}

/* b: it appends; c: the mode without set-id bits that writing takes away, or -1; d: proc. */
static int32_t write_at(struct job *job) {
  struct iovec iov = {rf_scratch, job->length};
  if (job->length > rf_scratch_size) return -EFAULT;
  int32_t n = result_of(job->b ? pwritev2(job->a, &iov, 1, 0, RWF_APPEND)
                               : pwrite(job->a, rf_scratch, job->length, (off_t)job->position));
  if (n > 0 && job->c >= 0) rf_chmod(job->d, job->a, (uint32_t)job->c);
  job->second = n < 0 ? n : look(job, job->a);
  return n;
}

static int32_t sync_file(struct job *job) {
  return rf_fsync(job->a, job->b);
}

static int32_t seek(struct job *job) {
  job->value = rf_seek(job->a, job->position, job->b);
  return job->value < 0 ? (int32_t)job->value : 0;
}

/* position and value: of the range. */
static int32_t allocate(struct job *job) {
  return result_of(fallocate(job->a, job->b, (off_t)job->position, (off_t)job->value));
}

static int32_t close_one(struct job *job) {
  return result_of(close(job->a));
}

// Gives a new file to its owner. -ESTALE: what bears the name is somebody else's.
static int32_t give(struct job *job, int fd) {
  mode_t mode = (mode_t)job->c;
  int32_t error = look(job, fd);
  if (error < 0) return error;
  if ((job->stat.st_mode & S_IFMT) != (mode & S_IFMT)) return -ESTALE;
  error = rf_chown(fd, job->d, job->e);
  if (error == 0 && !S_ISLNK(mode)) error = rf_chmod(job->b, fd, mode & 07777);
  return error < 0 ? error : look(job, fd);
}

/* a: a directory; b: proc; c: type and mode; d, e: owner; the name. Made for the sandbox alone, then given to its owner. The
   new file's O_PATH descriptor; second: of a regular file also one for reading and writing. */
static int32_t make(struct job *job) {
  mode_t type = (mode_t)job->c & S_IFMT;
  int32_t made = S_ISREG(type)   ? rf_create(job->a)
                 : S_ISDIR(type) ? rf_mkdir(job->a)
                 : S_ISLNK(type) ? rf_symlink(job->a)
                                 : rf_mknod(job->a, type);
  job->second = -1;
  if (made < 0) return made;
  int fd = S_ISREG(type) ? rf_reopen(job->b, made, O_PATH) : rf_open_component(job->a, O_PATH);
  int32_t error = fd < 0 ? fd : give(job, fd);
  if (S_ISREG(type)) job->second = made;
  if (error == 0) return fd;
  if (fd >= 0) close(fd);
  if (job->second >= 0) close(job->second);
  job->second = -1;
  if (error != -ESTALE) rf_unlink(job->a, S_ISDIR(type));
  return error;
}

/* As make, without a name; the descriptor is for reading and writing, and so is another
   one, second. length: 1 where it may get a name later. */
static int32_t make_nameless(struct job *job) {
  int fd = rf_reopen(job->b, job->a, O_TMPFILE | O_RDWR | (job->length ? 0 : O_EXCL));
  if (fd < 0) return fd;
  int32_t error = give(job, fd);
  job->second = error < 0 ? error : rf_reopen(job->b, fd, O_RDWR);
  if (job->second >= 0) return fd;
  close(fd);
  return job->second;
}

static int32_t link_file(struct job *job) {
  return rf_link(job->b, job->a, job->c);
}

static int32_t unlink_name(struct job *job) {
  return rf_unlink(job->a, job->c);
}

static int32_t rename_file(struct job *job) {
  return rf_rename(job->a, job->c, (uint32_t)job->d);
}

/* a: a handle; b: proc; c: RF_SET_*; d: the mode; e: the owner; length: the group; position: the size. */
static int32_t set_attributes(struct job *job) {
  int32_t error = 0;
  if (job->c & RF_SET_SIZE) {
    int file = rf_reopen(job->b, job->a, O_WRONLY);
    if (file < 0) return file;
    error = result_of(ftruncate(file, (off_t)job->position));
    close(file);
  }
  // Owner first: a change of owner takes the set-id bits away, which the mode may have again.
  int32_t owner = job->c & RF_SET_UID ? job->e : -1, group = job->c & RF_SET_GID ? (int32_t)job->length : -1;
  if (error == 0 && (job->c & (RF_SET_UID | RF_SET_GID))) error = rf_chown(job->a, owner, group);
  if (error == 0 && (job->c & RF_SET_MODE)) error = rf_chmod(job->b, job->a, (uint32_t)job->d);
  if (error == 0 && (job->c & RF_SET_TIMES))
    error = result_of(utimensat(job->a, "", job->times, AT_EMPTY_PATH));
  job->second = look(job, job->a);
  return error;
}

static int32_t set_attribute(struct job *job) {
  return rf_setxattr(job->b, job->a, job->length, job->c);
}

static int32_t remove_attribute(struct job *job) {
  return rf_removexattr(job->b, job->a);
}

static int32_t (*const operations[JOB_OPERATIONS])(struct job *) = {
    [JOB_LOOKUP] = lookup,
    [JOB_STAT] = stat_open,
    [JOB_REOPEN] = reopen,
    [JOB_READLINK] = read_link,
    [JOB_GETXATTR] = get_attribute,
    [JOB_LISTXATTR] = list_attributes,
    [JOB_OPEN_DIRECTORY] = open_directory,
    [JOB_GETDENTS] = get_entries,
    [JOB_STATFS] = status,
    [JOB_READ] = read_at,
    [JOB_WRITE] = write_at,
    [JOB_FSYNC] = sync_file,
    [JOB_SEEK] = seek,
    [JOB_ALLOCATE] = allocate,
    [JOB_CLOSE] = close_one,
    [JOB_MAKE] = make,
    [JOB_TMPFILE] = make_nameless,
    [JOB_LINK] = link_file,
    [JOB_UNLINK] = unlink_name,
    [JOB_RENAME] = rename_file,
    [JOB_SETATTR] = set_attributes,
    [JOB_SETXATTR] = set_attribute,
    [JOB_REMOVEXATTR] = remove_attribute,
};

void rf_job_run(struct job *job) {
  int32_t (*operation)(struct job *) = job->operation < JOB_OPERATIONS ? operations[job->operation] : NULL;
  rf_scratch = job->data;
  rf_scratch_size = sizeof job->data;
  job->second = -1; // nothing was looked at
  job->result = operation == NULL ? -ENOSYS : operation(job);
}
