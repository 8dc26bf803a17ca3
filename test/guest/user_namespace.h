// Somebody without rights, and user namespaces for him or for root.
#ifndef RINGFENCE_USER_NAMESPACE_H
#define RINGFENCE_USER_NAMESPACE_H

#include "pid_namespace.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/stat.h>

#define SOMEBODY 1234
#define HIS_GROUP 5678

// From now on the process is somebody's, in no other groups than his.
__attribute__((unused)) static void become(unsigned uid, unsigned gid) {
  if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid)) say("become: %m");
}

// Somebody's process may be looked into by himself.
__attribute__((unused)) static void become_open(unsigned uid, unsigned gid) {
  become(uid, gid);
  SYS_2(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1);
}

__attribute__((unused)) static long put_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  long n = write(fd, text, strlen(text));
  long result = n < 0 ? -errno : n;
  close(fd);
  return result;
}

// Writes a file of /proc/PID; 0: of its own.
__attribute__((unused)) static long put_of(int pid, const char *name, const char *text) {
  char path[64];
  if (pid == 0)
    snprintf(path, sizeof path, "/proc/self/%s", name);
  else
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  return put_text(path, text);
}

// Says what stands in a file, line by line.
__attribute__((unused)) static void show(const char *what, const char *path) {
  char text[4096];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    say("%s: %s", what, strerrorname_np(errno));
    return;
  }
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n < 0) {
    say("%s: %s", what, strerrorname_np(errno));
    return;
  }
  text[n] = 0;
  if (n == 0) say("%s: nothing", what);
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    say("%s: %s", what, line);
}

__attribute__((unused)) static void ids(const char *when) {
  unsigned r, e, s, gr, ge, gs;
  SYS_3(SYS_getresuid, &r, &e, &s);
  SYS_3(SYS_getresgid, &gr, &ge, &gs);
  say("%s: uid %u %u %u gid %u %u %u", when, r, e, s, gr, ge, gs);
  if ((unsigned)getuid() != r || (unsigned)geteuid() != e || (unsigned)getgid() != gr ||
      (unsigned)getegid() != ge)
    say("%s: other ids by other calls", when);
}

__attribute__((unused)) static void capabilities(const char *when) {
  struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct d[2] = {0};
  long r = SYS_2(SYS_capget, &h, d);
  // Of the last ones hosts have different numbers.
  int has = d[0].effective == 0xffffffff, may = d[0].permitted == 0xffffffff;
  if (d[0].effective && !has) say("%s: some capabilities", when);
  say("%s: capget %ld, all in effect %d, all permitted %d, none %d, inheritable %x", when, r, has, may,
      d[0].permitted == 0, d[0].inheritable);
}

// A user namespace in which 0 is who the caller is.
__attribute__((unused)) static int unshare_as_root(unsigned long more) {
  unsigned uid = geteuid(), gid = getegid();
  char text[64];
  if (unshare(CLONE_NEWUSER | more)) {
    say("unshare: %s", strerrorname_np(errno));
    return -1;
  }
  snprintf(text, sizeof text, "0 %u 1", uid);
  long r = put_of(0, "uid_map", text);
  if (r < 0) value("uid_map", r);
  r = put_of(0, "setgroups", "deny");
  if (r < 0) value("setgroups", r);
  snprintf(text, sizeof text, "0 %u 1", gid);
  r = put_of(0, "gid_map", text);
  if (r < 0) value("gid_map", r);
  return 0;
}

// A child in a namespace of its own, whose maps its parent has written before it acts; with `more` of CLONE_NEW*.
__attribute__((unused)) static void mapped_child(const char *what, const char *uids, const char *gids,
                                                 unsigned long more, void (*act)(void)) {
  int go[2];
  if (pipe(go)) _exit(9);
  int pid = fork_into(CLONE_NEWUSER | more);
  if (pid == 0) {
    wait_for(go);
    act();
    _exit(0);
  }
  if (pid < 0) {
    say("%s: %s", what, error_name(pid));
    return;
  }
  long r = put_of(pid, "uid_map", uids);
  if (r < 0) value("uid_map", r);
  r = put_of(pid, "gid_map", gids);
  if (r < 0) value("gid_map", r);
  let(go);
  reaped(what, pid);
  close(go[0]);
  close(go[1]);
}

#endif
