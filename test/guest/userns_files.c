// Permissions of files in a user namespace: whose files capabilities reach, and what programs with set-id bits and file
// capabilities give there.
//@ needs: credentials mounts exec fork files proc
//@ args: root
//@ args: user
#include "user_namespace.h"
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static int is_root;
static char directory[] = "/tmp/userns.XXXXXX";

static void tries(const char *name) {
  int fd = open(name, O_RDONLY);
  say("%s: read %s", name, fd < 0 ? strerrorname_np(errno) : "ok");
  fd = open(name, O_WRONLY);
  say("%s: write %s", name, fd < 0 ? strerrorname_np(errno) : "ok");
  say("%s: access %s", name, access(name, R_OK | W_OK) ? strerrorname_np(errno) : "ok");
  say("%s: chmod %s", name, chmod(name, 0600) ? strerrorname_np(errno) : "ok");
  say("%s: chown %s", name, chown(name, 0, -1) ? strerrorname_np(errno) : "ok");
  say("%s: chgrp %s", name, chown(name, -1, 0) ? strerrorname_np(errno) : "ok");
  say("%s: xattr %s", name, setxattr(name, "user.x", "y", 1, 0) ? strerrorname_np(errno) : "ok");
  say("%s: trusted %s", name, setxattr(name, "trusted.x", "y", 1, 0) ? strerrorname_np(errno) : "ok");
  say("%s: security %s", name, setxattr(name, "security.x", "y", 1, 0) ? strerrorname_np(errno) : "ok");
}

static void file(const char *name, unsigned uid, unsigned gid, unsigned mode) {
  int fd = open(name, O_CREAT | O_WRONLY, 0600);
  fchown(fd, uid, gid);
  fchmod(fd, mode);
  close(fd);
}

static void run(const char *name) {
  int pid = fork();
  if (pid == 0) {
    execl(name, name, "show", NULL);
    say("%s: %s", name, strerrorname_np(errno));
    _exit(1);
  }
  reaped(name, pid);
}

static void copy(const char *from, const char *to, unsigned uid, unsigned gid, unsigned mode) {
  static char bytes[1 << 20];
  int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0700);
  for (ssize_t n; (n = read(in, bytes, sizeof bytes)) > 0;)
    if (write(out, bytes, n) != n) _exit(9);
  close(in);
  fchown(out, uid, gid);
  fchmod(out, mode);
  close(out);
}

// cap_net_raw=ep, with or without a root.
static ssize_t set_capability(const char *name, int revision, unsigned root) {
  unsigned words[6] = {revision << 24 | 1, 1 << CAP_NET_RAW, 0, 0, 0, root};
  return setxattr(name, "security.capability", words, revision == 3 ? 24 : 20, 0) ? -errno : 0;
}

static void get_capability(const char *name) {
  unsigned words[6] = {0};
  ssize_t n = getxattr(name, "security.capability", words, sizeof words);
  if (n < 0)
    say("%s: %s", name, strerrorname_np(errno));
  else
    say("%s: %zd bytes, revision %x, root %u", name, n, words[0] >> 24, words[5]);
}

static void all_inside(void) {
  if (is_root) become(0, 0);
  ids("inside");
  static const char *const names[] = {"mine", "second", "group", "foreign", "half"};
  for (int i = 0; i < 5; i++)
    tries(names[i]);
  say("in a directory of another's: %s", mkdir("closed/x", 0755) ? strerrorname_np(errno) : "ok");
  say("in his: %s", mkdir("open/x", 0755) ? strerrorname_np(errno) : "ok");
  rmdir("open/x");
  say("sticky, of another's: %s", unlink("sticky/foreign") ? strerrorname_np(errno) : "ok");
  say("sticky, of his: %s", unlink("sticky/mine") ? strerrorname_np(errno) : "ok");
  value("set-group-ID for what is not his", chmod("group", 02755) ? -errno : 0);
  struct stat s;
  stat("group", &s);
  say("mode %o", s.st_mode & 07777);
  run("./set-mine");
  run("./set-second");
  run("./set-foreign");
  run("./set-group");
  run("./with-capability");
  get_capability("with-capability");
  value("capability of revision 2", set_capability("mine", 2, 0));
  get_capability("mine");
  value("of revision 3", set_capability("mine", 3, 0));
  get_capability("mine");
  value("of revision 3 with a root that is not mapped", set_capability("mine", 3, 9999));
  value("for another's", set_capability("foreign", 2, 0));
}

static void tmpfs_of_his(void) {
  if (is_root) become(0, 0);
  value("tmpfs", SYS_5(SYS_mount, "none", "open", "tmpfs", 0, NULL));
  copy("/proc/self/exe", "open/program", 0, 0, 04755);
  run("./open/program");
  value("chown to who is not mapped", chown("open/program", 9999, -1) ? -errno : 0);
  // Somebody from outside who is not mapped there makes nothing in it.
  value("capability", set_capability("open/program", 2, 0));
  get_capability("open/program");
}

static void outsiders(void) {
  int go[2], done[2];
  if (pipe(go) || pipe(done)) _exit(9);
  int pid = fork_into(CLONE_NEWUSER | CLONE_NEWNS);
  if (pid == 0) {
    wait_for(go);
    become(0, 0);
    value("tmpfs", SYS_5(SYS_mount, "none", "open", "tmpfs", 0, "mode=777"));
    copy("/proc/self/exe", "open/program", 0, 0, 04755);
    let(done);
    wait_for(go);
    _exit(0);
  }
  put_of(pid, "uid_map", "0 50000 10");
  put_of(pid, "gid_map", "0 60000 10");
  let(go);
  wait_for(done);
  char path[128];
  snprintf(path, sizeof path, "/proc/%d/root%s/open/new", pid, directory);
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  value("a file of who is not mapped", fd < 0 ? -errno : 0);
  snprintf(path, sizeof path, "/proc/%d/root%s/open/program", pid, directory);
  value("chown to who is not mapped", chown(path, 7, 7) ? -errno : 0);
  int somebody = fork();
  if (somebody == 0) {
    become(SOMEBODY, HIS_GROUP);
    execl(path, path, "show", NULL);
    say("it: %s", strerrorname_np(errno));
    _exit(1);
  }
  reaped("it, run from outside", somebody);
  let(go);
  reaped("who is inside", pid);
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "show")) {
    ids(strrchr(argv[0], '/'));
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {0};
    SYS_2(SYS_capget, &h, d);
    say("  raw %d, all %d", d[0].effective >> CAP_NET_RAW & 1, d[0].effective == 0xffffffff);
    return 0;
  }
  is_root = argc < 2 || strcmp(argv[1], "user") != 0;
  umask(022);
  mkdtemp(directory);
  if (unshare(CLONE_NEWNS)) return 1;
  SYS_5(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
  value("a tmpfs for all", SYS_5(SYS_mount, "none", directory, "tmpfs", 0, "mode=755"));
  chdir(directory);
  unsigned uid = is_root ? 50000 : SOMEBODY, gid = is_root ? 60000 : HIS_GROUP;
  file("mine", uid, gid, 0600);
  file("second", uid + 1, gid + 1, 0600);
  file("group", 9999, gid, 0640);
  file("foreign", 9999, 9999, 0600);
  file("half", uid, 9999, 0060);
  mkdir("closed", 0755);
  chown("closed", 9999, 9999);
  mkdir("open", 0777);
  chmod("open", 0777);
  mkdir("sticky", 01777);
  chmod("sticky", 01777);
  file("sticky/mine", uid, gid, 0600);
  file("sticky/foreign", 9999, 9999, 0600);
  copy("/proc/self/exe", "set-mine", uid, gid, 04755);
  copy("/proc/self/exe", "set-second", uid + 1, gid, 04755);
  copy("/proc/self/exe", "set-foreign", 9999, gid, 04755);
  copy("/proc/self/exe", "set-group", uid, gid + 1, 02755);
  copy("/proc/self/exe", "with-capability", uid, gid, 0755);
  value("capability", set_capability("with-capability", 2, 0));
  if (is_root) {
    mapped_child("inside", "0 50000 10", "0 60000 10", 0, all_inside);
    mapped_child("a tmpfs of his", "0 50000 10", "0 60000 10", CLONE_NEWNS, tmpfs_of_his);
    outsiders();
  } else {
    int pid = fork();
    if (pid == 0) {
      become_open(uid, gid);
      if (!unshare_as_root(0)) all_inside();
      _exit(0);
    }
    reaped("inside", pid);
    pid = fork();
    if (pid == 0) {
      become_open(uid, gid);
      if (!unshare_as_root(CLONE_NEWNS)) tmpfs_of_his();
      _exit(0);
    }
    reaped("a tmpfs of his", pid);
  }
  return 0;
}
