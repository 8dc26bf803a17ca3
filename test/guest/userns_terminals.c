// devpts that is mounted in a user namespace (pts(4)): its pseudo-terminals are its own, with numbers and a ptmx of their own.
//@ needs: credentials mounts fork files proc
//@ args: root
//@ args: user
#include "user_namespace.h"
#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

static void list(const char *what) {
  int terminals = 0;
  struct dirent *entry;
  DIR *directory = opendir("/tmp/pts");
  while (directory && (entry = readdir(directory)))
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') terminals++;
  if (directory) closedir(directory);
  value(what, terminals);
}

static void look_inside(int outer) {
  char path[64], byte = 0;
  value("a tmpfs", mount("none", "/tmp", "tmpfs", 0, NULL) ? -errno : 0);
  mkdir("/tmp/pts", 0755);
  value("devpts", mount("none", "/tmp/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=620") ? -errno : 0);
  list("terminals at first");
  snprintf(path, sizeof path, "/tmp/pts/%d", outer);
  int fd = open(path, O_RDWR | O_NOCTTY);
  value("the outer one", fd < 0 ? -errno : 0);
  int master = open("/tmp/pts/ptmx", O_RDWR | O_NOCTTY);
  value("a master", master < 0 ? -errno : 0);
  int number = -1, locked = 0;
  value("its number", ioctl(master, TIOCGPTN, &number) ? -errno : number);
  value("unlocked", ioctl(master, TIOCSPTLCK, &locked) ? -errno : 0);
  list("terminals then");
  snprintf(path, sizeof path, "/tmp/pts/%d", number);
  int slave = open(path, O_RDWR | O_NOCTTY);
  value("its terminal", slave < 0 ? -errno : 0);
  value("written", write(master, "x\n", 2));
  value("read", read(slave, &byte, 1));
  value("which is", byte);
  close(slave);
  close(master);
  list("terminals at last");
}

int main(int argc, char **argv) {
  setbuf(stdout, NULL);
  int outer = -1, locked = 0;
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || ioctl(master, TIOCGPTN, &outer) || ioctl(master, TIOCSPTLCK, &locked)) _exit(9);
  pid_t child = fork();
  if (child == 0) {
    if (argc > 1 && !strcmp(argv[1], "user")) become_open(1234, 1234);
    if (unshare_as_root(CLONE_NEWNS)) _exit(8);
    look_inside(outer);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  value("inside", status);
  return 0;
}
