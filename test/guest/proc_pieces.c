// Files of /proc read in pieces and at positions; what they show when their process has become another since
// they were opened, or does not want to be looked at.
//@ needs: proc
#include "guest.h"
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static char whole[1 << 20], pieces[1 << 20];

static long read_by(int fd, char *into, long step) {
  long done = 0;
  for (long n; (n = read(fd, into + done, step)) > 0;)
    done += n;
  return done;
}

// In pieces, and at positions in any order, a file is the same.
static void in_pieces(const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/%s", name);
  int fd = open(path, O_RDONLY);
  if (fd < 0) {
    say("%s: %s", name, error_name(-errno));
    return;
  }
  long length = read_by(fd, whole, sizeof whole);
  lseek(fd, 0, SEEK_SET);
  int same = read_by(fd, pieces, 1) == length && memcmp(whole, pieces, length) == 0;
  lseek(fd, 0, SEEK_SET);
  same += read_by(fd, pieces, 1000) == length && memcmp(whole, pieces, length) == 0;
  for (long at = length - 1; at > 0; at = at * 3 / 4) {
    char byte = 0;
    if (pread(fd, &byte, 1, at) != 1 || byte != whole[at]) same = -100;
  }
  lseek(fd, length / 2, SEEK_SET);
  same += read_by(fd, pieces, 777) == length - length / 2 &&
          memcmp(whole + length / 2, pieces, length - length / 2) == 0;
  say("%s: %s, same %d", name, length > 0 ? "something" : "nothing", same);
  value("beyond", pread(fd, pieces, 1, length + 100));
  value("end", read(fd, pieces, 1));
  close(fd);
}

static const char *const OPENED[] = {"maps", "smaps", "environ", "auxv", "cmdline", "mounts", "limits", "io"};
enum { FILES = sizeof OPENED / sizeof *OPENED };
static int fds[FILES];

static void open_all(pid_t pid) {
  for (int i = 0; i < FILES; i++) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, OPENED[i]);
    fds[i] = open(path, O_RDONLY);
  }
}

static void show_all(const char *when) {
  for (int i = 0; i < FILES; i++) {
    char text[200];
    long n = pread(fds[i], text, sizeof text, 0);
    say("%s %s: %s", when, OPENED[i], n < 0 ? error_name(-errno) : n > 0 ? "something" : "nothing");
  }
}

static void close_all(void) {
  for (int i = 0; i < FILES; i++)
    close(fds[i]);
}

// Whoever reads cannot look into the other one any more.
static void hidden(void) {
  int ready[2], go[2];
  char byte;
  if (pipe(ready) || pipe(go)) return;
  pid_t child = fork();
  if (child == 0) {
    if (setgid(1000) || setuid(1000)) _exit(1);
    prctl(PR_SET_DUMPABLE, 1);
    if (write(ready[1], "r", 1) != 1 || read(go[0], &byte, 1) != 1) _exit(1);
    prctl(PR_SET_DUMPABLE, 0);
    if (write(ready[1], "r", 1) != 1) _exit(1);
    pause();
  }
  read(ready[0], &byte, 1);
  pid_t reader = fork();
  if (reader == 0) {
    if (setgid(1000) || setuid(1000)) _exit(1);
    open_all(child);
    char path[64], text[600] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    int stat = open(path, O_RDONLY);
    write(go[1], "g", 1);
    read(ready[0], &byte, 1);
    show_all("hidden");
    pread(stat, text, sizeof text - 1, 0);
    unsigned long fields[52] = {0};
    char *at = strrchr(text, ')') + 3;
    for (int i = 3; i < 52; i++)
      fields[i] = strtoul(at, &at, 10);
    // Field 26 of proc_pid_stat(5) is where the code starts.
    say("code %lu, end %lu, stack %lu, brk %lu, arguments %lu", fields[25], fields[26], fields[27],
        fields[46], fields[47]);
    _exit(0);
  }
  waitpid(reader, NULL, 0);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    if (write(4, "r", 1) != 1) return 1;
    pause();
  }
  in_pieces("maps");
  in_pieces("mounts");
  in_pieces("mountinfo");
  in_pieces("limits");
  in_pieces("cmdline");
  in_pieces("environ");
  in_pieces("auxv");

  int ready[2], go[2];
  char byte;
  if (pipe(ready) || pipe(go)) return 1;
  pid_t child = fork();
  if (child == 0) {
    if (write(ready[1], "r", 1) != 1 || read(go[0], &byte, 1) != 1) _exit(1);
    dup2(ready[1], 4);
    char *const arguments[] = {argv[0], "again", NULL};
    execve("/proc/self/exe", arguments, NULL);
    _exit(1);
  }
  read(ready[0], &byte, 1);
  open_all(child);
  show_all("before");
  write(go[1], "g", 1);
  read(ready[0], &byte, 1);
  show_all("after exec");
  kill(child, SIGKILL);
  siginfo_t info;
  waitid(P_PID, child, &info, WEXITED | WNOWAIT);
  show_all("zombie");
  waitpid(child, NULL, 0);
  show_all("reaped");
  close_all();
  hidden();
  return 0;
}
