// See cgroup_fork.h.
#include "cgroup_fork.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "report.h"

// What a child needs of the groups, opened by its parent, whose right to use it counts.
struct doors {
  int count;
  int tasks[CGROUPS_MAX]; // of v1: a thread that writes 0 to it is in the group
  int unified;            // the group's directory (v2), or -1
};

static int open_in(const char *directory, const char *name, int flags) {
  char path[PATH_MAX + 16];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return open(path, flags | O_CLOEXEC);
}

static void close_doors(const struct doors *doors) {
  for (int i = 0; i < doors->count; i++)
    close(doors->tasks[i]);
  if (doors->unified >= 0) close(doors->unified);
}

static bool open_doors(struct doors *doors, const struct cgroups *groups) {
  *doors = (struct doors){.unified = -1};
  for (int i = 0; i < groups->count; i++) {
    int tasks = open_in(groups->paths[i], "tasks", O_WRONLY);
    if (tasks >= 0)
      doors->tasks[doors->count++] = tasks;
    else if (errno != ENOENT || doors->unified >= 0 ||
             (doors->unified = open_in(groups->paths[i], ".", O_RDONLY | O_DIRECTORY)) < 0) {
      close_doors(doors);
      return false;
    }
  }
  return true;
}

static bool enter(const struct doors *doors) {
  for (int i = 0; i < doors->count; i++)
    if (write(doors->tasks[i], "0", 1) != 1) return false;
  return true;
}

static pid_t plain_fork(unsigned long flags) {
  return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
}

// A sibling's signal is that of its parent's parent, and is not to be given.
static pid_t fork_into(int group, unsigned long flags) {
  if (group < 0) return plain_fork(flags);
  struct clone_args arguments = {.flags = flags | CLONE_INTO_CGROUP,
                                 .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
                                 .cgroup = (__u64)group};
  return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

pid_t cgroups_fork(const struct cgroups *groups, unsigned long flags, bool *in_groups) {
  struct doors doors;
  int answer[2];
  *in_groups = false;
  if (!groups || !open_doors(&doors, groups)) return plain_fork(flags);
  if (pipe2(answer, O_CLOEXEC) < 0) fail_errno(EXIT_RINGFENCE, "making a pipe");
  pid_t pid = fork_into(doors.unified, flags);
  const int error = errno;
  if (pid == 0) {
    if (enter(&doors)) (void)!write(answer[1], "", 1);
    close(answer[0]);
  }
  close(answer[1]);
  close_doors(&doors);
  if (pid == 0) return 0;
  char entered;
  ssize_t told = -1;
  // No answer is one as well: the child has entered not all of them, or has ended.
  if (pid > 0)
    while ((told = read(answer[0], &entered, 1)) < 0 && errno == EINTR)
      ;
  close(answer[0]);
  *in_groups = told == 1;
  errno = error;
  // The host is older than that way to make a process, or does not allow it here.
  return pid < 0 && doors.unified >= 0 ? plain_fork(flags) : pid;
}
