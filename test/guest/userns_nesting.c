// How deep user namespaces go, how many there may be, and what their files tell (ioctl_ns(2)).
//@ needs: credentials fork files proc
#include "user_namespace.h"
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static void deeper(void) {
  for (int level = 1; level < 50; level++) {
    if (unshare(CLONE_NEWUSER)) {
      say("level %d: %s", level, strerrorname_np(errno));
      return;
    }
    long r = put_of(0, "uid_map", "0 0 1");
    if (r < 0) value("uid_map", r);
  }
}

static long limit(const char *kind, const char *text) {
  char path[64];
  snprintf(path, sizeof path, "/proc/sys/user/max_%s_namespaces", kind);
  return put_text(path, text);
}

static int in_turn(unsigned long flags) {
  int pid = fork();
  if (pid == 0) _exit(unshare(flags) ? errno : 0);
  int status;
  waitpid(pid, &status, 0);
  return -WEXITSTATUS(status);
}

static void limits(void) {
  if (unshare_as_root(0)) return;
  show("max_user_namespaces", "/proc/sys/user/max_user_namespaces");
  value("no number", limit("user", "x"));
  value("too large", limit("user", "2147483648"));
  value("one", limit("user", "1"));
  int pid = fork_into(CLONE_NEWUSER);
  if (pid == 0) {
    pause();
    _exit(0);
  }
  value("two below", in_turn(CLONE_NEWUSER));
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  value("none", limit("user", "0"));
  value("none below", in_turn(CLONE_NEWUSER));
  static const struct {
    const char *name;
    unsigned long flag;
  } kinds[] = {{"cgroup", CLONE_NEWCGROUP}, {"ipc", CLONE_NEWIPC}, {"mnt", CLONE_NEWNS},
               {"net", CLONE_NEWNET},       {"pid", CLONE_NEWPID}, {"uts", CLONE_NEWUTS}};
  for (int i = 0; i < 6; i++) {
    say("%s", kinds[i].name);
    value("  limited", limit(kinds[i].name, "0"));
    value("  then", in_turn(kinds[i].flag));
  }
}

static void by_file(int fd, const char *what) {
  unsigned uid = 77;
  int owner = ioctl(fd, NS_GET_USERNS), parent;
  say("%s: type %s, owner %s", what, ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWUSER ? "user" : "another",
      owner < 0 ? strerrorname_np(errno) : "told");
  parent = ioctl(fd, NS_GET_PARENT);
  say("%s: parent %s", what, parent < 0 ? strerrorname_np(errno) : "told");
  value("  whose it is", ioctl(fd, NS_GET_OWNER_UID, &uid) ? -errno : (long)uid);
  struct stat a, b;
  if (owner >= 0 && parent >= 0 && !fstat(owner, &a) && !fstat(parent, &b))
    yes_no("  the same", a.st_ino == b.st_ino);
  if (owner >= 0) close(owner);
  if (parent >= 0) close(parent);
}

static void below_files(void) {
  int user = open("/proc/self/ns/user", O_RDONLY), uts = open("/proc/self/ns/uts", O_RDONLY);
  by_file(user, "its own, from inside");
  by_file(uts, "its host names', from inside");
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/user", getppid());
  int outer = open(path, O_RDONLY);
  value("of who is outside", outer < 0 ? -errno : 0);
}

static void files(void) {
  int user = open("/proc/self/ns/user", O_RDONLY);
  by_file(user, "the first one");
  int go[2];
  if (pipe(go)) _exit(9);
  int pid = fork();
  if (pid == 0) {
    become_open(SOMEBODY, HIS_GROUP);
    if (unshare_as_root(CLONE_NEWUTS)) _exit(1);
    let(go);
    pause();
  }
  wait_for(go);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
  int below = open(path, O_RDONLY);
  by_file(below, "one below");
  snprintf(path, sizeof path, "/proc/%d/ns/uts", pid);
  int uts = open(path, O_RDONLY);
  by_file(uts, "its host names'");
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  by_file(below, "one that nobody is in");
  int entering = fork();
  if (entering == 0) {
    value("it is entered", setns(below, CLONE_NEWUSER) ? -errno : 0);
    ids("entered");
    capabilities("entered");
    by_file(below, "entered");
    _exit(0);
  }
  reaped("who enters", entering);
}

int main(void) {
  in_child("deeper", deeper);
  in_child("limits", limits);
  in_child("files", files);
  mapped_child("files below", "0 0 1", "0 0 1", CLONE_NEWUTS, below_files);
  return 0;
}
