// Access control lists: what is a list, whom it lets in, what chmod makes of it, what new files get. On a
// tmpfs.
//@ needs: files mounts fork credentials
#include "guest.h"
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
#define NOBODY 0xffffffffu

struct list {
  uint32_t version;
  struct {
    uint16_t tag, permissions;
    uint32_t id;
  } entries[8];
};
enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };

static long set(const char *path, const char *name, const struct list *list, int count) {
  long r = setxattr(path, name, list, 4 + 8 * count, 0);
  return r < 0 ? -errno : r;
}

static void show(const char *path) {
  struct stat s;
  struct list list;
  if (stat(path, &s) < 0) return;
  say("  %s: mode %o", path, s.st_mode & 07777);
  static const char *const names[] = {ACCESS, DEFAULT};
  for (int i = 0; i < 2; i++) {
    long n = getxattr(path, names[i], &list, sizeof list);
    if (n < 0) {
      say("   %s: %s", names[i] + 17, strerrorname_np(errno));
      continue;
    }
    for (int e = 0; e < (n - 4) / 8; e++)
      say("   %s %d %o %d", names[i] + 17, list.entries[e].tag, list.entries[e].permissions,
          (int)list.entries[e].id);
  }
}

static void as(int uid, int gid, const char *path) {
  pid_t child = fork();
  if (child == 0) {
    if (setgroups(0, NULL) < 0 || setgid(gid) < 0 || setuid(uid) < 0) _exit(1);
    char result[4] = "---";
    if (open(path, O_RDONLY) >= 0) result[0] = 'r';
    if (open(path, O_WRONLY) >= 0) result[1] = 'w';
    if (access(path, X_OK) == 0) result[2] = 'x';
    say("  %d:%d %s", uid, gid, result);
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

static void everybody(const char *path) {
  static const int who[][2] = {{1000, 1000}, {2000, 9}, {2001, 9},    {9, 3000},
                               {9, 3001},    {9, 1000}, {2000, 3000}, {9, 9}};
  for (size_t i = 0; i < sizeof who / sizeof who[0]; i++)
    as(who[i][0], who[i][1], path);
}

static const struct list full = {2,
                                 {{USER_OBJ, 7, NOBODY},
                                  {USER, 6, 2000},
                                  {USER, 0, 2001},
                                  {GROUP_OBJ, 4, NOBODY},
                                  {GROUP, 5, 3000},
                                  {MASK, 7, NOBODY},
                                  {OTHER, 1, NOBODY}}};

static void broken(void) {
  struct list l = full;
  value("whole", set("f", ACCESS, &l, 7));
  l.version = 1;
  value("version", set("f", ACCESS, &l, 7));
  l.version = 2;
  value("half an entry", setxattr("f", ACCESS, &l, 4 + 8 * 7 - 3, 0) < 0 ? -errno : 0);
  value("no header", setxattr("f", ACCESS, &l, 3, 0) < 0 ? -errno : 0);
  value("no others", set("f", ACCESS, &l, 6));
  value("no mask", (l.entries[5].tag = OTHER, set("f", ACCESS, &l, 6)));
  l = full;
  value("order", (l.entries[0].tag = USER, set("f", ACCESS, &l, 7)));
  l = full;
  value("permission", (l.entries[1].permissions = 8, set("f", ACCESS, &l, 7)));
  l = full;
  value("tag", (l.entries[1].tag = 3, set("f", ACCESS, &l, 7)));
  l = full;
  value("nobody", (l.entries[1].id = NOBODY, set("f", ACCESS, &l, 7)));
  l = full;
  value("twice the owner", (l.entries[1].tag = USER_OBJ, set("f", ACCESS, &l, 7)));
  l = full;
  value("twice a user", (l.entries[2].id = 2000, set("f", ACCESS, &l, 7)));
  value("default of a file", set("f", DEFAULT, &full, 7));
  value("none, default of a file", set("f", DEFAULT, &full, 0));
  value("of a symlink", lsetxattr("s", ACCESS, &full, 60, 0) < 0 ? -errno : 0);
  value("another name", setxattr("f", "system.posix_acl", &full, 60, 0) < 0 ? -errno : 0);
  value("of nothing", getxattr("g", ACCESS, NULL, 0) < 0 ? -errno : 0);
  value("remove of nothing", removexattr("g", ACCESS) < 0 ? -errno : 0);
  value("length", getxattr("f", ACCESS, NULL, 0));
  char names[200];
  long n = listxattr("f", names, sizeof names);
  say("names: %ld %s", n, n > 0 ? names : "");
  pid_t child = fork();
  if (child == 0) {
    if (setuid(9) < 0) _exit(1);
    value("another's", set("f", ACCESS, &full, 7));
    value("remove another's", removexattr("f", ACCESS) < 0 ? -errno : 0);
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

int main(void) {
  umask(022);
  char at[] = "/tmp/acls.XXXXXX";
  mkdtemp(at);
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return 1;
  mount("x", at, "tmpfs", 0, "mode=0755");
  chmod(at, 0755);
  chdir(at);
  close(open("f", O_CREAT | O_RDWR, 0640));
  close(open("g", O_CREAT | O_RDWR, 0640));
  symlink("f", "s");
  chown("f", 1000, 1000);
  broken();
  value("set", set("f", ACCESS, &full, 7));
  show("f");
  everybody("f");
  chmod("f", 0740);
  show("f");
  everybody("f");
  chmod("f", 0707);
  show("f");
  everybody("f");
  struct list plain = {2, {{USER_OBJ, 6, NOBODY}, {GROUP_OBJ, 4, NOBODY}, {OTHER, 0, NOBODY}}};
  value("no more than a mode", set("f", ACCESS, &plain, 3));
  show("f");
  set("f", ACCESS, &full, 7);
  value("removed", removexattr("f", ACCESS) < 0 ? -errno : 0);
  show("f");

  mkdir("d", 0777);
  value("default", set("d", DEFAULT, &full, 7));
  show("d");
  umask(077);
  close(open("d/file", O_CREAT | O_RDWR, 0666));
  mkdir("d/sub", 0777);
  mkfifo("d/fifo", 0604);
  symlink("x", "d/link");
  show("d/file");
  show("d/sub");
  show("d/fifo");
  close(open("d/sub/program", O_CREAT | O_RDWR, 0755));
  show("d/sub/program");
  value("a plain default", set("d", DEFAULT, &plain, 3));
  close(open("d/other", O_CREAT | O_RDWR, 0666));
  show("d/other");
  value("no default", removexattr("d", DEFAULT) < 0 ? -errno : 0);
  close(open("d/last", O_CREAT | O_RDWR, 0666));
  show("d/last");
  struct list search = {2,
                        {{USER_OBJ, 7, NOBODY},
                         {USER, 1, 2000},
                         {GROUP_OBJ, 0, NOBODY},
                         {MASK, 1, NOBODY},
                         {OTHER, 0, NOBODY}}};
  chmod("g", 0644);
  mkdir("closed", 0700);
  rename("g", "closed/g");
  as(2000, 9, "closed/g");
  set("closed", ACCESS, &search, 5);
  as(2000, 9, "closed/g");
  as(2001, 9, "closed/g");
  chdir("/");
  umount2(at, MNT_DETACH);
  rmdir(at);
  return 0;
}
