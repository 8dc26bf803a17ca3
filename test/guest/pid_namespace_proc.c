// proc(5) shows the PID namespace of whoever mounts it: who is in its directories, and which numbers its files tell.
//@ needs: fork signals pipes threads pidfd files proc mounts
#include "pid_namespace.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/stat.h>

static int up[2], down[2];

static char *content(const char *path) {
  static char text[8192];
  int fd = open(path, O_RDONLY);
  if (fd < 0) return strcpy(text, strerrorname_np(errno));
  long n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n < 0) return strcpy(text, strerrorname_np(errno));
  text[n] = 0;
  return text;
}

static void listed(const char *what, const char *path) {
  DIR *d = opendir(path);
  if (d == NULL) {
    say("%s: %s", what, strerrorname_np(errno));
    return;
  }
  char text[256] = "";
  for (struct dirent *e; (e = readdir(d)) != NULL;)
    if (e->d_name[0] >= '0' && e->d_name[0] <= '9') strcat(strcat(text, " "), e->d_name);
  closedir(d);
  say("%s:%s", what, text);
}

static void linked(const char *what, const char *path) {
  char text[64] = "";
  say("%s: %s", what, readlink(path, text, sizeof text - 1) < 0 ? strerrorname_np(errno) : text);
}

static void status_of(const char *path) {
  static const char *const names[] = {"Tgid", "Pid", "PPid", "NStgid", "NSpid", "NSpgid", "NSsid"};
  char *text = content(path), line[256];
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(line, sizeof line, "\n%s:", names[i]);
    char *at = strstr(text, line);
    if (at == NULL) {
      say("%s has no %s: %.20s", path, names[i], text);
      return;
    }
    snprintf(line, sizeof line, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
    for (char *c = line; *c; c++)
      if (*c == '\t') *c = ' ';
    say("%s", line);
  }
}

static void stat_of(const char *path) {
  char *text = content(path), *end = strrchr(text, ')');
  int pid = 0, parent, group, session, tty, foreground;
  char state;
  sscanf(text, "%d", &pid);
  if (end == NULL ||
      sscanf(end + 1, " %c %d %d %d %d %d", &state, &parent, &group, &session, &tty, &foreground) < 6)
    say("%s: %.20s", path, text);
  else
    say("%s: %d, parent %d, group %d, session %d", path, pid, parent, group, session);
}

static int mount_proc(const char *where) {
  return mount("proc", where, "proc", 0, NULL) ? -errno : 0;
}

static void *sleeps(void *unused) {
  for (;;)
    pause();
  return unused;
}

static void apart(void) {
  if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) _exit(8);
}

static void within(void) {
  apart();
  value("mounted", mount_proc("/proc"));
  listed("processes", "/proc");
  linked("self", "/proc/self");
  linked("thread-self", "/proc/thread-self");
  status_of("/proc/self/status");
  stat_of("/proc/self/stat");
  if (pipe(up) || pipe(down)) return;
  int pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    pthread_t t;
    pthread_create(&t, NULL, sleeps, NULL);
    int init = fork_into(CLONE_NEWPID);
    if (init == 0) {
      setsid();
      let(up);
      pause();
    }
    pause();
  }
  wait_for(up);
  milliseconds(60);
  listed("processes", "/proc");
  listed("threads", "/proc/2/task");
  status_of("/proc/2/task/3/status");
  say("init below");
  status_of("/proc/4/status");
  stat_of("/proc/4/stat");
  char path[64];
  snprintf(path, sizeof path, "/proc/2/task/2/children");
  say("children: %s", content(path));
  value("a thread's directory", access("/proc/3/stat", F_OK) ? -errno : 0);
  int directory = open("/proc/4", O_RDONLY | O_DIRECTORY);
  value("by a directory", SYS_4(SYS_pidfd_send_signal, directory, SIGKILL, 0, 0));
  kill(2, SIGKILL);
  while (wait(NULL) > 0)
    ;
  milliseconds(60);
  listed("processes", "/proc");
  // The numbers that were given out last.
  int last = -1, last_of_sysctl = -1;
  char *space = strrchr(content("/proc/loadavg"), ' ');
  if (space) last = atoi(space + 1);
  sscanf(content("/proc/sys/kernel/ns_last_pid"), "%d", &last_of_sysctl);
  say("the last number: %d and %d", last, last_of_sysctl);
  int fd = open("/proc/sys/kernel/ns_last_pid", O_RDWR);
  value("set", write(fd, "999", 3) < 0 ? -errno : 0);
  value("the next one", fork() ?: (_exit(0), 0));
  wait(NULL);
  lseek(fd, 0, SEEK_SET);
  value("minus", write(fd, "-1", 2) < 0 ? -errno : 0);
  lseek(fd, 0, SEEK_SET);
  value("words", write(fd, "abc", 3) < 0 ? -errno : 0);
  if (setuid(1000)) return;
  lseek(fd, 0, SEEK_SET);
  value("without rights", write(fd, "77", 2) < 0 ? -errno : 0);
}

// Two mounts, of a namespace and of one below it, and who sees what in which.
static void between(void) {
  apart();
  if (mkdir("/tmp/outer_proc", 0755) && errno != EEXIST) return;
  if (mkdir("/tmp/inner_proc", 0755) && errno != EEXIST) return;
  value("outer", mount_proc("/tmp/outer_proc"));
  if (pipe(up) || pipe(down)) return;
  int init = fork_into(CLONE_NEWPID);
  if (init == 0) {
    value("inner", mount_proc("/tmp/inner_proc"));
    linked("self within", "/tmp/inner_proc/self");
    linked("thread-self within", "/tmp/inner_proc/thread-self");
    char text[64] = "";
    yes_no("self in the outer one is another number",
           readlink("/tmp/outer_proc/self", text, sizeof text - 1) > 0 && strcmp(text, "1") != 0);
    let(up);
    wait_for(down);
    _exit(0);
  }
  wait_for(up);
  linked("self, of who is not there", "/tmp/inner_proc/self");
  value("its files", access("/tmp/inner_proc/self/stat", F_OK) ? -errno : 0);
  listed("who is there", "/tmp/inner_proc");
  status_of("/tmp/inner_proc/1/status");
  stat_of("/tmp/inner_proc/1/stat");
  char path[64], own[64] = "", other[64] = "";
  snprintf(path, sizeof path, "/tmp/outer_proc/%d/ns/pid", init);
  (void)!readlink(path, own, sizeof own - 1);
  (void)!readlink("/tmp/inner_proc/1/ns/pid", other, sizeof other - 1);
  yes_no("by either the same namespace", *own && strcmp(own, other) == 0);
  int pidfd = SYS_2(SYS_pidfd_open, init, 0);
  int file = open("/tmp/inner_proc/1/stat", O_RDONLY);
  let(down);
  reaped("the init", init);
  listed("who is there now", "/tmp/inner_proc");
  value("a file of who is gone", read(file, path, 10) < 0 ? -errno : 0);
  say("uptime: %s", content("/tmp/inner_proc/uptime")[0] > '0' ? "told" : "nothing");
  close(pidfd);
  umount("/tmp/inner_proc"), umount("/tmp/outer_proc");
  rmdir("/tmp/inner_proc"), rmdir("/tmp/outer_proc");
}

// Where it was put by setns it is seen, with a parent that is not.
static void injected(void) {
  apart();
  if (pipe(up) || pipe(down)) return;
  if (unshare(CLONE_NEWPID)) return;
  int init = fork();
  if (init == 0) {
    value("mounted", mount_proc("/proc"));
    let(up);
    wait_for(down);
    stat_of("/proc/2/stat");
    status_of("/proc/2/status");
    say("its children: %s", content("/proc/1/task/1/children"));
    _exit(0);
  }
  wait_for(up);
  int other = fork();
  if (other == 0)
    for (;;)
      pause();
  let(down);
  reaped("the other", other);
  reaped("the init", init);
}

int main(void) {
  inside("within", within);
  say("-- between");
  in_child("between", between);
  in_child("injected", injected);
  return 0;
}
