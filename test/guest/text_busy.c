// ETXTBSY: a running program is not written to, and what is being written is not run.
//@ needs: files exec
#include "guest.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char copy[] = "/tmp/text_busy.XXXXXX";

static void copy_self(void) {
  int from = open("/proc/self/exe", O_RDONLY), to = mkstemp(copy);
  char buffer[65536];
  for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0;)
    if (write(to, buffer, n) != n) _exit(97);
  fchmod(to, 0755);
  close(from);
  close(to);
}

static long run(const char *argument) {
  pid_t child = fork();
  if (child == 0) {
    execl(copy, copy, argument, NULL);
    _exit(errno);
  }
  int status;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

static void opened(const char *what, int flags) {
  long fd = SYS_3(SYS_open, copy, flags, 0);
  outcome(what, fd);
  if (!failed(fd)) close(fd);
}

int main(int count, char **arguments) {
  if (count == 3) { // the copy, running
    strcpy(copy, arguments[0]);
    opened("write", O_WRONLY);
    opened("read and write", O_RDWR);
    opened("truncate by reading", O_RDONLY | O_TRUNC);
    opened("read", O_RDONLY);
    outcome("truncate", SYS_2(SYS_truncate, copy, 100));
    outcome("chmod", SYS_2(SYS_chmod, copy, 0700));
    if (fork() == 0) {
      opened("write in a child", O_WRONLY);
      _exit(0);
    }
    wait(NULL);
    return 42;
  }
  if (count == 2) return 0;
  copy_self();
  pid_t child = fork();
  if (child == 0) {
    execl(copy, copy, "one", "two", NULL);
    _exit(errno);
  }
  int status;
  waitpid(child, &status, 0);
  say("the copy ended with %d", WEXITSTATUS(status));
  opened("write afterwards", O_WRONLY);
  int fd = open(copy, O_WRONLY);
  value("run while it is open for writing", run("x"));
  close(fd);
  value("run when it is closed", run("x"));
  fd = open(copy, O_RDONLY);
  value("run while it is open for reading", run("x"));
  unlink(copy);
  return 0;
}
