// execveat: programs and scripts by descriptor, below a directory, through symbolic links; what it refuses.
//@ needs: files exec memfd
#include "guest.h"
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char directory[] = "/tmp/exec_descriptor.XXXXXX";

static void run(const char *what, int fd, const char *path, int flags) {
  pid_t child = fork();
  if (child == 0) {
    char *arguments[] = {"zeroth", "child", NULL}, *environment[] = {"NAME=value", NULL};
    long error = SYS_5(SYS_execveat, fd, path, arguments, environment, flags);
    say("%s: %s", what, error_name(error));
    _exit(99);
  }
  int status;
  waitpid(child, &status, 0);
  if (WEXITSTATUS(status) != 99) say("%s: status %d", what, WEXITSTATUS(status));
}

static void make(int at, const char *name, const char *text, mode_t mode) {
  int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC, mode);
  if (write(fd, text, strlen(text)) < 0) _exit(97);
  fchmod(fd, mode);
  close(fd);
}

// A descriptor with a number that says nothing.
static int numbered(int fd, int number, int close_on_exec) {
  dup3(fd, number, close_on_exec ? O_CLOEXEC : 0);
  close(fd);
  return number;
}

int main(int argc, char **argv) {
  if (argc > 1) {
    say("  %s %s, NAME=%s, %s", argv[0], argv[1], getenv("NAME"), (char *)getauxval(AT_EXECFN));
    return 7;
  }
  int self = numbered(open("/proc/self/exe", O_RDONLY), 50, 0);
  int place = numbered(open("/proc/self/exe", O_PATH | O_CLOEXEC), 51, 1);
  run("program", self, "", AT_EMPTY_PATH);
  run("place, closed on exec", place, "", AT_EMPTY_PATH);
  run("without the flag", self, "", 0);
  run("unknown flag", self, "", AT_EMPTY_PATH | 0x800);
  run("path below a file", self, "name", 0);
  run("bad descriptor", 77, "", AT_EMPTY_PATH);
  run("bad directory", 77, "name", 0);
  run("no path", self, NULL, AT_EMPTY_PATH);
  run("working directory itself", AT_FDCWD, "", AT_EMPTY_PATH);

  if (mkdtemp(directory) == NULL) _exit(97);
  int dir = numbered(open(directory, O_RDONLY | O_DIRECTORY), 52, 0);
  int shut = numbered(open(directory, O_RDONLY | O_DIRECTORY), 53, 1);
  make(dir, "script", "#!/bin/sh\necho \"  $0 $1 $NAME\"\nexit 5\n", 0755);
  make(dir, "data", "neither\n", 0755);
  make(dir, "locked", "#!/bin/sh\n", 0644);
  symlinkat("script", dir, "link");
  symlinkat("/proc/self/exe", dir, "program");
  run("directory", dir, "", AT_EMPTY_PATH);
  run("script below", dir, "script", 0);
  run("script below, not following", dir, "script", AT_SYMLINK_NOFOLLOW);
  run("link below", dir, "link", 0);
  run("link below, not following", dir, "link", AT_SYMLINK_NOFOLLOW);
  run("script below what is closed", shut, "script", 0);
  run("program below what is closed", shut, "program", 0);
  run("data below", dir, "data", 0);
  run("not executable", dir, "locked", 0);
  run("missing", dir, "missing", 0);
  run("absolute", 77, "/bin/false", 0);
  run("absolute, closed", shut, "/bin/false", AT_EMPTY_PATH);

  int script = numbered(openat(dir, "script", O_RDONLY), 54, 0);
  int lost = numbered(openat(dir, "script", O_RDONLY), 55, 1);
  run("script", script, "", AT_EMPTY_PATH);
  run("script, closed on exec", lost, "", AT_EMPTY_PATH);
  int link = numbered(openat(dir, "link", O_PATH | O_NOFOLLOW), 56, 0);
  run("link itself", link, "", AT_EMPTY_PATH);
  int writer = numbered(openat(dir, "script", O_WRONLY), 57, 0);
  run("script that is written to", script, "", AT_EMPTY_PATH);
  close(writer);
  int ends[2];
  if (pipe(ends)) _exit(97);
  run("pipe", ends[0], "", AT_EMPTY_PATH);

  int memory = numbered(SYS_2(SYS_memfd_create, "m", 0), 58, 0);
  if (write(memory, "#!/bin/sh\necho \"  $0 $1\"\n", 25) != 25) _exit(97);
  run("script in memory", memory, "", AT_EMPTY_PATH);
  fcntl(memory, F_SETFD, FD_CLOEXEC);
  run("script in memory, closed on exec", memory, "", AT_EMPTY_PATH);

  chdir(directory);
  run("in the working directory", AT_FDCWD, "script", 0);
  const char *names[] = {"script", "data", "locked", "link", "program"};
  for (int i = 0; i < 5; i++)
    unlink(names[i]);
  run("script without a name", script, "", AT_EMPTY_PATH);
  rmdir(directory);
  return 0;
}
