// Extended attributes: values, lists, sizes, flags, spaces of names.
//@ needs: files
#include "guest.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define E(call) ((call) < 0 ? -errno : 0)

static char text[70000];

static int order(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

// File systems list in orders of their own.
static void list(const char *path) {
  char *names[100];
  int count = 0;
  long n = listxattr(path, text, sizeof text);
  say("list: %ld", n);
  for (long at = 0; at < n && count < 100; at += strlen(text + at) + 1)
    names[count++] = text + at;
  qsort(names, count, sizeof *names, order);
  for (int i = 0; i < count; i++)
    say("  %s", names[i]);
}

int main(void) {
  char path[] = "/tmp/xattr-calls-XXXXXX";
  int fd = mkstemp(path);
  list(path);
  value("get nothing", getxattr(path, "user.a", text, 10) < 0 ? -errno : 0);
  value("set", E(setxattr(path, "user.a", "one", 3, 0)));
  value("size", getxattr(path, "user.a", NULL, 0));
  value("get", getxattr(path, "user.a", text, 10));
  say("%.3s", text);
  value("too small a buffer", getxattr(path, "user.a", text, 2) < 0 ? -errno : 0);
  value("bad buffer", SYS_4(SYS_getxattr, path, "user.a", 8, 100));
  value("create", E(setxattr(path, "user.a", "two", 3, XATTR_CREATE)));
  value("replace", E(setxattr(path, "user.a", "three", 5, XATTR_REPLACE)));
  value("replace nothing", E(setxattr(path, "user.b", "three", 5, XATTR_REPLACE)));
  value("create", E(fsetxattr(fd, "user.b", "", 0, XATTR_CREATE)));
  value("an empty value", fgetxattr(fd, "user.b", text, 10));
  value("unknown flag", E(setxattr(path, "user.a", "two", 3, 4)));
  value("no name", E(setxattr(path, "", "two", 3, 0)));
  value("no space", E(setxattr(path, "a", "two", 3, 0)));
  value("unknown space", E(setxattr(path, "other.a", "two", 3, 0)));
  memset(text, 'n', 300);
  memcpy(text, "user.", 5);
  text[256] = 0;
  value("a name of 256 bytes", E(setxattr(path, text, "two", 3, 0)));
  value("a value of 65537 bytes", E(setxattr(path, "user.c", text, 65537, 0)));
  value("a bad value", SYS_5(SYS_setxattr, path, "user.c", 8, 10, 0));
  memset(text, 'v', 2000);
  value("a value of 2000 bytes", E(setxattr(path, "user.c", text, 2000, 0)));
  value("get", getxattr(path, "user.c", text, sizeof text));
  value("trusted", E(setxattr(path, "trusted.t", "1", 1, 0)));
  list(path);
  value("size of the list", flistxattr(fd, NULL, 0));
  value("too small for the list", flistxattr(fd, text, 5) < 0 ? -errno : 0);
  value("remove", E(removexattr(path, "user.a")));
  value("remove again", E(removexattr(path, "user.a")));
  value("fremove", E(fremovexattr(fd, "user.b")));
  value("remove trusted", E(removexattr(path, "trusted.t")));
  list(path);
  char link[100];
  snprintf(link, sizeof link, "%s-link", path);
  symlink(path, link);
  value("through a link", getxattr(link, "user.c", NULL, 0));
  value("of the link", lgetxattr(link, "user.c", NULL, 0) < 0 ? -errno : 0);
  value("set on the link", E(lsetxattr(link, "user.c", "1", 1, 0)));
  value("of nothing", getxattr("/tmp/no/such", "user.c", NULL, 0) < 0 ? -errno : 0);
  value("of an O_PATH descriptor", fgetxattr(open(path, O_PATH), "user.c", NULL, 0) < 0 ? -errno : 0);
  unlink(link);
  unlink(path);
  return 0;
}
