// openat2(2): paths that are looked up below a directory, or as if it were the root; also of what is made.
//@ needs: files
#include "guest.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

static char directory[] = "/tmp/open_in_root.XXXXXX";

static void opens(int at, const char *path, unsigned long long resolve, unsigned long long flags) {
  struct open_how how = {.flags = flags, .mode = flags & O_CREAT ? 0600 : 0, .resolve = resolve};
  long fd = SYS_4(SYS_openat2, at, path, &how, sizeof how);
  char link[64], name[256] = {0};
  if (failed(fd)) {
    say("%s: %s", path, error_name(fd));
    return;
  }
  snprintf(link, sizeof link, "/proc/self/fd/%ld", fd);
  ssize_t n = readlink(link, name, sizeof name - 1);
  const char *below =
      n > 0 && !strncmp(name, directory, strlen(directory)) ? name + strlen(directory) : "elsewhere";
  say("%s: %s", path, below);
  SYS_1(SYS_close, fd);
}

int main(void) {
  if (!mkdtemp(directory) || chdir(directory)) return 1;
  mkdir("root", 0755);
  mkdir("root/etc", 0755);
  symlink("/etc", "root/absolute");
  symlink("../../etc", "root/etc/above");
  symlink("/nothing", "root/dangling");
  int at = open("root", O_PATH | O_DIRECTORY);
  static const struct {
    const char *what;
    unsigned long long resolve;
  } ways[] = {{"in root", RESOLVE_IN_ROOT}, {"beneath", RESOLVE_BENEATH}, {"no links", RESOLVE_NO_SYMLINKS}};
  for (int i = 0; i < 3; i++) {
    say("-- %s", ways[i].what);
    static const char *const paths[] = {"/",       ".",   "..",       "etc/..",    "etc/../..", "/etc",
                                        "/../etc", "etc", "absolute", "etc/above", "/etc/above"};
    for (size_t p = 0; p < sizeof paths / sizeof *paths; p++)
      if (ways[i].resolve != RESOLVE_NO_SYMLINKS || paths[p][0] != '/')
        opens(at, paths[p], ways[i].resolve, O_RDONLY | O_DIRECTORY);
    opens(at, "new", ways[i].resolve, O_CREAT | O_EXCL | O_WRONLY);
    opens(at, "../outside", ways[i].resolve == RESOLVE_NO_SYMLINKS ? RESOLVE_BENEATH : ways[i].resolve,
          O_CREAT | O_WRONLY);
    opens(at, "etc/above/file", ways[i].resolve, O_CREAT | O_WRONLY);
    if (ways[i].resolve != RESOLVE_IN_ROOT) opens(at, "dangling", ways[i].resolve, O_CREAT | O_WRONLY);
    unlink("root/new");
    unlink("root/outside");
    unlink("root/etc/file");
  }
  unlink("root/etc/above");
  unlink("root/absolute");
  unlink("root/dangling");
  rmdir("root/etc");
  rmdir("root");
  chdir("/");
  value("rmdir", rmdir(directory) ? -errno : 0);
  return 0;
}
