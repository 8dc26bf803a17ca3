// What may be done to files, and by which descriptors: O_PATH names a place alone; set-id bits go when
// contents change; owners, groups and links of others' files.
//@ needs: files credentials
#include "guest.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static long result(long n) {
  return n < 0 ? -errno : n;
}

static void show(const char *what, const char *path) {
  struct stat st;
  if (lstat(path, &st) < 0)
    value(what, -errno);
  else
    say("%s: mode %o links %ld size %ld owner %d %d", what, st.st_mode, (long)st.st_nlink, (long)st.st_size,
        st.st_uid, st.st_gid);
}

static void make(const char *path, mode_t mode, uid_t uid, gid_t gid) {
  close(open(path, O_CREAT | O_RDWR, 0600));
  if (chown(path, uid, gid) < 0 || chmod(path, mode) < 0) say("%s: %s", path, strerror(errno));
}

static void places(void) {
  make("f", 0644, 0, 0);
  int place = open("f", O_PATH);
  value("fchmod", result(fchmod(place, 0600)));
  value("fchown", result(fchown(place, 1, 1)));
  value("ftruncate", result(ftruncate(place, 1)));
  value("futimens", result(SYS_4(SYS_utimensat, place, 0, 0, 0)));
  value("utimensat", result(utimensat(place, "", 0, AT_EMPTY_PATH)));
  value("fchownat", result(fchownat(place, "", 2, 3, AT_EMPTY_PATH)));
  value("lseek", result(lseek(place, 0, SEEK_SET)));
  value("mmap", mmap(0, PAGE, PROT_READ, MAP_PRIVATE, place, 0) == MAP_FAILED ? -errno : 0);
  close(place);
  if (symlink("f", "s") < 0) say("symlink");
  value("chmod of a symlink", SYS_4(452, AT_FDCWD, "s", 0600, AT_SYMLINK_NOFOLLOW));
  show("f", "f");
  show("s", "s");
}

static void contents(const char *who) {
  say("-- %s", who);
  int fd = open("x", O_WRONLY);
  value("write", result(write(fd, "x", 1)));
  show("written", "x");
  close(fd);
}

// Does something as another user.
static void as(uid_t uid, gid_t gid, void (*what)(const char *), const char *text) {
  fflush(0);
  if (fork() == 0) {
    gid_t groups[1] = {gid};
    if (SYS_2(SYS_setgroups, 1, groups) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
      _exit(1);
    what(text);
    _exit(0);
  }
  wait(0);
}

static void empties(const char *who) {
  say("-- %s", who);
  close(open("x", O_WRONLY | O_TRUNC));
  show("opened with O_TRUNC", "x");
}

static void links(const char *path) {
  value(path, result(link(path, "new")));
  unlink("new");
}

static void groups(const char *who) {
  say("-- %s", who);
  value("the group it has", result(chown("x", -1, 77)));
  value("another", result(chown("x", -1, 78)));
  value("the owner it has", result(chown("x", 1000, -1)));
}

int main(void) {
  char directory[] = "/tmp/privileges-XXXXXX";
  if (mkdtemp(directory) == NULL || chdir(directory) < 0) return 1;
  chmod(".", 0777);
  places();
  make("x", 06777, 1000, 77);
  contents("root writes");
  as(1000, 1000, contents, "the owner writes");
  make("x", 06777, 1000, 77);
  empties("root");
  as(1000, 1000, empties, "the owner");
  make("x", 0666, 1000, 77);
  as(1000, 1000, groups, "groups");
  make("theirs", 0666, 0, 0);
  make("theirs, unreadable", 0600, 0, 0);
  make("theirs, set-user-ID", 04777, 0, 0);
  make("own", 04700, 1000, 1000);
  as(1000, 1000, links, "theirs");
  as(1000, 1000, links, "theirs, unreadable");
  as(1000, 1000, links, "theirs, set-user-ID");
  as(1000, 1000, links, "own");
  const char *names[] = {"f", "s", "x", "theirs", "theirs, unreadable", "theirs, set-user-ID", "own"};
  for (unsigned i = 0; i < 7; i++)
    unlink(names[i]);
  return rmdir(directory) < 0;
}
