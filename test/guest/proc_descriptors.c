// What /proc/PID/fdinfo tells of descriptors that are no files, and files of /proc that are more than text:
// changes of mounts are polled for, namespaces are opened, memory is read by address.
//@ needs: proc events inotify mounts pidfd memfd poll
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

// The lines of fdinfo, without numbers that are the machine's own.
static void info(const char *what, int fd) {
  static const char *const own[] = {"mnt_id:", "ino:", "eventfd-id:"};
  char path[64], text[4096];
  sprintf(path, "/proc/self/fdinfo/%d", fd);
  int f = open(path, O_RDONLY);
  long n = read(f, text, sizeof text - 1);
  close(f);
  text[n < 0 ? 0 : n] = 0;
  say("%s", what);
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    int skip = 0;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
      if (!strncmp(line, own[i], strlen(own[i]))) skip = 1;
    char *ino = strstr(line, "ino:"), *mask = strstr(line, " mask:"),
         *ignored = strstr(line, "ignored_mask:0 ");
    if (!strncmp(line, "it_value: (999", 14)) line[14] = 0;
    if (skip)
      say("  %.*s", (int)strcspn(line, ":"), line);
    else if (mask && ino && ignored) {
      *ino = 0;
      *(ignored + 15) = 0;
      say("  %s%s", line, mask);
    } else {
      if (ino) *ino = 0;
      say("  %s", line);
    }
  }
}

static void mount_events(void) {
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return;
  char at[] = "/tmp/proc_descriptors.XXXXXX";
  mkdtemp(at);
  int a = open("/proc/self/mountinfo", O_RDONLY), b = open("/proc/self/mounts", O_RDONLY);
  int c = open("/proc/self/mountstats", O_RDONLY);
  struct pollfd p[3] = {{a, POLLIN | POLLPRI, 0}, {b, POLLPRI, 0}, {c, POLLPRI, 0}};
  const char *const when[] = {"at first", "mounted", "again", "remounted", "gone"};
  for (int i = 0; i < 5; i++) {
    if (i == 1) mount("x", at, "tmpfs", 0, NULL);
    if (i == 3) mount(NULL, at, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
    if (i == 4) umount(at);
    int n = poll(p, 3, 0);
    say("%s: %d ready, %#x %#x %#x", when[i], n, p[0].revents, p[1].revents, p[2].revents);
  }
  int ep = epoll_create1(0);
  struct epoll_event event = {EPOLLPRI | EPOLLET, {.u32 = 1}};
  value("epoll of mountinfo", SYS_4(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, a, &event));
  value("epoll of mountstats", SYS_4(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, c, &event));
  value("events", epoll_wait(ep, &event, 1, 0));
  pid_t child = fork();
  if (child == 0) {
    usleep(50000);
    mount("x", at, "tmpfs", 0, NULL);
    _exit(0);
  }
  p[1].revents = 0;
  value("waited for", poll(p + 1, 1, 10000));
  say("%#x", p[1].revents);
  umount(at);
  rmdir(at);
}

static void namespaces(void) {
  char name[64] = {0}, c;
  struct stat s, l;
  int fd = open("/proc/self/ns/uts", O_RDONLY);
  outcome("open a namespace", fd < 0 ? -errno : 0);
  fstat(fd, &s);
  lstat("/proc/self/ns/uts", &l);
  readlink("/proc/self/ns/uts", name, sizeof name - 1);
  yes_no("its number is its name", strtoul(name + 5, NULL, 10) == s.st_ino);
  say("mode %o, of the link %o, size %ld", s.st_mode, l.st_mode, (long)s.st_size);
  value("read", SYS_3(SYS_read, fd, &c, 1));
  value("write", SYS_3(SYS_write, fd, &c, 1));
  value("kind", SYS_2(SYS_ioctl, fd, 0xb703));
  value("to be written", SYS_2(SYS_open, "/proc/self/ns/uts", O_RDWR));
  value("as a directory", SYS_2(SYS_open, "/proc/self/ns/uts", O_RDONLY | O_DIRECTORY));
  char link[64], shown[64] = {0};
  sprintf(link, "/proc/self/fd/%d", fd);
  readlink(link, shown, sizeof shown - 1);
  yes_no("its descriptor has the same name", !strcmp(name, shown));
  int pid = open("/proc/self/ns/pid_for_children", O_RDONLY), user = open("/proc/self/ns/user", O_RDONLY);
  value("kind", SYS_2(SYS_ioctl, pid, 0xb703));
  value("kind", SYS_2(SYS_ioctl, user, 0xb703));
}

static void memory(void) {
  char *page = pages(2), read[16] = {0};
  strcpy(page + PAGE - 3, "across pages");
  int fd = open("/proc/self/mem", O_RDONLY);
  value("read", pread(fd, read, 12, (off_t)page + PAGE - 3));
  say("%s", read);
  SYS_2(SYS_munmap, page + 2 * PAGE, PAGE);
  value("at 0", SYS_4(SYS_pread64, fd, read, 5, 0));
  value("beyond", SYS_4(SYS_pread64, fd, read, 5, page + 2 * PAGE));
  value("up to the end", SYS_4(SYS_pread64, fd, read, 5, page + 2 * PAGE - 2));
  value("write", SYS_4(SYS_pwrite64, fd, read, 5, page));
  uint64_t entries[3] = {0};
  int map = open("/proc/self/pagemap", O_RDONLY);
  value("pagemap", SYS_4(SYS_pread64, map, entries, 24, ((off_t)page / PAGE) * 8));
  say("present: %d %d %d", (int)(entries[0] >> 63), (int)(entries[1] >> 63), (int)(entries[2] >> 63));
  value("pagemap, 7 bytes", SYS_4(SYS_pread64, map, entries, 7, 0));
  value("pagemap, odd place", SYS_4(SYS_pread64, map, entries, 8, 3));
  value("pagemap, the end", SYS_4(SYS_pread64, map, entries, 8, (1l << 47) / PAGE * 8));
  static const char *const pressures[] = {"cpu", "io", "memory"};
  for (int i = 0; i < 3; i++) {
    char path[40], line[200];
    sprintf(path, "/proc/pressure/%s", pressures[i]);
    int f = open(path, O_RDONLY);
    long n = f < 0 ? -errno : SYS_3(SYS_read, f, line, 200);
    say("%s: %.10s", path, n > 10 ? line : error_name(n));
  }
}

int main(void) {
  int e = eventfd(5, EFD_SEMAPHORE | EFD_NONBLOCK);
  info("eventfd", e);
  SYS_3(SYS_write, e, &(uint64_t){0xfffffffff0}, 8);
  info("eventfd", e);
  int t = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  info("timerfd", t);
  timerfd_settime(t, 0, &(struct itimerspec){{1, 500}, {1000, 0}}, NULL);
  info("timerfd", t);
  timerfd_settime(t, TFD_TIMER_ABSTIME, &(struct itimerspec){{0, 0}, {0, 0}}, NULL);
  info("timerfd", t);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGRTMAX);
  info("signalfd", signalfd(-1, &set, SFD_NONBLOCK));
  int ep = epoll_create1(0);
  struct epoll_event event = {EPOLLIN | EPOLLET, {.u64 = 0x1234567890abcdef}};
  epoll_ctl(ep, EPOLL_CTL_ADD, e, &event);
  info("epoll", ep);
  epoll_ctl(ep, EPOLL_CTL_DEL, e, NULL);
  event = (struct epoll_event){EPOLLOUT | EPOLLONESHOT, {.u64 = 7}};
  epoll_ctl(ep, EPOLL_CTL_ADD, t, &event);
  info("epoll", ep);
  int in = inotify_init();
  inotify_add_watch(in, "/tmp", IN_CREATE | IN_ONLYDIR | IN_DELETE);
  inotify_add_watch(in, "/etc/passwd", IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK);
  info("inotify", in);
  int p[2];
  pipe(p);
  info("pipe", p[0]);
  info("path", open("/tmp", O_PATH | O_CLOEXEC));
  info("memfd", (int)SYS_2(SYS_memfd_create, "x", 0));
  mount_events();
  namespaces();
  memory();
  return 0;
}
