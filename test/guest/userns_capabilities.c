// What who has made a user namespace may do in it and outside: capabilities, execve, signals, looking into processes.
//@ needs: credentials fork exec files proc signals pidfd
//@ args: root
//@ args: user
#include "user_namespace.h"
#include <linux/prctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

static int is_root;
static char *self;

static long uts(const char *name) {
  return SYS_2(SYS_sethostname, name, strlen(name));
}

static void outside_rights(void) {
  value("sethostname", uts("x"));
  value("chroot", chroot("/tmp") ? -errno : 0);
  value("mount", SYS_5(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
  value("mknod", mknod("/tmp/userns-null", S_IFCHR | 0666, 0x103) ? -errno : 0);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_max++;
  value("a higher limit", setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0);
  int raw = socket(AF_INET, SOCK_RAW, 1);
  value("a raw socket", raw < 0 ? -errno : 0);
  value("PR_CAPBSET_DROP", prctl(PR_CAPBSET_DROP, CAP_SYS_TIME) ? -errno : 0);
  value("a bounding set without", prctl(PR_CAPBSET_READ, CAP_SYS_TIME));
  value("securebits", prctl(PR_SET_SECUREBITS, 1) ? -errno : 0);
  value("nice", setpriority(PRIO_PROCESS, 0, -5) ? -errno : 0);
  value("a write to what is root's", open("/etc/passwd", O_WRONLY | O_APPEND) < 0 ? -errno : 0);
  value("a read of what nobody may", open("/etc/shadow", O_RDONLY) < 0 ? -errno : 0);
}

static void shares_names(void) {
  value("namespaces of all kinds",
        unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP)
            ? -errno
            : 0);
  value("sethostname", uts("inside"));
  char name[64];
  gethostname(name, sizeof name);
  say("it is %s", name);
  value("mount", SYS_5(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
  int raw = socket(AF_INET, SOCK_RAW, 1);
  value("a raw socket", raw < 0 ? -errno : 0);
  value("chroot", chroot("/tmp") ? -errno : 0);
  value("a user namespace of who is chrooted", unshare(CLONE_NEWUSER) ? -errno : 0);
}

static void told_capabilities(void) {
  capabilities("at first");
}

// ---- execve ----

static void execute(const char *what) {
  int pid = fork();
  if (pid == 0) {
    execl(self, self, what, NULL);
    _exit(1);
  }
  reaped(what, pid);
}

static void execs_as_root(void) {
  become(0, 0);
  execute("exec-as-0");
  SYS_2(SYS_prctl, PR_SET_KEEPCAPS, 1);
  value("setresuid", SYS_3(SYS_setresuid, 5, 5, 5));
  capabilities("with 5, and kept");
  execute("exec-as-5");
}

static void execs_unmapped(void) {
  value("unshare", unshare(CLONE_NEWUSER) ? -errno : 0);
  capabilities("not mapped");
  execute("exec-as-nobody");
}

// ---- Others ----

static int waiting_child(void) {
  int pid = fork();
  if (pid == 0) {
    for (;;)
      pause();
  }
  return pid;
}

static void others(int outside, int inside) {
  value("signal to who is outside", kill(outside, 0) ? -errno : 0);
  value("signal to who is inside", kill(inside, 0) ? -errno : 0);
  char path[64], text[64];
  int fd;
  for (int i = 0; i < 2; i++) {
    const char *who = i ? "inside" : "outside";
    int pid = i ? inside : outside;
    snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
    ssize_t n = readlink(path, text, sizeof text);
    say("namespace of who is %s: %s", who, n < 0 ? strerrorname_np(errno) : "told");
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    fd = open(path, O_RDONLY);
    say("environment of who is %s: %s", who, fd < 0 ? strerrorname_np(errno) : "told");
    if (fd >= 0) close(fd);
    struct rlimit limit;
    value("  its limits", SYS_4(SYS_prlimit64, pid, RLIMIT_CORE, NULL, &limit));
    value("  its priority", setpriority(PRIO_PROCESS, pid, 3) ? -errno : 0);
  }
}

static void looks(void) {
  int outside = waiting_child();
  int pid = fork();
  if (pid == 0) {
    if (unshare_as_root(0)) _exit(1);
    int inside = waiting_child();
    others(outside, inside);
    kill(inside, SIGKILL);
    _exit(0);
  }
  reaped("who looks", pid);
  kill(outside, SIGKILL);
  waitpid(outside, NULL, 0);
}

// What its maker may do with what is inside, and others may not.
static void maker(void) {
  int go[2];
  if (pipe(go)) _exit(9);
  int pid = fork_into(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWNET);
  if (pid == 0) {
    wait_for(go);
    _exit(0);
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
  int user = open(path, O_RDONLY);
  snprintf(path, sizeof path, "/proc/%d/ns/uts", pid);
  int uts_ns = open(path, O_RDONLY);
  if (is_root) {
    int other = fork();
    if (other == 0) {
      become(SOMEBODY, HIS_GROUP);
      value("somebody else enters the user namespace", setns(user, 0) ? -errno : 0);
      value("somebody else enters the other", setns(uts_ns, 0) ? -errno : 0);
      _exit(0);
    }
    waitpid(other, NULL, 0);
  }
  int entering = fork();
  if (entering == 0) {
    value("it enters the other", setns(uts_ns, CLONE_NEWUTS) ? -errno : 0);
    value("it enters the user namespace", setns(user, CLONE_NEWUSER) ? -errno : 0);
    ids("entered");
    capabilities("entered");
    value("it enters the other then", setns(uts_ns, CLONE_NEWUTS) ? -errno : 0);
    value("sethostname", uts("y"));
    value("it enters again", setns(user, CLONE_NEWUSER) ? -errno : 0);
    _exit(0);
  }
  reaped("who enters", entering);
  entering = fork();
  if (entering == 0) {
    int fd = SYS_2(SYS_pidfd_open, pid, 0);
    value("it enters both at once", setns(fd, CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWNET) ? -errno : 0);
    ids("entered");
    _exit(0);
  }
  reaped("who enters both", entering);
  let(go);
  reaped("who is inside", pid);
}

static void errors(void) {
  value("with a thread's flags",
        SYS_5(SYS_clone, CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, 0, 0, 0, 0));
  value("with shared places", SYS_5(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
  int own = open("/proc/self/ns/user", O_RDONLY);
  value("into its own", setns(own, 0) ? -errno : 0);
  value("as another kind", setns(own, CLONE_NEWUTS) ? -errno : 0);
  value("unshare", unshare(CLONE_NEWUSER) ? -errno : 0);
  value("chown of its own to nobody", chown("/tmp", -1, 0) ? -errno : 0);
}

int main(int argc, char **argv) {
  self = argv[0];
  if (argc > 1 && !strncmp(argv[1], "exec-", 5)) {
    ids(argv[1]);
    capabilities(argv[1]);
    return 0;
  }
  is_root = argc < 2 || strcmp(argv[1], "user") != 0;
  if (!is_root) become_open(SOMEBODY, HIS_GROUP);
  int pid = fork();
  if (pid == 0) {
    if (!unshare_as_root(0)) told_capabilities(), outside_rights();
    _exit(0);
  }
  reaped("rights outside", pid);
  pid = fork();
  if (pid == 0) {
    if (!unshare_as_root(0)) shares_names();
    _exit(0);
  }
  reaped("rights inside", pid);
  if (is_root) mapped_child("programs", "0 5000 10", "0 5000 10", 0, execs_as_root);
  in_child("programs of who is not mapped", execs_unmapped);
  in_child("looks", looks);
  in_child("its maker", maker);
  in_child("errors", errors);
  return 0;
}
