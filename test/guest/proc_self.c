// /proc of the process itself: what libraries and tools read there.
//@ needs: proc
//@ args: one two
#include "guest.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char text[1 << 16];

static long slurp(const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return -errno;
  long n = 0, r;
  while ((r = read(fd, text + n, sizeof text - 1 - n)) > 0)
    n += r;
  close(fd);
  text[n] = 0;
  return r < 0 ? -errno : n;
}

static void line_of(const char *path, const char *start) {
  slurp(path);
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    if (!strncmp(line, start, strlen(start))) say("%s", line);
}

int main(int argc, char **argv) {
  (void)argc;
  long n = slurp("/proc/self/cmdline");
  for (long i = 0; i < n; i++)
    if (!text[i]) text[i] = '|';
  char *slash = strrchr(text, '/');
  say("cmdline %s", slash ? slash + 1 : text);
  n = slurp("/proc/self/environ");
  yes_no("environ", n > 0 && strstr(text, "PATH=") == text);
  int alike = 0;
  for (int i = 0; i < 20; i++) {
    static char own[1 << 16];
    long length = slurp("/proc/self/cmdline");
    memcpy(own, text, length);
    pid_t child = fork();
    if (child == 0) _exit(0 * pause());
    char path[64];
    sprintf(path, "/proc/%d/cmdline", child);
    int same = slurp(path) == length && !memcmp(own, text, length);
    sprintf(path, "/proc/%d/environ", child);
    alike += same && slurp(path) == n;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
  value("a child's are the same at once", alike);
  value("comm", slurp("/proc/self/comm"));
  say(" %s", text);
  int fd = open("/proc/self/comm", O_WRONLY);
  value("write comm", write(fd, "renamed by proc file\n", 21));
  close(fd);
  slurp("/proc/self/comm");
  say(" %s", text);
  char name[17] = {0};
  prctl(PR_GET_NAME, name);
  say(" prctl %s", name);
  char link[PATH_MAX] = {0};
  yes_no("exe", readlink("/proc/self/exe", link, sizeof link) > 0 && strstr(link, "proc_self"));
  memset(link, 0, sizeof link);
  chdir("/usr");
  readlink("/proc/self/cwd", link, sizeof link - 1);
  say("cwd %s", link);
  memset(link, 0, sizeof link);
  readlink("/proc/self/root", link, sizeof link - 1);
  say("root %s", link);
  struct stat a, b;
  stat("/proc/self/exe", &a);
  stat(argv[0], &b);
  yes_no("exe is the program", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
  value("exe/ is no directory", open("/proc/self/exe/x", O_RDONLY) < 0 ? -errno : 0);

  int other = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", other);
  memset(link, 0, sizeof link);
  readlink(path, link, sizeof link - 1);
  say("fd %s", link);
  lstat(path, &a);
  say("mode %o size %ld", a.st_mode, (long)a.st_size);
  int again = open(path, O_RDONLY);
  yes_no("reopened", again >= 0);
  char c = 0, d = 0;
  pread(other, &c, 1, 0);
  read(again, &d, 1);
  yes_no("same file, own offset", c == d && lseek(other, 0, SEEK_CUR) == 0);
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", other);
  lseek(other, 5, SEEK_SET);
  line_of(path, "pos:");
  line_of(path, "flags:");
  value("fd 999", open("/proc/self/fd/999", O_RDONLY) < 0 ? -errno : 0);
  // Whoever runs the test may leave descriptors open: only the standard ones are looked for.
  int standard = 0;
  DIR *dir = opendir("/proc/self/fd");
  for (struct dirent *e; (e = readdir(dir));)
    standard += strlen(e->d_name) == 1 && strchr("012", e->d_name[0]) != NULL;
  closedir(dir);
  value("standard streams in fd", standard);

  line_of("/proc/self/status", "Threads:");
  line_of("/proc/self/status", "SigBlk:");
  line_of("/proc/self/status", "SigCgt:");
  line_of("/proc/self/status", "NoNewPrivs:");
  line_of("/proc/self/status", "State:");
  line_of("/proc/self/status", "Umask:");
  line_of("/proc/self/limits", "Limit");
  slurp("/proc/self/stat");
  char *behind = strrchr(text, ')');
  int fields = 2;
  for (char *p = behind; *p; p++)
    fields += *p == ' ';
  value("fields of stat", fields);
  say("state %c", behind[2]);
  slurp("/proc/self/maps");
  yes_no("maps: stack", strstr(text, "[stack]\n") != NULL);
  char *first = strchr(text, '\n');
  *first = 0;
  yes_no("maps: the program comes first", strstr(text, "proc_self") && strchr(text, '/') == text + 73);
  int mapsfd = open("/proc/self/maps", O_RDONLY);
  value("seek to the end", lseek(mapsfd, 0, SEEK_END) < 0 ? -errno : 0);
  value("write to maps", open("/proc/self/maps", O_WRONLY) >= 0);
  value("statm", slurp("/proc/self/statm") > 10);
  value("create", open("/proc/self/nothing", O_CREAT | O_RDWR, 0600) < 0 ? -errno : 0);
  value("mkdir", mkdir("/proc/nothing", 0700) < 0 ? -errno : 0);
  value("unlink", unlink("/proc/self/stat") < 0 ? -errno : 0);
  value("pid 0", open("/proc/0", O_RDONLY) < 0 ? -errno : 0);

  // A child that is gone but was not waited for, and one that is gone for good.
  pid_t child = fork();
  if (child == 0) _exit(3);
  siginfo_t info;
  waitid(P_PID, child, &info, WEXITED | WNOWAIT);
  snprintf(path, sizeof path, "/proc/%d/cmdline", child);
  value("cmdline of a zombie", slurp(path));
  snprintf(path, sizeof path, "/proc/%d/status", child);
  line_of(path, "State:");
  int status = open(path, O_RDONLY);
  waitpid(child, NULL, 0);
  value("read after the end", read(status, text, 100) < 0 ? -errno : 0);
  value("open after the end", open(path, O_RDONLY) < 0 ? -errno : 0);
  return 0;
}
