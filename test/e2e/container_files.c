// What a program in a container reaches by names that lead elsewhere, by mounts and by what is not a file.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void tell(const char *what, const char *path, long result) {
  printf("%s %s: %s\n", what, path, result < 0 ? strerrorname_np(errno) : "yes");
}

static void look(const char *path) {
  char bytes[20];
  int fd = open(path, O_RDONLY | O_NONBLOCK);
  tell("read", path, fd < 0 ? fd : read(fd, bytes, sizeof bytes));
  close(fd);
}

static void change(const char *path) {
  int fd = open(path, O_WRONLY | O_APPEND | O_NONBLOCK);
  tell("write", path, fd < 0 ? fd : write(fd, "w", 1));
  close(fd);
}

int main(void) {
  const char *elsewhere[] = {"/absolute", "/relative", "/directory/secret", "/bind/../../../secret", "/loop"};
  for (int i = 0; i < 5; i++)
    look(elsewhere[i]);
  look("/disk");
  look("/socket");
  look("/masked/file"), look("/maskedfile"), change("/maskedfile");
  look("/file"), change("/file"), look("/bind/file"), change("/bind/file");
  look("/bind read-only/file"), change("/bind read-only/file"), change("/read-only/file");
  look("/link/below");
  tell("unlink", "/file", unlink("/file"));
  tell("rename", "/file", rename("/file", "/other"));
  tell("rename over", "/file", rename("/plain", "/file"));
  tell("rmdir", "/bind", rmdir("/bind"));
  tell("unlink", "/maskedfile", unlink("/maskedfile"));
  tell("rename to", "/bind", rename("/plain", "/bind/plain"));
  tell("link to", "/bind", link("/plain", "/bind/plain"));
  tell("link between binds", "/bind", link("/bind/file", "/bind read-only/new"));
  tell("mkdir", "/bind read-only", mkdir("/bind read-only/new", 0755));
  tell("chmod", "/bind read-only", chmod("/bind read-only/file", 0777));
  tell("truncate", "/bind read-only", truncate("/bind read-only/file", 0));
  if (chdir("/read-only/deep") == 0) change("../file"), look("../../plain");
  tell("symlink", "/bind", symlink("/secret", "/bind/out"));
  look("/bind/out");
  return 0;
}
