// Who may look into another process, and change its limits: who has changed ids is nobody's to look into.
//@ needs: credentials proc fork
#include "guest.h"
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

// A process that prepares itself and then waits until it is killed.
static int target(unsigned uid, int dumpable) {
  int ready[2];
  char byte = 0;
  if (pipe(ready) < 0) _exit(1);
  int pid = fork();
  if (pid == 0) {
    if (uid != 0) {
      SYS_3(SYS_setresgid, uid, uid, uid);
      SYS_3(SYS_setresuid, uid, uid, uid);
      value("dumpable after a change of ids", prctl(PR_GET_DUMPABLE));
    }
    if (dumpable >= 0) prctl(PR_SET_DUMPABLE, dumpable);
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    for (;;)
      pause();
  }
  if (read(ready[0], &byte, 1) != 1) _exit(1);
  close(ready[0]);
  close(ready[1]);
  return pid;
}

static void inspect(const char *who, int pid) {
  char path[64], link[256];
  say("%s:", who);
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  outcome("  exe", readlink(path, link, sizeof link) < 0 ? -errno : 0);
  snprintf(path, sizeof path, "/proc/%d/environ", pid);
  outcome("  environ", open(path, O_RDONLY) < 0 ? -errno : 0);
  struct rlimit limit = {64, 64};
  outcome("  limits", SYS_4(SYS_prlimit64, pid, RLIMIT_NOFILE, 0, &limit));
  outcome("  new limits", SYS_4(SYS_prlimit64, pid, RLIMIT_NOFILE, &limit, 0));
}

int main(void) {
  if (geteuid() != 0) {
    say("not root");
    return 0;
  }

  int of_root = target(0, -1), changed = target(1000, -1), shown = target(1000, 1), other = target(1001, 1);
  int child = fork(), status;
  if (child == 0) {
    SYS_3(SYS_setresgid, 1000, 1000, 1000);
    SYS_3(SYS_setresuid, 1000, 1000, 1000);
    inspect("of root", of_root);
    inspect("of the same user, after a change of ids", changed);
    inspect("of the same user, who shows itself", shown);
    inspect("of another user", other);
    _exit(0);
  }
  waitpid(child, &status, 0);
  int all[] = {of_root, changed, shown, other};
  for (int i = 0; i < 4; i++) {
    kill(all[i], SIGKILL);
    waitpid(all[i], &status, 0);
  }
  return 0;
}
