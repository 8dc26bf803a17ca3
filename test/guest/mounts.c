// Mounts in a namespace of one's own: tmpfs, bind, remount, move, umount, pivot_root, errors.
//@ needs: mounts files fork
#include "guest.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char directory[] = "/tmp/mounts.XXXXXX";

static void put(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT, 0644);
  if (fd >= 0) close(fd);
  outcome(path, fd < 0 ? -errno : 0);
}

static void there(const char *path) {
  say("%s is %s", path, access(path, F_OK) == 0 ? "there" : "not there");
}

static long mounts(const char *s, const char *t, const char *type, unsigned long flags, const char *data) {
  return SYS_5(SYS_mount, s, t, type, flags, data);
}

static int lines(const char *what) {
  FILE *f = fopen("/proc/self/mountinfo", "r");
  char line[4096];
  int n = 0;
  while (fgets(line, sizeof line, f))
    if (strstr(line, directory)) {
      n++;
      char *at = strstr(line, directory) + strlen(directory), *end = strchr(at, ' ');
      char *root = line;
      for (int i = 0; i < 3; i++)
        root = strchr(root, ' ') + 1;
      *strchr(root, ' ') = 0;
      char *flags = end + 1, *flags_end = strchr(flags, ' '), *type = strstr(flags_end + 1, "- ") + 2;
      *end = *flags_end = 0;
      *strchr(type, ' ') = 0;
      (void)root;
      say("  %s: %s %s %s", what, at, flags, strcmp(type, "tmpfs") ? "another" : type);
    }
  fclose(f);
  return n;
}

static void basics(void) {
  mkdir("t", 0755);
  mkdir("b", 0755);
  put("t/below");
  value("tmpfs", mounts("mine", "t", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0711"));
  struct stat s;
  stat("t", &s);
  say("mode %o", s.st_mode & 07777);
  there("t/below");
  put("t/above");
  value("bind", mounts("t", "b", NULL, MS_BIND, NULL));
  there("b/above");
  put("b/two");
  there("t/two");
  lines("both");
  symlink("two", "t/link");
  value("no symlinks", mounts(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_NOSYMFOLLOW, NULL));
  value("open a symlink", SYS_2(SYS_open, "b/link", O_RDONLY));
  value("look at a symlink", SYS_3(SYS_readlink, "b/link", (char[9]){0}, 9));
  value("read-only", mounts(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
  put("b/three");
  put("t/three");
  value("rmdir of a mount point", SYS_1(SYS_rmdir, "b"));
  int fd = open("b/two", O_RDONLY);
  value("umount while it is open", SYS_2(SYS_umount2, "b", 0));
  close(fd);
  value("expire", SYS_2(SYS_umount2, "b", MNT_EXPIRE));
  there("b/two");
  value("expire after a use", SYS_2(SYS_umount2, "b", MNT_EXPIRE));
  there("t");
  value("expire", SYS_2(SYS_umount2, "b", MNT_EXPIRE));
  there("b/two");
  put("file");
  put("other");
  value("bind of a file", mounts("t/two", "file", NULL, MS_BIND, NULL));
  value("file on a directory", mounts("file", "b", NULL, MS_BIND, NULL));
  value("directory on a file", mounts("b", "other", NULL, MS_BIND, NULL));
  value("umount", SYS_2(SYS_umount2, "file", 0));
  mkdir("t/inner", 0755);
  value("tmpfs in it", mounts("inner", "t/inner", "tmpfs", 0, NULL));
  put("t/inner/x");
  value("bind", mounts("t", "b", NULL, MS_BIND, NULL));
  there("b/inner/x");
  value("umount", SYS_2(SYS_umount2, "b", 0));
  value("rbind", mounts("t", "b", NULL, MS_BIND | MS_REC, NULL));
  there("b/inner/x");
  value("umount with one in it", SYS_2(SYS_umount2, "b", 0));
  value("detach", SYS_2(SYS_umount2, "b", MNT_DETACH));
  there("t/inner/x");
  there("b/inner");
  value("move", mounts("t/inner", "b", NULL, MS_MOVE, NULL));
  there("b/x");
  there("t/inner/x");
  value("move below itself", mounts("t", "t/inner", NULL, MS_MOVE, NULL));
  value("move of no mount", mounts("t/inner", "b", NULL, MS_MOVE, NULL));
  value("private", mounts(NULL, "b", NULL, MS_PRIVATE, NULL));
  value("private of no mount", mounts(NULL, "t/inner", NULL, MS_PRIVATE, NULL));
  value("two kinds", mounts(NULL, "b", NULL, MS_PRIVATE | MS_SLAVE, NULL));
  value("bind of a part", mounts("t", "b", NULL, MS_BIND, NULL));
  lines("stacked");
  value("umount", SYS_2(SYS_umount2, "b", 0));
  value("umount", SYS_2(SYS_umount2, "b", 0));
}

static void errors(void) {
  value("nothing there", mounts("x", "nothing", "tmpfs", 0, NULL));
  value("unknown type", mounts("x", "b", "nosuchfs", 0, NULL));
  value("no type", mounts("x", "b", NULL, 0, NULL));
  value("bad type", mounts("x", "b", (void *)16, 0, NULL));
  value("bad target", mounts("x", (void *)16, "tmpfs", 0, NULL));
  value("bind of nothing", mounts("nothing", "b", NULL, MS_BIND, NULL));
  value("bind without source", mounts(NULL, "b", NULL, MS_BIND, NULL));
  value("remount of no mount", mounts(NULL, "b", NULL, MS_REMOUNT, NULL));
  value("umount of no mount", SYS_2(SYS_umount2, "b", 0));
  value("umount flags", SYS_2(SYS_umount2, "b", 64));
  value("umount nothing", SYS_2(SYS_umount2, "nothing", 0));
  value("tmpfs on a file", mounts("x", "file", "tmpfs", 0, NULL));
  value("unshare unknown", SYS_1(SYS_unshare, 0x80000000u));
  if (fork() == 0) {
    if (setresuid(1, 1, 1)) _exit(1);
    value("mount by nobody", mounts("x", "b", "tmpfs", 0, NULL));
    value("umount by nobody", SYS_2(SYS_umount2, "t", 0));
    value("unshare by nobody", SYS_1(SYS_unshare, CLONE_NEWNS));
    value("pivot_root by nobody", SYS_2(SYS_pivot_root, ".", "."));
    _exit(0);
  }
  wait(NULL);
}

static void watched(void) {
  int fd = inotify_init1(IN_NONBLOCK), w = inotify_add_watch(fd, "t/two", IN_OPEN);
  value("umount of a watched file's", SYS_2(SYS_umount2, "t", 0));
  struct inotify_event e[4];
  long n = SYS_3(SYS_read, fd, e, sizeof e);
  for (int i = 0; i < n / (long)sizeof *e; i++)
    say("  %s %x", e[i].wd == w ? "its" : "?", e[i].mask);
  close(fd);
}

// What a mount shows lives on when its last name is gone, as often as it is opened.
static void nameless(void) {
  put("place");
  value("tmpfs", mounts("x", "t", "tmpfs", 0, NULL));
  int fd = open("t/named", O_RDWR | O_CREAT, 0600);
  value("write", SYS_3(SYS_write, fd, "contents", 8));
  close(fd);
  value("bind a file", mounts("t/named", "place", NULL, MS_BIND, NULL));
  int watch = inotify_init1(IN_NONBLOCK);
  inotify_add_watch(watch, "place", IN_DELETE_SELF);
  value("unlink", SYS_1(SYS_unlink, "t/named"));
  for (int i = 0; i < 2; i++) {
    char text[9] = "";
    struct stat s;
    fd = open("place", O_RDWR);
    fstat(fd, &s);
    value("read", SYS_3(SYS_read, fd, text, 8));
    say("  '%s', %d names, %d bytes", text, (int)s.st_nlink, (int)s.st_size);
    close(fd);
  }
  struct inotify_event event;
  value("nobody is told", SYS_3(SYS_read, watch, &event, sizeof event));
  value("umount", SYS_2(SYS_umount2, "place", 0));
  value("told of its end", SYS_3(SYS_read, watch, &event, sizeof event));
  close(watch);
  value("umount", SYS_2(SYS_umount2, "t", 0));
  unlink("place");
}

static void namespaces(void) {
  int status;
  if (fork() == 0) {
    value("unshare", SYS_1(SYS_unshare, CLONE_NEWNS));
    value("tmpfs", mounts("x", "b", "tmpfs", 0, NULL));
    put("b/only-here");
    _exit(0);
  }
  wait(&status);
  there("b/only-here");
  long child = SYS_5(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    value("in a clone: tmpfs", mounts("x", "b", "tmpfs", 0, NULL));
    put("b/only-here");
    _exit(0);
  }
  wait(&status);
  there("b/only-here");
  value("clone with both", SYS_5(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
}

// A directory that is moved out of what a bind mount shows: no way leads up from it.
static void moved_out(void) {
  mkdir("outer", 0755);
  mkdir("outer/inner", 0755);
  mkdir("outer/inner/deep", 0755);
  mkdir("outer/inner/deep/deeper", 0755);
  put("outer/secret");
  value("bind", mounts("outer/inner", "b", NULL, MS_BIND, NULL));
  int base = open(".", O_PATH);
  value("chdir", chdir("b/deep"));
  there("../../secret");
  value("move out", SYS_4(SYS_renameat, base, "outer/inner/deep", base, "outer/deep"));
  there("../secret");
  there("deeper/..");
  there("deeper/../../secret");
  value("chdir up", SYS_1(SYS_chdir, ".."));
  value("move back", SYS_4(SYS_renameat, base, "outer/deep", base, "outer/inner/deep"));
  value("chdir up", SYS_1(SYS_chdir, ".."));
  there("deep");
  there("secret");
  value("back", fchdir(base));
  close(base);
  value("umount", SYS_2(SYS_umount2, "b", 0));
}

static void pivot(void) {
  value("root", mounts("root", "b", "tmpfs", 0, NULL));
  mkdir("b/old", 0755);
  put("b/new-root");
  value("pivot to no mount", SYS_2(SYS_pivot_root, "t", "t"));
  value("pivot without below", SYS_2(SYS_pivot_root, "b", "t"));
  value("chdir", chdir("b"));
  value("pivot", SYS_2(SYS_pivot_root, ".", "old"));
  there("/new-root");
  there("/old/proc/self");
  char cwd[64];
  value("getcwd", SYS_2(SYS_getcwd, cwd, sizeof cwd));
  say("cwd %s", cwd);
  value("detach the old", SYS_2(SYS_umount2, "/old", MNT_DETACH));
  there("/old/proc/self");
  there("/proc/self");
  value("chdir", chdir("/"));
  value("mkdir", SYS_2(SYS_mkdir, "/n", 0755));
  value("next", mounts("next", "/n", "tmpfs", 0, NULL));
  value("chdir", chdir("/n"));
  value("pivot to itself", SYS_2(SYS_pivot_root, ".", "."));
  value("detach", SYS_2(SYS_umount2, ".", MNT_DETACH));
  there("/new-root");
  value("mkdir", SYS_2(SYS_mkdir, "/proc", 0755));
  value("proc", mounts("proc", "/proc", "proc", 0, NULL));
  there("/proc/self/stat");
}

// Nothing is executed from it: not by exec, not by a mapping, not by a mapping that becomes executable later.
static void noexec(void) {
  mkdir("x", 0755);
  value("noexec", mounts("x", "x", "tmpfs", MS_NOEXEC, NULL));
  int fd = open("x/program", O_RDWR | O_CREAT, 0755);
  value("truncate", ftruncate(fd, PAGE));
  value("access", SYS_2(SYS_access, "x/program", X_OK));
  value("access for reading", SYS_2(SYS_access, "x/program", R_OK));
  value("access of the directory", SYS_2(SYS_access, "x", X_OK));
  int kinds[] = {MAP_PRIVATE, MAP_SHARED};
  for (int k = 0; k < 2; k++) {
    outcome("executable", SYS_6(SYS_mmap, 0, PAGE, PROT_READ | PROT_EXEC, kinds[k], fd, 0));
    void *at = mmap(NULL, PAGE, PROT_READ, kinds[k], fd, 0);
    outcome("made executable", SYS_3(SYS_mprotect, at, PAGE, PROT_READ | PROT_EXEC));
    outcome("made writable", SYS_3(SYS_mprotect, at, PAGE, PROT_READ | PROT_WRITE));
    munmap(at, PAGE);
  }
  close(fd);
  char *argv[] = {"program", NULL};
  value("exec", SYS_3(SYS_execve, "x/program", argv, NULL));
  value("umount", SYS_2(SYS_umount2, "x", 0));
}

int main(void) {
  if (!mkdtemp(directory)) return 1;
  pid_t child = fork();
  if (child == 0) {
    if (chdir(directory)) _exit(1);
    value("unshare", SYS_1(SYS_unshare, CLONE_NEWNS));
    value("private", mounts(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    basics();
    noexec();
    errors();
    watched();
    nameless();
    namespaces();
    moved_out();
    pivot();
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  say("ended %x", status);
  chdir(directory) ? 0 : system("rm -rf t b x file other");
  rmdir(directory);
  return 0;
}
