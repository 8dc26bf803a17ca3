// Mounts of who has made a user namespace: which file systems he may mount, and what he may not uncover.
//@ needs: credentials mounts fork files proc
//@ args: root
//@ args: user
#include "user_namespace.h"
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

static int is_root;
static char directory[] = "/tmp/userns.XXXXXX";

static long mounts(const char *s, const char *t, const char *type, unsigned long flags, const char *data) {
  return SYS_5(SYS_mount, s, t, type, flags, data);
}

static long unmount(const char *t, int flags) {
  return SYS_2(SYS_umount2, t, flags);
}

static void there(const char *path) {
  say("%s is %s", path, access(path, F_OK) == 0 ? "there" : "not there");
}

// Its flags and how it propagates, by mountinfo.
static void mountinfo(const char *what) {
  FILE *f = fopen("/proc/self/mountinfo", "r");
  char line[4096];
  while (fgets(line, sizeof line, f)) {
    char *at = strstr(line, directory);
    if (!at) continue;
    char *end = strchr(at, ' '), *dash = strstr(end, " - ");
    *end = 0;
    *dash = 0;
    char *fields = end + 1, *optional = strchr(fields, ' ');
    if (optional) *optional++ = 0;
    int master = optional && strstr(optional, "master:") != NULL,
        shared = optional && strstr(optional, "shared:") != NULL;
    say("%s: %s %s%s%s", what, at + strlen(directory), fields, shared ? " shared" : "",
        master ? " slave" : "");
  }
  fclose(f);
}

static void kinds(void) {
  static const struct {
    const char *type, *data;
    unsigned long flags;
  } all[] = {{"tmpfs", NULL, 0},
             {"tmpfs", "mode=700,uid=0,gid=0", 0},
             {"tmpfs", "uid=77", 0},
             {"ramfs", NULL, 0},
             {"proc", NULL, 0},
             {"sysfs", NULL, 0},
             {"devpts", "newinstance", 0},
             {"mqueue", NULL, 0},
             {"nothing", NULL, 0}};
  mkdir("k", 0755);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    long r = mounts("none", "k", all[i].type, all[i].flags, all[i].data);
    say("%s%s%s: %s", all[i].type, all[i].data ? " " : "", all[i].data ? all[i].data : "",
        r < 0 ? error_name(r) : "mounted");
    if (r == 0) {
      struct stat s;
      if (!stat("k", &s) && strstr(all[i].type, "tmpfs"))
        say("  of %u %u, mode %o", s.st_uid, s.st_gid, s.st_mode & 07777);
      value("  unmounted", unmount("k", 0));
    }
  }
}

static void own_tmpfs(void) {
  mkdir("o", 0755);
  value("tmpfs", mounts("none", "o", "tmpfs", 0, NULL));
  int fd = open("o/file", O_CREAT | O_WRONLY, 0600);
  value("a file in it", fd < 0 ? -errno : 0);
  close(fd);
  struct stat s;
  stat("o/file", &s);
  say("it is of %u %u", s.st_uid, s.st_gid);
  value("mknod", mknod("o/null", S_IFCHR | 0666, makedev(1, 3)) ? -errno : 0);
  value("mkfifo", mkfifo("o/fifo", 0600) ? -errno : 0);
  value("remounted", mounts(NULL, "o", NULL, MS_REMOUNT | MS_RDONLY, NULL));
  fd = open("o/other", O_CREAT | O_WRONLY, 0600);
  value("another file", fd < 0 ? -errno : 0);
  value("remounted again", mounts(NULL, "o", NULL, MS_REMOUNT, NULL));
  value("bound with other flags", mounts("o", "o", NULL, MS_BIND, NULL));
  value("  nosuid", mounts(NULL, "o", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
  mountinfo("then");
  value("  without", mounts(NULL, "o", NULL, MS_REMOUNT | MS_BIND, NULL));
  mountinfo("then");
  value("unmounted", unmount("o", 0));
  value("unmounted", unmount("o", 0) == -EBUSY ? 0 : 1);
  // A device of the system's can be used through a bind mount.
  close(open("n", O_CREAT | O_WRONLY, 0600));
  value("a bound device", mounts("/dev/null", "n", NULL, MS_BIND, NULL));
  fd = open("n", O_WRONLY);
  value("it is opened", fd < 0 ? -errno : 0);
  value("unmounted", unmount("n", 0));
}

static void locked(void) {
  mountinfo("locked");
  there("covered/secret");
  there("covered/above");
  value("umount", unmount("covered", 0));
  value("lazily", unmount("covered", MNT_DETACH));
  value("move", mounts("covered", "elsewhere", NULL, MS_MOVE, NULL));
  value("bind of what is above", mounts(".", "elsewhere", NULL, MS_BIND, NULL));
  value("bind of the mount", mounts("covered", "elsewhere", NULL, MS_BIND, NULL));
  there("elsewhere/above");
  value("umount of the bind", unmount("elsewhere", 0));
  value("recursive bind", mounts(".", "elsewhere", NULL, MS_BIND | MS_REC, NULL));
  there("elsewhere/covered/above");
  there("elsewhere/covered/secret");
  value("umount of a part of that", unmount("elsewhere/covered", MNT_DETACH));
  value("umount of all of that", unmount("elsewhere", MNT_DETACH));
  value("writable", mounts(NULL, "fixed", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL));
  value("with devices", mounts(NULL, "fixed", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL));
  value("with more flags", mounts(NULL, "fixed", NULL,
                                  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
  value("with other times",
        mounts(NULL, "fixed", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOATIME,
               NULL));
  value("the file system", mounts(NULL, "fixed", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL));
  value("something on top", mounts("none", "covered", "tmpfs", 0, NULL));
  value("away again", unmount("covered", 0));
  value("pivot_root to a locked one", SYS_2(SYS_pivot_root, "covered", "covered"));
}

// A root of his own, and what is left of the old one.
static void pivoted(void) {
  value("private", mounts(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
  value("tmpfs", mounts("none", "elsewhere", "tmpfs", 0, NULL));
  mkdir("elsewhere/old", 0755);
  int old = open("covered/..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  value("pivot_root", SYS_2(SYS_pivot_root, "elsewhere", "elsewhere/old"));
  chdir("/");
  there("/old/tmp");
  value("the old root is unmounted", unmount("/old", 0) == -EBUSY ? 0 : 1);
  value("lazily", unmount("/old", MNT_DETACH));
  there("/old/tmp");
  // Who stands there sees what was to be seen.
  value("back", fchdir(old) ? -errno : 0);
  there("covered/above");
  there("covered/secret");
  value("bind of it", mounts(".", "/old", NULL, MS_BIND | MS_REC, NULL));
  yes_no("mount on it", !failed(mounts("none", "fixed", "tmpfs", 0, NULL)));
  value("mount of it", unmount("covered", MNT_DETACH));
  value("proc without a PID namespace", mounts("none", "/old", "proc", 0, NULL));
}

static void propagates(void) {
  value("a mount inside", mounts("none", "shared", "tmpfs", 0, NULL));
  mountinfo("inside");
}

static int talk[2], answer[2];

static void sees(void) {
  mountinfo("at first");
  let(answer);
  wait_for(talk);
  there("shared/of-outside");
  value("umount of what came", unmount("shared", 0));
  mountinfo("then");
  let(answer);
  wait_for(talk);
  mountinfo("at last");
}

static void outside_and_inside(void) {
  if (pipe(talk) || pipe(answer)) _exit(9);
  value("shared", mounts(NULL, "shared", NULL, MS_SHARED, NULL));
  int go[2];
  if (pipe(go)) _exit(9);
  int pid = fork_into(CLONE_NEWUSER | CLONE_NEWNS);
  if (pid == 0) {
    wait_for(go);
    sees();
    _exit(0);
  }
  put_of(pid, "uid_map", "0 0 1");
  put_of(pid, "gid_map", "0 0 1");
  let(go);
  wait_for(answer);
  value("a mount outside", mounts("none", "shared", "tmpfs", 0, NULL));
  mkdir("shared/of-outside", 0755);
  let(talk);
  wait_for(answer);
  value("away outside", unmount("shared", 0));
  let(talk);
  reaped("who sees", pid);
}

// What somebody has mounted elsewhere does not keep what it is mounted on.
static void mounts_there(void) {
  value("a mount on what goes", mounts("none", "gone", "tmpfs", 0, NULL));
  value("on what is replaced", mounts("none", "replaced", "tmpfs", 0, NULL));
  value("and on what moves", mounts("none", "moves", "tmpfs", 0, NULL));
  mkdir("moves/in", 0755);
  let(answer);
  wait_for(talk);
  there("gone");
  there("replaced");
  there("moved/in");
  mountinfo("then");
}

static void names_go(void) {
  if (pipe(talk) || pipe(answer)) _exit(9);
  mkdir("gone", 0777);
  mkdir("replaced", 0777);
  mkdir("moves", 0777);
  mkdir("other", 0777);
  int pid = fork();
  if (pid == 0) {
    if (!is_root) become_open(SOMEBODY, HIS_GROUP);
    if (!unshare_as_root(CLONE_NEWNS)) mounts_there();
    _exit(0);
  }
  wait_for(answer);
  value("rmdir", rmdir("gone") ? -errno : 0);
  value("rename over", rename("other", "replaced") ? -errno : 0);
  value("rename", rename("moves", "moved") ? -errno : 0);
  let(talk);
  reaped("who has mounted", pid);
  rmdir("replaced");
  rmdir("moved");
}

static void with_pids(void) {
  int pid = fork();
  if (pid == 0) {
    mkdir("k", 0755);
    value("proc", mounts("none", "k", "proc", 0, NULL));
    there("k/1/status");
    there("k/2/status");
    value("read-only", mounts(NULL, "k", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    value("away", unmount("k", 0));
    value("something on proc", mounts("none", "/proc/sys", "tmpfs", 0, NULL));
    value("proc beside it", mounts("none", "k", "proc", 0, NULL));
    value("away", unmount("k", 0));
    if (!unshare_as_root(CLONE_NEWNS | CLONE_NEWPID)) {
      int below = fork();
      if (below == 0) {
        value("proc below that", mounts("none", "k", "proc", 0, NULL));
        _exit(0);
      }
      reaped("below", below);
    }
    _exit(0);
  }
  reaped("the init", pid);
}

static void in_namespaces(const char *what, unsigned long more, void (*act)(void)) {
  say("-- %s", what);
  int pid = fork();
  if (pid == 0) {
    if (!is_root) become_open(SOMEBODY, HIS_GROUP);
    if (!unshare_as_root(CLONE_NEWNS | more)) act();
    _exit(0);
  }
  reaped(what, pid);
}

static void without_mounts(void) {
  value("in others' mounts", mounts("none", "elsewhere", "tmpfs", 0, NULL));
  value("umount there", unmount("covered", MNT_DETACH));
  int fd = open("elsewhere", O_RDONLY | O_DIRECTORY);
  value("unshare", unshare(CLONE_NEWNS) ? -errno : 0);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  value("where others' mounts are", mounts("none", path, "tmpfs", 0, NULL));
  value("a bind from there", mounts(path, "shared", NULL, MS_BIND, NULL));
}

int main(int argc, char **argv) {
  is_root = argc < 2 || strcmp(argv[1], "user") != 0;
  umask(022);
  if (unshare(CLONE_NEWNS)) return 1;
  mounts(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
  mkdtemp(directory);
  value("a tmpfs for all", mounts("none", directory, "tmpfs", 0, "mode=755"));
  chdir(directory);
  if (!is_root) chown(".", SOMEBODY, HIS_GROUP);
  mkdir("covered", 0755);
  mkdir("elsewhere", 0755);
  mkdir("fixed", 0755);
  mkdir("shared", 0755);
  mkdir("covered/secret", 0755);
  value("a cover", mounts("none", "covered", "tmpfs", 0, "mode=755"));
  mkdir("covered/above", 0755);
  value("a fixed one", mounts("none", "fixed", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, NULL));
  value("a shared one", mounts("shared", "shared", NULL, MS_BIND, NULL));
  in_namespaces("kinds", 0, kinds);
  in_namespaces("his own", 0, own_tmpfs);
  in_namespaces("locked", 0, locked);
  in_namespaces("pivoted", 0, pivoted);
  in_namespaces("propagates", 0, propagates);
  mountinfo("outside");
  if (is_root) outside_and_inside();
  names_go();
  in_namespaces("with PIDs", CLONE_NEWPID, with_pids);
  say("-- without mounts");
  int pid = fork();
  if (pid == 0) {
    if (!is_root) become_open(SOMEBODY, HIS_GROUP);
    if (!unshare_as_root(0)) without_mounts();
    _exit(0);
  }
  reaped("without mounts", pid);
  return 0;
}
