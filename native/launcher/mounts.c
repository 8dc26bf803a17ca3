// The sandbox's mounts: see mounts.h. System calls are made raw: C libraries that are as old as the
// oldest kernel supported (5.15) do not know these.
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "report.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#define UNMOUNT_DETACH 2 // MNT_DETACH of <sys/mount.h>, which does not go with <linux/mount.h>

static int attributes(int fd, const char *path, unsigned flags, struct mount_attr attr) {
  return (int)syscall(SYS_mount_setattr, fd, path, flags, &attr, sizeof attr);
}

static struct { int namespace, root, directory; } left = {-1, -1, -1};

void mounts_separate(void) {
  left.namespace = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  left.root = open("/", O_PATH | O_CLOEXEC);
  left.directory = open(".", O_PATH | O_CLOEXEC);
  if (left.namespace < 0 || left.root < 0 || left.directory < 0 || unshare(CLONE_NEWNS) < 0)
    fail_errno(EXIT_RINGFENCE, "making a mount namespace");
  mounts_make_private();
}

void mounts_return(void) {
  if (left.namespace < 0) return;
  const int namespace = left.namespace;
  left.namespace = -1; // once, whatever comes of it: it is also a part of failing
  // It makes the namespace's root that of the process (setns(2)), which may have had another.
  if (setns(namespace, CLONE_NEWNS) < 0 || fchdir(left.root) < 0 || chroot(".") < 0 ||
      fchdir(left.directory) < 0)
    fail_errno(EXIT_RINGFENCE, "returning to a mount namespace");
  close(namespace);
  close(left.root);
  close(left.directory);
}

void mounts_make_private(void) {
  struct mount_attr attr = {.propagation = MS_PRIVATE};
  if (attributes(AT_FDCWD, "/", AT_RECURSIVE, attr) < 0) fail_errno(EXIT_RINGFENCE, "making mounts private");
}

int mounts_detached_proc(void) {
  int context = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
  // Processes alone: /proc/sys gives by user id what user 0 of the host may write, in any namespace.
  if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "subset", "pid", 0) < 0 ||
      syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
    fail_errno(EXIT_RINGFENCE, "this host does not allow a proc file system of the sandbox's own (is /proc "
                               "masked in the container that ringfence runs in?)");
  int fd = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
                        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (fd < 0)
    fail_errno(EXIT_RINGFENCE, "this host does not allow to mount a proc file system of the sandbox's own");
  close(context);
  return fd;
}

// The guest never sees the host's own: its kernel serves these three. An attacker in the sandbox
// process must not find the host's processes and devices there either.
void mounts_hide(const char *path) {
  if (syscall(SYS_mount, "none", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "size=4k,mode=0555") < 0 &&
      errno != ENOENT && errno != ENOTDIR)
    fail_errno(EXIT_RINGFENCE, "hiding %s", path);
}

int mounts_try_tree(const char *path, bool recursive, bool writable) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, flags | (recursive ? AT_RECURSIVE : 0));
  // What a user namespace did not mount itself it may not uncover: a place with mounts below goes whole.
  if (fd < 0 && errno == EINVAL && !recursive)
    fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, flags | AT_RECURSIVE);
  if (fd < 0) return -1;
  struct mount_attr attr = {
      .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (writable ? 0 : MOUNT_ATTR_RDONLY),
      .propagation = MS_PRIVATE,
  };
  if (attributes(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, attr) < 0)
    fail_errno(EXIT_RINGFENCE, "restricting %s", path);
  return fd;
}

int mounts_detached_tree(const char *path, bool recursive, bool writable) {
  int fd = mounts_try_tree(path, recursive, writable);
  if (fd < 0) fail_errno(EXIT_RINGFENCE, "opening %s", path);
  return fd;
}

int mounts_attach(int tree, int place) {
  return (int)syscall(SYS_move_mount, tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

// Owners of that tree as the map says (mount_setattr(2), MOUNT_ATTR_IDMAP).
static void map_ids(int tree, const struct bind *bind, const struct id_maps *ids) {
  if (ids->uids.count == 0 || ids->gids.count == 0)
    fail(EXIT_RINGFENCE,
         "mounts[%u]: there are no uidMappings and gidMappings to map ids by, of its own or the container's",
         bind->index);
  int namespace = id_maps_namespace(ids);
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)namespace};
  if (attributes(tree, "", AT_EMPTY_PATH | (bind->has_ids_below ? AT_RECURSIVE : 0), attr) < 0)
    fail_errno(EXIT_RINGFENCE, "mapping the ids of %s", bind->source);
  close(namespace);
}

struct trees mounts_trees(const struct spec *spec, bool root_writable) {
  struct trees trees = {.root = mounts_detached_tree(spec->root, true, root_writable),
                        .binds = calloc(spec->bind_count + 1, sizeof *trees.binds)};
  if (!trees.binds) fail_errno(EXIT_RINGFENCE, "opening bind mounts");
  for (unsigned i = 0; i < spec->bind_count; i++) {
    const struct bind *bind = &spec->binds[i];
    trees.binds[i] = mounts_detached_tree(bind->source, bind->recursive, !bind->read_only);
    if (bind->has_ids) map_ids(trees.binds[i], bind, bind->ids ? bind->ids : &spec->user.ids);
  }
  return trees;
}

bool mounts_may(void) {
  int fd = (int)syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

bool mounts_by_launcher(const struct spec *spec) {
  for (unsigned i = 0; i < spec->bind_count; i++)
    if (spec->binds[i].has_ids) return true;
  return (spec->user.own || spec->user.path) && mounts_may();
}

int mounts_detached_host(bool writable) {
  mounts_hide("/proc");
  mounts_hide("/sys");
  mounts_hide("/dev");
  return mounts_detached_tree("/", true, writable);
}

void mounts_make_root(void) {
  // pivot_root(".", "."): the old root comes to lie over the new one (pivot_root(2), NOTES).
  if (syscall(SYS_pivot_root, ".", ".") < 0 || syscall(SYS_umount2, ".", UNMOUNT_DETACH) < 0 ||
      chdir("/") < 0)
    fail_errno(EXIT_RINGFENCE, "changing the root of a mount namespace");
}

static void mount_read_only(const char *source, const char *place) {
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
  if (syscall(SYS_mount, source, place, NULL, MS_BIND, NULL) < 0 || attributes(AT_FDCWD, place, 0, attr) < 0)
    fail_errno(EXIT_RINGFENCE, "mounting %s", source);
}

void mounts_enter(const char *directory, const char *node) {
  mount_read_only(directory, directory);
  if (chdir(directory) < 0) fail_errno(EXIT_RINGFENCE, "entering %s", directory);
  if (node) {
    mount_read_only(node, "node");
    mounts_hide("empty");
  }
  mounts_make_root();
}

void mounts_show_proc(int proc) {
  if (syscall(SYS_move_mount, proc, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) < 0)
    fail_errno(EXIT_RINGFENCE, "mounting the sandbox's proc");
}
