// Mount namespaces that nobody is in, each of which has the file of the next mounted, as many as there can be: with the first
// all of them go, and no depth of calls is as deep as they are many.
//@ args-once:
//@ ends: 0
//@ deadline: 60
//@ needs: fork
#include "hostile.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FILE_OF_NEXT "/tmp/ringfence-next"

// Nothing but what is needed, so that there may be many copies.
static void drop_mounts(void) {
  static char points[200][256];
  char line[4096];
  FILE *mounts = fopen("/proc/self/mounts", "r");
  int count = 0;
  while (count < 200 && fgets(line, sizeof line, mounts))
    if (sscanf(line, "%*s %255s", points[count]) == 1) count++;
  fclose(mounts);
  while (count-- > 0)
    if (strcmp(points[count], "/") && strcmp(points[count], "/proc")) umount2(points[count], MNT_DETACH);
}

static void mount_that_of(pid_t pid) {
  char path[64];
  sprintf(path, "/proc/%d/ns/mnt", pid);
  if (mount(path, FILE_OF_NEXT, NULL, MS_BIND, NULL)) bad("the file of the next", -errno);
}

static void tell(int fd, char what) {
  write(fd, &what, 1);
}

static char hear(int fd) {
  char what = 0;
  read(fd, &what, 1);
  return what;
}

// Each is in a namespace of its own until it has that of its child.
static void extend(int done) {
  for (int depth = 0;; depth++) {
    int up[2], down[2];
    pipe(up), pipe(down);
    pid_t child = fork();
    if (child == 0) {
      int error = unshare(CLONE_NEWNS);
      tell(up[1], error ? 'n' : 'y');
      if (error) _exit(0);
      hear(down[0]);
    } else {
      if (child < 0 || hear(up[0]) == 'n') {
        if (depth < 100) bad("a namespace", -errno);
        tell(done, 'x');
        _exit(0);
      }
      mount_that_of(child);
      tell(down[1], 'y');
      _exit(0);
    }
    close(up[0]), close(up[1]), close(down[0]), close(down[1]);
  }
}

int main(void) {
  if (unshare(CLONE_NEWNS)) bad("the first namespace", -errno);
  mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
  drop_mounts();
  mkdir("/tmp", 0777);
  close(open(FILE_OF_NEXT, O_CREAT | O_RDONLY | O_CLOEXEC, 0600));
  int ready[2], go[2], done[2];
  pipe(ready), pipe(go), pipe(done);
  pid_t first = fork();
  if (first == 0) {
    unshare(CLONE_NEWNS);
    tell(ready[1], 'x');
    hear(go[0]);
    extend(done[1]);
  }
  hear(ready[0]);
  mount_that_of(first);
  tell(go[1], 'x');
  hear(done[0]);
  while (waitpid(-1, NULL, 0) > 0)
    ;
  if (umount2(FILE_OF_NEXT, MNT_DETACH)) bad("the end of all", -errno);
  // All that they had is there again.
  for (int i = 0; unshare(CLONE_NEWNS); i++) {
    if (i == 500) bad("a namespace afterwards", -errno);
    usleep(10000);
  }
  unlink(FILE_OF_NEXT);
  return 0;
}
