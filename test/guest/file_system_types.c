// Types of file systems: what /proc/filesystems lists, what mount makes of them, and which numbers statfs
// tells.
//@ needs: mounts files fork
#include "guest.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>

static const char *const types[] = {"sysfs",   "tmpfs",    "ramfs",  "proc",   "mqueue",
                                    "overlay", "devtmpfs", "pipefs", "sockfs", "anon_inodefs",
                                    "cgroup",  "cgroup2",  "devpts", "gofer",  "no-such-type"};
static char directory[] = "/tmp/types.XXXXXX";

static void listed(const char *type) {
  char line[128], wanted[64];
  int found = 0;
  FILE *file = fopen("/proc/filesystems", "r");
  snprintf(wanted, sizeof wanted, "nodev\t%s\n", type);
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    found += strcmp(line, wanted) == 0;
  if (file != NULL) fclose(file);
  say("%s is listed %d", type, found);
}

static void tells(const char *what, int fd) {
  struct statfs fs = {0};
  int error = fstatfs(fd, &fs);
  say("%s: %d %lx", what, error, (unsigned long)fs.f_type);
  close(fd);
}

// The type that /proc/mounts shows of what is mounted on the directory.
static void shown(const char *type) {
  char line[512], at[128], kind[64];
  FILE *file = fopen("/proc/self/mounts", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "%*s %127s %63s", at, kind) == 2 && strcmp(at, directory) == 0)
      say("mounted as %s, shown as %s", type, kind);
  if (file != NULL) fclose(file);
}

static void mounted(const char *type) {
  long error = SYS_5(SYS_mount, "source", directory, type, 0, "");
  outcome(type, error);
  if (error < 0) return;
  shown(type);
  tells(type, open(directory, O_RDONLY | O_DIRECTORY));
  outcome("umount", SYS_2(SYS_umount2, directory, MNT_DETACH));
}

int main(void) {
  for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++)
    listed(types[i]);
  int pair[2], sockets[2];
  if (pipe(pair) == 0) tells("pipe", pair[0]);
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0) tells("socket", sockets[0]);
  tells("eventfd", eventfd(0, 0));
  tells("/proc", open("/proc", O_RDONLY));
  tells("/sys", open("/sys", O_RDONLY));
  if (mkdtemp(directory) == NULL) return 1;
  pid_t child = fork();
  if (child == 0) {
    value("unshare", SYS_1(SYS_unshare, CLONE_NEWNS));
    outcome("private", SYS_5(SYS_mount, "", "/", "", MS_REC | MS_PRIVATE, ""));
    static const char *const made[] = {"tmpfs", "ramfs", "proc", "sysfs", "mqueue", "no-such-type"};
    for (unsigned i = 0; i < sizeof made / sizeof made[0]; i++)
      mounted(made[i]);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  rmdir(directory);
  return 0;
}
