// Directories deeper than any path can name: made, left and removed step by step.
//@ needs: files
#include "guest.h"
#include <fcntl.h>
#include <sys/stat.h>

#define DEPTH 500

#define E(call) ((call) < 0 ? -errno : 0)

int main(void) {
  char directory[] = "/tmp/deep-directories-XXXXXX";
  if (!mkdtemp(directory) || chdir(directory)) return 1;
  char name[101];
  memset(name, 'd', 100);
  name[100] = 0;
  int failures = 0;
  for (int i = 0; i < DEPTH; i++)
    failures += mkdir(name, 0700) < 0 || chdir(name) < 0;
  say("%d failures", failures);
  static char path[1 << 20];
  value("getcwd", SYS_2(SYS_getcwd, path, sizeof path));
  value("getcwd of few bytes", SYS_2(SYS_getcwd, path, 10));
  int fd = open("here", O_RDWR | O_CREAT, 0600);
  value("write", write(fd, "deep", 4));
  value("rename over 100 levels", (strcpy(path, "../../../x"), E(rename("here", path))));
  memset(path, '/', 5000);
  strcpy(path + 5000, "tmp");
  value("a path of 5003 bytes", E(access(path, F_OK)));
  strcpy(path + 4092, "tmp");
  value("a path of 4095 bytes", E(access(path, F_OK)));
  for (char *at = path; at < path + 3000; at += 3)
    memcpy(at, "../", 3);
  strcpy(path + 3000, "x");
  value("up to the root and beyond", E(access(path, F_OK)));
  strcpy(path + 3000, "tmp");
  value("as far as that", E(access(path, F_OK)));
  failures = 0;
  failures += chdir("..") < 0;
  failures += chdir("..") < 0;
  failures += chdir("..") < 0;
  value("unlink", E(unlink("x")));
  failures += chdir(name) < 0;
  failures += chdir(name) < 0;
  failures += chdir(name) < 0;
  for (int i = 0; i < DEPTH; i++)
    failures += chdir("..") < 0 || rmdir(name) < 0;
  say("%d failures", failures);
  say("%s", strncmp(getcwd(path, sizeof path), "/tmp/deep", 9) == 0 ? "back" : "lost");
  value("rmdir", (chdir("/"), rmdir(directory)));
  return 0;
}
