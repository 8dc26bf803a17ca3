// A container's files as the host sees them: see shown_root.h.
#include "shown_root.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mounts.h"
#include "namespaces.h"
#include "report.h"

#define PROC "/proc"

static void enter(int fd, const char *what) {
  if (setns(fd, 0) < 0) fail_errno(EXIT_RINGFENCE, "entering the %s", what);
}

// Below the working directory, which the container may have filled with links to anywhere. Where there is no such place
// (any more), nothing is shown: false.
static bool attach(int tree, const char *destination) {
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
  int at = (int)syscall(SYS_openat2, AT_FDCWD, destination, &how, sizeof how);
  bool is_shown = at >= 0 && mounts_attach(tree, at) == 0;
  if (at >= 0) close(at);
  close(tree);
  return is_shown;
}

// From within the namespace: what cannot be opened is not shown.
static struct trees trees_of(const struct spec *spec) {
  struct trees trees = {.binds = calloc(spec->bind_count + 1, sizeof *trees.binds)};
  if (!trees.binds) fail_errno(EXIT_RINGFENCE, "showing the container's files");
  for (unsigned i = 0; i < spec->bind_count; i++)
    trees.binds[i] =
        mounts_try_tree(spec->binds[i].source, spec->binds[i].recursive, !spec->binds[i].read_only);
  trees.root = mounts_detached_tree(spec->root, true, !spec->root_read_only);
  return trees;
}

// What is there before the container starts is the sandbox's own: podman top tells of the guest's processes alone.
static void hide_sandbox(int proc) {
  DIR *directory = fchdir(proc) < 0 ? NULL : opendir(".");
  if (!directory) fail_errno(EXIT_RINGFENCE, "reading the sandbox's proc");
  for (struct dirent *entry; (entry = readdir(directory));)
    if (isdigit((unsigned char)entry->d_name[0])) mounts_hide(entry->d_name);
  closedir(directory);
}

static _Noreturn void make(pid_t init, pid_t waiter, bool user_namespace, const struct spec *spec,
                           bool opened) {
  struct trees trees = {.root = -1};
  if (opened) trees = mounts_trees(spec, !spec->root_read_only);
  int user = user_namespace ? namespace_of(init, "user") : -1;
  int sandbox = namespace_of(init, "mnt"), shown = namespace_of(waiter, "mnt");
  if (user >= 0) enter(user, "sandbox's user namespace");
  enter(sandbox, "sandbox's mount namespace");
  int proc = mounts_try_tree(PROC, false, false);
  enter(shown, "waiter's mount namespace");
  mounts_make_private();
  if (!opened) trees = trees_of(spec);
  int place = open("/", O_PATH | O_CLOEXEC);
  if (place < 0 || mounts_attach(trees.root, place) < 0 || fchdir(trees.root) < 0)
    fail_errno(EXIT_RINGFENCE, "showing the container's files");
  int processes = proc < 0 ? -1 : fcntl(proc, F_DUPFD_CLOEXEC, 0);
  bool shows_proc = proc >= 0 && attach(proc, PROC);
  for (unsigned i = 0; i < spec->bind_count; i++)
    if (trees.binds[i] >= 0) attach(trees.binds[i], spec->binds[i].destination);
  mounts_make_root();
  if (shows_proc) hide_sandbox(processes);
  _exit(0);
}

void shown_root_make(pid_t init, pid_t waiter, bool user_namespace, const struct spec *spec,
                     bool by_launcher) {
  pid_t maker = fork();
  if (maker < 0) fail_errno(EXIT_RINGFENCE, "showing the container's files");
  if (maker == 0) make(init, waiter, user_namespace, spec, by_launcher);
  namespace_child_end(maker);
}
