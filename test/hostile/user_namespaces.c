// User namespaces of somebody without rights: by the thousand, with maps as long as they may be, held by descriptors alone;
// maps that are written while those who are mapped change their ids and end; clones into all kinds at once that are killed
// on their way; locked mounts in stacks and chains, and who stands in them when they go; and all that he tries with all
// capabilities in a namespace of his own against what is outside. No turn is long, nothing outside changes, nothing stays.
//@ args: many
//@ args: maps
//@ args: killed
//@ args: stacks
//@ args: outside
//@ ends: 0
//@ deadline: 60
//@ needs: fork files mounts
#include "hostile.h"
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define SOMEBODY 4321

static int fork_into(unsigned long flags) {
  return SYS_5(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

static void become(unsigned id) {
  if (setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id)) bad("somebody", -errno);
  prctl(PR_SET_DUMPABLE, 1);
}

static long put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  long n = write(fd, text, strlen(text));
  long result = n < 0 ? -errno : n;
  close(fd);
  return result;
}

static void map_self(void) {
  char text[32];
  snprintf(text, sizeof text, "0 %d 1", SOMEBODY);
  put("/proc/self/uid_map", text);
  put("/proc/self/setgroups", "deny");
  put("/proc/self/gid_map", text);
}

static void all_gone(void) {
  while (wait(NULL) > 0 || errno == EINTR)
    ;
}

// ---- Without end ----

static void many(void) {
  struct rlimit limit = {20000, 20000};
  setrlimit(RLIMIT_NOFILE, &limit);
  static char lines[8192];
  int length = 0;
  for (int i = 0; i < 340; i++)
    length += sprintf(lines + length, "%d %d 1\n", i, 1000 + i);
  // As root, who may map as much as there may be.
  int made = 0;
  double end = seconds() + FLOOD_S;
  while (seconds() < end) {
    int go[2];
    if (pipe(go)) break;
    int pid = fork_into(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP);
    if (pid < 0) break;
    if (pid == 0) {
      char c;
      close(go[1]);
      if (read(go[0], &c, 1) < 0) _exit(1);
      _exit(0);
    }
    char path[64];
    static const char *const kinds[] = {"user", "uts", "ipc", "cgroup"};
    snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
    put(path, lines);
    snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
    put(path, lines);
    for (int i = 0; i < 4; i++) {
      snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, kinds[i]);
      if (open(path, O_RDONLY) >= 0) made++;
    }
    close(go[1]);
    close(go[0]);
    waitpid(pid, NULL, 0);
  }
  if (made < 100) bad("namespaces", made);
}

static void deep_and_many(void) {
  become(SOMEBODY);
  for (int i = 0; i < 300; i++) {
    int pid = fork();
    if (pid < 0) break;
    if (pid == 0) {
      for (int level = 0; level < 40; level++) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) break;
        map_self();
      }
      _exit(0);
    }
  }
  all_gone();
}

// ---- Maps ----

static void *changes_ids(void *unused) {
  (void)unused;
  for (int i = 0; i < 3000; i++) {
    SYS_3(SYS_setresuid, i % 4, i % 3, i % 2);
    unsigned uid = getuid();
    if (uid != 65534 && uid > 400) bad("an id that is not mapped", uid);
  }
  return NULL;
}

static void maps(void) {
  double end = seconds() + FLOOD_S;
  while (seconds() < end) {
    int pid = fork_into(CLONE_NEWUSER);
    if (pid < 0) continue;
    if (pid == 0) {
      pthread_t t[3];
      for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, changes_ids, NULL);
      changes_ids(NULL);
      _exit(0);
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
    for (int i = 0; i < 5; i++)
      if (fork() == 0) {
        put(path, "0 0 1\n1 100 300\n");
        _exit(0);
      }
    usleep(2000);
    kill(pid, SIGKILL);
    all_gone();
  }
}

// ---- On their way ----

static void killed(void) {
  become(SOMEBODY);
  double end = seconds() + FLOOD_S;
  for (int round = 0; seconds() < end; round++) {
    // What it makes ends with it, as its PID namespace's.
    int pid = fork_into(CLONE_NEWUSER | CLONE_NEWPID);
    if (pid == 0) {
      map_self();
      for (int i = 0;; i++) {
        int child = fork_into(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS |
                              CLONE_NEWIPC);
        if (child == 0) {
          map_self();
          mount("none", "/tmp", "tmpfs", 0, NULL);
          unshare(CLONE_NEWUSER | CLONE_NEWNS);
          pause();
        }
        if (i % 4 == 3) unshare(CLONE_NEWUSER);
      }
    }
    usleep(1000 * (round % 20));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
  }
}

// ---- Stacks ----

static void stacks(void) {
  become(SOMEBODY);
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) bad("unshare", -errno);
  map_self();
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) bad("private", -errno);
  if (mount("none", "/tmp", "tmpfs", 0, NULL)) bad("tmpfs", -errno);
  chdir("/tmp");
  mkdir("a", 0755);
  double end = seconds() + FLOOD_S;
  int high = 0;
  // One upon the other: each is mounted in the one before.
  while (high < 20000 && seconds() < end && mount("none", "/tmp/a", "ramfs", 0, NULL) == 0)
    high++;
  if (high < 100) bad("a stack", high);
  for (int round = 0; round < 3; round++) {
    int pid = fork();
    if (pid == 0) {
      if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) _exit(0);
      put("/proc/self/uid_map", "0 0 1");
      int top = open("/tmp/a", O_RDONLY | O_DIRECTORY);
      if (umount2("/tmp/a", MNT_DETACH) == 0) bad("a locked mount is gone", 0);
      if (mount("none", "/proc", "tmpfs", 0, NULL) == 0) mkdir("/proc/old", 0755);
      if (SYS_2(SYS_pivot_root, "/proc", "/proc/old") == 0) {
        chdir("/");
        umount2("/old", MNT_DETACH);
      }
      // What was covered stays so, for who stands on top.
      struct stat s, t;
      fstat(top, &s);
      if (fstatat(top, "..", &t, 0) == 0 && s.st_dev != t.st_dev && fstatat(top, "../a", &t, 0) == 0 &&
          t.st_dev != s.st_dev)
        bad("what was covered is seen", 0);
      _exit(0);
    }
  }
  all_gone();
}

// ---- Outside ----

static void refused(const char *what, long result) {
  if (!failed(result)) bad(what, result);
}

static void outside(void) {
  char directory[] = "/tmp/outside.XXXXXX", path[128];
  if (!mkdtemp(directory)) bad("mkdtemp", -errno);
  chdir(directory);
  int fd = open("roots", O_CREAT | O_RDWR, 0600);
  if (fd < 0) bad("roots", -errno);
  mkdir("closed", 0700);
  chmod(".", 0777);
  int pid = fork();
  if (pid == 0) {
    become(SOMEBODY);
    int outer = open("/proc/self/ns/mnt", O_RDONLY), uts = open("/proc/self/ns/uts", O_RDONLY);
    int user = open("/proc/self/ns/user", O_RDONLY), net = open("/proc/self/ns/net", O_RDONLY);
    int here = open(".", O_RDONLY | O_DIRECTORY);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET)) bad("unshare", -errno);
    refused("root of the one above", put("/proc/self/uid_map", "0 0 1"));
    refused("many ids", put("/proc/self/uid_map", "0 4321 2"));
    map_self();
    refused("open", open("roots", O_RDONLY) < 0 ? -errno : 0);
    refused("chown", chown("roots", 0, 0) ? -errno : 0);
    refused("chmod", chmod("roots", 0666) ? -errno : 0);
    refused("into what is closed", chdir("closed") ? -errno : 0);
    refused("setuid", setuid(1) ? -errno : 0);
    refused("capabilities for a file", setxattr("roots", "security.capability", "x", 1, 0) ? -errno : 0);
    refused("back to the mounts", setns(outer, 0) ? -errno : 0);
    refused("back to the host names", setns(uts, 0) ? -errno : 0);
    refused("back to the network", setns(net, 0) ? -errno : 0);
    refused("back to the first one", setns(user, 0) ? -errno : 0);
    refused("the host name", sethostname("taken", 5) ? -errno : 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d/closed", here);
    refused("a mount outside", mount("none", path, "tmpfs", 0, NULL) ? -errno : 0);
    refused("a device", mknod("null", S_IFCHR | 0666, 0x103) ? -errno : 0);
    refused("memory of the first process", open("/proc/1/mem", O_RDONLY) < 0 ? -errno : 0);
    refused("its root", open("/proc/1/root/etc", O_RDONLY) < 0 ? -errno : 0);
    refused("its end", kill(1, SIGKILL) ? -errno : 0);
    refused("a setting", put("/proc/sys/kernel/core_pattern", "x"));
    refused("a limit", put("/proc/sys/fs/nr_open", "2000000"));
    refused("groups", setgroups(0, NULL) ? -errno : 0);
    // Whoever is outside knows nobody else of what is made inside.
    int made = open("made", O_CREAT | O_EXCL | O_WRONLY, 06777);
    struct stat s;
    if (made >= 0 && (fstat(made, &s) || s.st_uid != 0)) bad("whose it is inside", s.st_uid);
    int below = fork_into(CLONE_NEWUSER);
    if (below == 0) {
      pause();
      _exit(0);
    }
    snprintf(path, sizeof path, "/proc/%d/uid_map", below);
    refused("ids that are not his", put(path, "0 1 1"));
    refused("more than he has", put(path, "0 0 2"));
    kill(below, SIGKILL);
    waitpid(below, NULL, 0);
    _exit(0);
  }
  int status;
  waitpid(pid, &status, 0);
  if (!WIFEXITED(status)) bad("who tries", status);
  struct stat s;
  if (stat("made", &s) || s.st_uid != SOMEBODY || s.st_gid != SOMEBODY) bad("whose it is", s.st_uid);
  if (fstat(fd, &s) || s.st_uid != 0 || (s.st_mode & 07777) != 0600) bad("roots has changed", s.st_mode);
  unlink("made");
  unlink("roots");
  unlink("null");
  rmdir("closed");
  chdir("/");
  if (rmdir(directory)) bad("rmdir", -errno);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "many";
  if (!strcmp(what, "many")) {
    many();
    deep_and_many();
  } else if (!strcmp(what, "maps"))
    maps();
  else if (!strcmp(what, "killed"))
    killed();
  else if (!strcmp(what, "stacks"))
    stacks();
  else
    outside();
  return 0;
}
