// Everything that a guest can make grow in the Sentry's memory, each until there is no more to be had: one
// kind at a time, and all of them at once. All goes with the processes.
//@ args-once: symlinks
//@ args-once: xattrs
//@ args: names
//@ args-once: deep
//@ args-once: removed
//@ args: vmas
//@ args: messages
//@ args: epoll
//@ args: timers
//@ args-once: locks
//@ args-once: watches
//@ args-once: mounts
//@ args-once: signals
//@ args-once: pipes
//@ args-once: polls
//@ args-once: groups
//@ args-once: zombies
//@ args-once: readers
//@ args-once: all
//@ ends: 0
//@ deadline: 120
#include "hostile.h"
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static char big[65536];

static void many_descriptors(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

// Each gives how many there were when there was no room for one more, or when that was enough.

static long symlinks(void) {
  memset(big, 'l', 4000);
  for (long i = 0;; i++) {
    char name[32];
    snprintf(name, sizeof name, "l%ld", i);
    big[4000] = 0;
    if (i == 200000 || symlink(big, name)) return i;
  }
}

static long xattrs(void) {
  for (long i = 0;; i++) {
    char name[32];
    snprintf(name, sizeof name, "x%ld", i);
    int fd = open(name, O_CREAT | O_WRONLY, 0600);
    if (i == 10000 || fd < 0) return i;
    int error = fsetxattr(fd, "user.a", big, 65000, 0) || fsetxattr(fd, "user.b", big, 65000, 0);
    for (int j = 0; j < 20 && !error && i < 100; j++) {
      snprintf(name, sizeof name, "user.%d", j);
      fsetxattr(fd, name, "", 0, 0);
    }
    close(fd);
    if (error) return i;
  }
}

static long names(void) {
  static char name[256];
  memset(name, 'n', 255);
  for (long i = 0;; i++) {
    snprintf(name, 20, "%010ld", i);
    name[10] = 'n';
    if (i == 300000 || mknod(name, S_IFREG | 0600, 0)) return i;
  }
}

static long deep(void) {
  for (long i = 0;; i++)
    if (i == 100000 || mkdir("d", 0700) || chdir("d")) return i;
}

// Chains of removed directories, each kept by who has its last one open.
static long removed(void) {
  for (long i = 0;; i++) {
    int fds[201], made = 0, error = 0;
    fds[0] = open(".", O_RDONLY | O_DIRECTORY);
    for (; made < 200 && !error; made++) {
      error = mkdirat(fds[made], "d", 0700);
      fds[made + 1] = error ? -1 : openat(fds[made], "d", O_RDONLY | O_DIRECTORY);
      error = fds[made + 1] < 0;
    }
    for (int j = made - 1; j >= 0; j--) {
      unlinkat(fds[j], "d", AT_REMOVEDIR);
      close(fds[j]);
    }
    if (error || i == 1500) return i * 200;
  }
}

static long split(void) {
  char *at = mmap(NULL, 64000 * 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (long i = 0;; i++)
    if (i == 32000 || mprotect(at + 2 * i * PAGE, PAGE, PROT_READ | PROT_WRITE)) return i;
}

static long vmas(void) {
  long i = split();
  for (int children = 0; children < 40; children++) {
    pid_t child = fork();
    if (child < 0) break;
    if (child == 0) pause();
    i += 64000;
  }
  return i;
}

static long messages(void) {
  for (long i = 0;; i++) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair)) return i;
    for (int j = 0; j < 10; j++)
      if (send(pair[0], big, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN) return i;
  }
}

static long epoll(void) {
  int pair[2];
  if (pipe(pair)) return 0;
  for (long count = 0;;) {
    int set = epoll_create1(0);
    if (set < 0) return count;
    for (int i = 0; i < 1000; i++) {
      int fd = i == 0 ? pair[0] : fcntl(pair[0], F_DUPFD, 3);
      struct epoll_event event = {.events = EPOLLIN};
      if (fd < 0 || epoll_ctl(set, EPOLL_CTL_ADD, fd, &event)) return count;
      count++;
    }
    if (count >= 300000) return count;
  }
}

static long timers(void) {
  struct rlimit signals = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_SIGPENDING, &signals);
  for (long i = 0;; i++) {
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    struct itimerspec time = {{0, 0}, {1000 + i, 0}};
    timer_t timer;
    if (i == 200000 || timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &time, NULL))
      return i;
  }
}

static long locks(void) {
  int fd = open("locked", O_RDWR | O_CREAT, 0600);
  for (long i = 0;; i++) {
    struct flock lock = {.l_type = F_WRLCK, .l_start = 2 * (i % 2000), .l_len = 1};
    if (i % 2000 == 0) {
      char name[32];
      snprintf(name, sizeof name, "locked%ld", i / 2000);
      fd = open(name, O_RDWR | O_CREAT, 0600);
    }
    if (i == 100000 || fcntl(fd, F_SETLK, &lock)) return i;
  }
}

static long watches(void) {
  int instance = inotify_init1(IN_NONBLOCK);
  for (long i = 0;; i++) {
    char name[32];
    snprintf(name, sizeof name, "w%ld", i);
    int fd = open(name, O_CREAT | O_WRONLY, 0600);
    if (fd < 0 || inotify_add_watch(instance, name, IN_ALL_EVENTS) < 0) return i;
    close(fd);
    chmod(name, 0640);
  }
}

static long mounts(void) {
  if (unshare(CLONE_NEWNS)) return 0;
  memset(big, 's', 4000);
  for (long i = 0;; i++)
    if (mount(big, ".", "tmpfs", 0, NULL)) return i;
}

static long signals(void) {
  struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_SIGPENDING, &limit);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, NULL);
  for (long i = 0;; i++)
    if (sigqueue(getpid(), SIGRTMIN, (union sigval){0})) return i;
}

static long pipes(void) {
  for (long i = 0;; i++) {
    int ends[2];
    if (pipe2(ends, O_NONBLOCK)) return i;
    while (write(ends[1], big, sizeof big) > 0)
      continue;
  }
}

static struct pollfd polled[4096];

static void *polls_on(void *unused) {
  poll(polled, 4096, -1);
  return unused;
}

static long polls(void) {
  int ends[2];
  if (pipe(ends)) return 0;
  for (int i = 0; i < 4096; i++)
    polled[i] = (struct pollfd){ends[0], POLLIN, 0};
  for (long i = 0;; i++) {
    pthread_t thread;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    if (i == 400 || pthread_create(&thread, &small, polls_on, NULL)) return i;
  }
}

static long groups(void) {
  static gid_t list[8000];
  for (int i = 0; i < 8000; i++)
    list[i] = i;
  if (setgroups(8000, list)) return 0;
  for (long i = 0;; i++) {
    pid_t child = i == 400 ? -1 : fork();
    if (child < 0) return i;
    if (child == 0) pause();
  }
}

static long zombies(void) {
  for (long i = 0;; i++) {
    pid_t child = i == 2000 ? -1 : fork();
    if (child < 0) return i;
    if (child == 0) _exit(0);
  }
}

static long readers(void) {
  for (long i = 0;; i++) {
    int fd = open(i % 2 ? "/proc/self/smaps" : "/proc/self/status", O_RDONLY);
    char byte;
    if (fd < 0 || read(fd, &byte, 1) != 1) return i;
  }
}

static const struct {
  const char *name;
  long (*fill)(void);
} KINDS[] = {
    {"symlinks", symlinks}, {"xattrs", xattrs},   {"names", names},       {"deep", deep},
    {"removed", removed},   {"vmas", vmas},       {"messages", messages}, {"epoll", epoll},
    {"timers", timers},     {"locks", locks},     {"watches", watches},   {"mounts", mounts},
    {"signals", signals},   {"pipes", pipes},     {"polls", polls},       {"groups", groups},
    {"zombies", zombies},   {"readers", readers},
};
enum { COUNT = sizeof KINDS / sizeof *KINDS };

// In a directory and a process group of its own. Says when it is full, and stays so.
static pid_t fill(int kind, const char *directory, int told) {
  pid_t child = fork();
  if (child != 0) return child;
  setpgid(0, 0);
  many_descriptors();
  if (mkdir(directory, 0700) && errno != EEXIST) _exit(1);
  if (chdir(directory)) _exit(1);
  long count = KINDS[kind].fill();
  say("%s: %ld, %s", KINDS[kind].name, count, error_name(-errno));
  if (write(told, "f", 1) != 1) _exit(1);
  for (;;)
    pause();
}

// Takes nearly all of the room, by few calls: what is left is as much as some of its children had. They stay.
static pid_t take_most(int told) {
  enum { CHILDREN = 60, LEFT = 5 };
  pid_t child = fork(), children[CHILDREN];
  if (child != 0) return child;
  setpgid(0, 0);
  split();
  int n = 0;
  for (; n < CHILDREN && (children[n] = fork()) >= 0; n++)
    if (children[n] == 0) pause();
  for (int i = 0; i < LEFT && n > 0; i++) {
    kill(children[--n], SIGKILL);
    waitpid(children[n], NULL, 0);
  }
  if (write(told, "f", 1) != 1) _exit(1);
  for (;;)
    pause();
}

int main(int argc, char **argv) {
  // A file system of its own, which goes with the last process.
  if (argc < 2 || unshare(CLONE_NEWNS) || mount("x", "/mnt", "tmpfs", 0, NULL) || chdir("/mnt")) return 1;
  int told[2];
  if (pipe(told)) return 1;
  int all = strcmp(argv[1], "all") == 0, running = 0;
  static pid_t children[COUNT];
  char byte;
  // All of them together would take minutes to fill it, each in its turn.
  pid_t most = all ? take_most(told[1]) : 0;
  if (most && read(told[0], &byte, 1) != 1) return 1;
  for (int i = 0; i < COUNT; i++)
    if (all || strcmp(argv[1], KINDS[i].name) == 0) {
      children[i] = fill(i, KINDS[i].name, told[1]);
      running++;
    }
  for (int i = 0; i < running; i++)
    if (read(told[0], &byte, 1) != 1) return 1;
  for (int i = 0; i < COUNT; i++)
    if (children[i] > 0) kill(-children[i], SIGKILL);
  if (most > 0) kill(-most, SIGKILL);
  while (wait(NULL) > 0)
    continue;
  return 0;
}
