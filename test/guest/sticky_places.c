// What others have put into a directory where everybody may write: symlinks that are followed, files and
// FIFOs that O_CREAT finds, files that are linked. What is right depends on the settings, which the program
// looks at.
//@ needs: files proc credentials
#include "guest.h"
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#define OTHER 54321
#define THIRD 54322

static char directory[] = "/tmp/sticky_places.XXXXXX";

static int setting(const char *name) {
  char path[100], text[20] = {0};
  sprintf(path, "/proc/sys/fs/protected_%s", name);
  int fd = open(path, O_RDONLY);
  read(fd, text, sizeof text - 1);
  close(fd);
  return atoi(text);
}

// The result, or what it would be without or with the protection: both systems print the same if they obey.
static void expect(const char *what, long result, int refused) {
  if (refused)
    say("%s: %s", what, result == -EACCES ? "as the setting says" : "not refused");
  else
    say("%s: %s", what, !failed(result) ? "as the setting says" : error_name(result));
  if (result >= 0) close(result);
}

static long try(const char *path, int flags) {
  return SYS_3(SYS_open, path, flags, 0644);
}

static void place(const char *name, mode_t mode) {
  char path[100];
  say("%s", name);
  mkdir(name, 0700);
  chmod(name, mode);
  chdir(name);
  symlink("../target", "mine");
  symlink("../target", "theirs");
  lchown("theirs", OTHER, OTHER);
  symlink("..", "theirs_dir");
  lchown("theirs_dir", OTHER, OTHER);
  mkfifo("fifo", 0666);
  chmod("fifo", 0666);
  chown("fifo", OTHER, OTHER);
  close(try("file", O_CREAT | O_WRONLY));
  chmod("file", 0666);
  chown("file", OTHER, OTHER);
  symlink("mine", "to_theirs");
  int open_to_all = (mode & 01002) == 01002, sticky = mode & 01000;
  int links = setting("symlinks"), files = setting("regular"), fifos = setting("fifos");
  for (int who = 0; who < 2; who++) {
    if (who == 1) setfsuid(THIRD);
    say(" %s", who ? "a third" : "root");
    expect("  root's link", try("mine", O_RDONLY), 0);
    expect("  another's link", try("theirs", O_RDONLY), links && open_to_all);
    expect("  another's link on the way", try("theirs_dir/target", O_RDONLY), 0);
    expect("  another's link, slash", try("theirs_dir/", O_RDONLY), links && open_to_all);
    expect("  another's link, not followed", try("theirs", O_PATH | O_NOFOLLOW), 0);
    expect("  root's link to root's link", try("to_theirs", O_RDONLY), 0);
    expect("  another's file", try("file", O_RDWR), 0);
    int refused = sticky && (mode & 2 ? files : mode & 020 ? files > 1 : 0);
    expect("  another's file, O_CREAT", try("file", O_RDWR | O_CREAT), refused);
    refused = sticky && (mode & 2 ? fifos : mode & 020 ? fifos > 1 : 0);
    expect("  another's fifo, O_CREAT", try("fifo", O_RDWR | O_CREAT), refused);
    setfsuid(0);
  }
  setfsuid(OTHER);
  expect(" its owner's link", try("theirs", O_RDONLY), 0);
  expect(" its owner's file, O_CREAT", try("file", O_RDWR | O_CREAT), 0);
  setfsuid(0);
  const char *const names[] = {"mine", "theirs", "theirs_dir", "fifo", "file", "to_theirs"};
  for (size_t i = 0; i < 6; i++)
    unlink(names[i]);
  chdir("..");
  sprintf(path, "%s/%s", directory, name);
  rmdir(path);
}

int main(void) {
  umask(0);
  mkdtemp(directory);
  chmod(directory, 0755);
  chdir(directory);
  close(try("target", O_CREAT | O_WRONLY));
  place("sticky", 01777);
  place("group", 01775);
  place("open", 0777);
  unlink("target");
  value("rmdir", (chdir("/"), rmdir(directory)));
  return 0;
}
