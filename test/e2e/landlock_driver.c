// What a process can still write to when landlock_writes_only_below() has confined it to a directory and to a
// file: each attempt and its outcome in a line. Arguments: a directory to work in.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../native/launcher/landlock.h"

static void told(const char *what, long result) {
  printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "done");
}

static void opened(const char *what, const char *path, int flags) {
  int fd = open(path, flags | O_NONBLOCK, 0600);
  told(what, fd);
  if (fd >= 0) close(fd);
}

int main(int argc, char **argv) {
  if (argc != 2 || chdir(argv[1]) < 0) return 1;
  mkdir("fixed", 0700), mkdir("free", 0700), mkdir("free/one", 0700), mkdir("free/other", 0700);
  mkfifo("fixed/fifo", 0600), mkfifo("free/fifo", 0600);
  close(open("fixed/file", O_CREAT | O_WRONLY, 0600)), close(open("fixed/granted", O_CREAT | O_WRONLY, 0600));
  int before = open("fixed/file", O_RDWR), pipes[2], memfd = memfd_create("m", 0);
  int trees[] = {open("free", O_PATH), open("fixed/granted", O_PATH)};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || pipe(pipes) < 0) return 1;
  if (!landlock_writes_only_below(trees, 2)) {
    printf("this host has no Landlock\n");
    return 0;
  }
  opened("FIFO, writing", "fixed/fifo", O_WRONLY);
  opened("FIFO, both", "fixed/fifo", O_RDWR);
  opened("FIFO, reading", "fixed/fifo", O_RDONLY);
  opened("file, writing", "fixed/file", O_WRONLY);
  opened("file, emptying", "fixed/file", O_RDONLY | O_TRUNC);
  opened("file, reading", "fixed/file", O_RDONLY);
  opened("new file", "fixed/new", O_CREAT | O_WRONLY);
  told("removal", unlink("fixed/file"));
  told("directory", mkdir("fixed/d", 0700));
  told("link out", link("fixed/file", "free/linked"));
  told("move out", rename("fixed/file", "free/moved"));
  told("truncation", truncate("fixed/file", 10));
  told("file that was open", write(before, "x", 1));
  opened("file that was granted", "fixed/granted", O_RDWR | O_TRUNC);
  opened("free FIFO", "free/fifo", O_RDWR);
  opened("free file", "free/one/file", O_CREAT | O_RDWR);
  told("free move", rename("free/one/file", "free/other/file"));
  told("free link", link("free/other/file", "free/one/again"));
  told("free removal", unlink("free/one/again"));
  char name[32];
  snprintf(name, sizeof name, "/proc/self/fd/%d", memfd);
  opened("memfd again", name, O_RDWR);
  snprintf(name, sizeof name, "/proc/self/fd/%d", pipes[1]);
  opened("pipe again", name, O_WRONLY);
  return 0;
}
