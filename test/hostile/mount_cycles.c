// Files of mount namespaces, mounted where a later namespace gets them by propagation: none may come to hold itself, or mounts
// that nobody can take away are all that there can be.
//@ args-once:
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MOUNTS 512

// A namespace with many mounts, of which one would be its own file.
static int hold(void) {
  int made[2], over[2];
  char path[64], byte;
  if (pipe(made) || pipe(over)) _exit(1);
  pid_t child = fork();
  if (child == 0) {
    close(over[1]);
    if (unshare(CLONE_NEWNS)) _exit(2);
    int n = 0;
    while (n < MOUNTS && mount("x", "/mnt/many", "tmpfs", 0, NULL) == 0)
      n++;
    if (write(made[1], "x", 1) != 1 || read(over[0], &byte, 1) < 0) _exit(3);
    // What has come here stays.
    if (mount(NULL, "/mnt/s", NULL, MS_PRIVATE, NULL)) _exit(4);
    _exit(n == MOUNTS ? 0 : 5);
  }
  if (read(made[0], &byte, 1) != 1) _exit(6);
  snprintf(path, sizeof path, "/proc/%d/ns/mnt", child);
  if (mount(path, "/mnt/s/file", NULL, MS_BIND, NULL)) say("BAD: %s", strerror(errno));
  close(over[1]);
  int status = -1;
  waitpid(child, &status, 0);
  umount2("/mnt/s/file", MNT_DETACH);
  close(over[0]), close(made[0]), close(made[1]);
  return status;
}

int main(void) {
  if (unshare(CLONE_NEWNS) || mount("x", "/mnt", "tmpfs", 0, NULL)) return 1;
  mkdir("/mnt/s", 0755);
  mkdir("/mnt/many", 0755);
  if (mount("x", "/mnt/s", "tmpfs", 0, NULL) || mount(NULL, "/mnt/s", NULL, MS_SHARED, NULL)) return 2;
  close(open("/mnt/s/file", O_CREAT | O_WRONLY, 0600));
  for (int i = 0; i < 64; i++) {
    int status = hold();
    if (status != 0) {
      say("BAD: namespace %d ended with %x", i, status);
      break;
    }
  }
  return 0;
}
