// Names that the program makes: links, renames of every kind, directories, counts of links, sticky bits.
//@ needs: files
#include "guest.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

static void links(const char *path) {
  struct stat st;
  if (lstat(path, &st) < 0)
    say("%s: %s", path, strerrorname_np(errno));
  else
    say("%s: mode %o links %ld", path, st.st_mode, (long)st.st_nlink);
}

static long ino(const char *path) {
  struct stat st;
  return lstat(path, &st) < 0 ? -1 : (long)st.st_ino;
}

static void make(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (write(fd, text, strlen(text)) < 0) say("%s: %s", path, strerrorname_np(errno));
  close(fd);
}

static void text(const char *path) {
  char line[100];
  int fd = open(path, O_RDONLY);
  long n = fd < 0 ? 0 : read(fd, line, sizeof line);
  say("%s: %.*s", path, (int)(n < 0 ? 0 : n), line);
  if (fd >= 0) close(fd);
}

#define E(call) ((call) < 0 ? -errno : 0)

int main(void) {
  char directory[] = "/tmp/memory-names-XXXXXX";
  if (!mkdtemp(directory) || chdir(directory)) return 1;
  umask(0);
  value("mkdir", E(mkdir("d", 0751)));
  value("mkdir again", E(mkdir("d", 0751)));
  value("mkdir d/e", E(mkdir("d/e", 0700)));
  links("d");
  make("f", "first");
  value("link", E(link("f", "g")));
  links("f");
  yes_no("the same file", ino("f") == ino("g"));
  value("link over a name", E(link("f", "d")));
  value("link of a directory", E(link("d", "h")));
  value("rename to itself", E(rename("f", "f")));
  value("rename between two names of a file", E(rename("f", "g")));
  links("f");
  value("unlink", E(unlink("g")));
  links("f");
  long number = ino("f");
  value("rename", E(rename("f", "d/f")));
  yes_no("the number stays", ino("d/f") == number);
  links("f");
  text("d/f");
  make("g", "second");
  value("rename over", E(rename("d/f", "g")));
  text("g");
  value("file over directory", E(rename("g", "d")));
  value("directory over file", E(rename("d", "g")));
  value("directory over a full one", (mkdir("full", 0700), make("full/x", ""), E(rename("d", "full"))));
  value("directory into itself", E(rename("d", "d/e/d")));
  value("directory over its parent", E(rename("d/e", "d")));
  value("directory over an empty one", (mkdir("empty", 0700), E(rename("d", "empty"))));
  links("empty");
  links("empty/e");
  links("d");
  value("back", E(rename("empty", "d")));
  value("noreplace", E(renameat2(AT_FDCWD, "g", AT_FDCWD, "full", RENAME_NOREPLACE)));
  value("exchange", E(renameat2(AT_FDCWD, "g", AT_FDCWD, "full", RENAME_EXCHANGE)));
  links("g");
  links("full");
  value("exchange with nothing", E(renameat2(AT_FDCWD, "g", AT_FDCWD, "nothing", RENAME_EXCHANGE)));
  value("both", E(renameat2(AT_FDCWD, "g", AT_FDCWD, "full", RENAME_EXCHANGE | RENAME_NOREPLACE)));
  value("unknown flag", E(renameat2(AT_FDCWD, "g", AT_FDCWD, "full", 64)));
  links(".");
  value("rmdir of a full one", E(rmdir("g")));
  value("rmdir of a file", E(rmdir("full")));
  value("rmdir of .", E(rmdir("d/.")));
  value("rmdir of ..", E(rmdir("d/e/..")));
  value("unlink of a directory", E(unlink("d")));
  value("unlink with a slash", E(unlink("full/")));
  value("symlink", E(symlink("d/e", "s")));
  links("s");
  links("s/");
  value("mkdir over a symlink", E(mkdir("s", 0700)));
  value("a loop", (symlink("loop", "loop"), E(open("loop", O_RDONLY))));
  value("create through a symlink",
        (symlink("made", "to-be-made"), E(open("to-be-made", O_CREAT | O_RDWR, 0600))));
  links("made");
  value("O_NOFOLLOW", E(open("s", O_RDONLY | O_NOFOLLOW)));
  value("O_EXCL at a symlink", E(open("to-be-made", O_CREAT | O_EXCL | O_RDWR, 0600)));
  char target[100];
  value("readlink", readlink("s", target, sizeof target));
  value("readlink of 2 bytes", readlink("s", target, 2));
  value("hard link of a symlink", E(link("s", "t")));
  links("t");

  // A directory that is gone but held.
  mkdir("held", 0700);
  int held = open("held", O_RDONLY | O_DIRECTORY);
  rmdir("held");
  value("create in a removed directory", E(openat(held, "x", O_CREAT | O_RDWR, 0600)));
  value("mkdir in a removed directory", E(mkdirat(held, "x", 0700)));
  value("its ..", E(faccessat(held, "..", F_OK, 0)));

  // Renamed while it is the working directory.
  mkdir("w1", 0700);
  value("chdir", E(chdir("w1")));
  value("rename", E(rename("../w1", "../w2")));
  make("inside", "in");
  value("chdir", E(chdir("..")));
  text("w2/inside");

  // O_TMPFILE
  int fd = open(".", O_TMPFILE | O_RDWR, 0640);
  value("O_TMPFILE", fd > 0);
  struct stat st;
  fstat(fd, &st);
  say("mode %o links %ld", st.st_mode, (long)st.st_nlink);
  value("write", write(fd, "nameless", 8));
  value("link by AT_EMPTY_PATH", E(linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH)));
  text("named");
  links("named");
  int excl = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0640);
  value("not with O_EXCL", E(linkat(excl, "", AT_FDCWD, "named2", AT_EMPTY_PATH)));
  value("O_TMPFILE for reading", E(open(".", O_TMPFILE | O_RDONLY, 0640)));
  unlink("named");
  value("no name once more", E(linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH)));

  value("mknod of a fifo", E(mknod("fifo", S_IFIFO | 0600, 0)));
  links("fifo");
  value("mknod of a socket", E(mknod("socket", S_IFSOCK | 0600, 0)));
  links("socket");
  value("open of a socket", E(open("socket", O_RDONLY)));
  value("mknod of a file", E(mknod("file", 0640, 0)));
  links("file");
  value("mknod of a directory", E(mknod("dir", S_IFDIR | 0600, 0)));
  char command[100];
  snprintf(command, sizeof command, "%s", directory);
  chdir("/");
  execl("/bin/rm", "rm", "-rf", command, NULL);
  return 0;
}
