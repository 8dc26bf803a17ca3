// Calls on files at their limits: none may hold the kernel thread.
//@ args: epoll
//@ args-once: transfers
//@ args-once: allocate
//@ args: directory
//@ args: tree
//@ args: descriptors
//@ args: poll
//@ args-once: locks
//@ args: inotify
//@ args: vectors
//@ args: lists
//@ args: large_pipes
//@ cflags: -Wno-unused-result
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static void raise_files(long n) {
  struct rlimit limit = {n, n};
  if (setrlimit(RLIMIT_NOFILE, &limit)) say("BAD setrlimit: %d", errno);
}

static void mount_tmpfs(void) {
  if (unshare(CLONE_NEWNS)) _exit(1);
  if (mount("x", "/mnt", "tmpfs", 0, NULL)) _exit(2);
  if (chdir("/mnt")) _exit(3);
}

// One file under many descriptors: one closes the set, one closes the descriptors first, one ends.
static void epoll(void) {
  raise_files(70000);
  for (int how = 0; how < 3; how++) {
    if (fork() == 0) {
      int set = epoll_create1(0), file = eventfd(0, 0);
      struct epoll_event event = {.events = EPOLLIN | EPOLLET};
      for (int i = 0; i < 60000; i++) {
        int copy = dup(file);
        if (copy < 0 || epoll_ctl(set, EPOLL_CTL_ADD, copy, &event)) break;
      }
      eventfd_write(file, 1);
      struct epoll_event got[1024];
      epoll_wait(set, got, 1024, 0);
      eventfd_write(file, 1);
      if (how == 0) close(set);
      if (how == 1) close_range(file, 69999, 0);
      _exit(0);
    }
    wait(NULL);
  }
}

static char *big;
#define BIG (2l << 30)

static void transfers(void) {
  mount_tmpfs();
  big = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  // Many pieces of the same memory: the kernel works, the host's memory is spared.
  enum { PIECE = 8 << 20, COUNT = 256 };
  struct iovec pieces[COUNT];
  for (int i = 0; i < COUNT; i++)
    pieces[i] = (struct iovec){big, PIECE};
  int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY),
      random = open("/dev/urandom", O_RDONLY);
  readv(zero, pieces, COUNT);
  writev(null, pieces, COUNT);
  readv(random, pieces, 16);
  SYS_3(SYS_getrandom, big, PIECE, 0);
  write(null, big, PIECE * 16l);
  read(zero, big, PIECE * 16l);
  int file = open("file", O_RDWR | O_CREAT, 0600);
  writev(file, pieces, 64);
  lseek(file, 0, SEEK_SET);
  readv(file, pieces, 64);
  preadv(file, pieces, 64, 0);
  pwritev(file, pieces, 64, 0);
  off_t at = 0;
  sendfile(null, file, &at, PIECE * 64l);
  int other = open("other", O_RDWR | O_CREAT, 0600);
  off_t to = 0;
  at = 0;
  copy_file_range(file, &at, other, &to, PIECE * 64l, 0);
  fsync(file);
  ftruncate(file, 0);
  unlink("other");
  int sparse = memfd_create("x", 0);
  ftruncate(sparse, BIG);
  for (int i = 0; i < 4; i++)
    preadv(sparse, pieces, 64, i * PIECE * 64l);
  at = 0;
  sendfile(null, sparse, &at, BIG);
  int ends[2];
  if (pipe(ends)) _exit(1);
  if (fork() == 0) {
    close(ends[0]);
    for (int i = 0; i < 8; i++)
      write(ends[1], big, PIECE);
    _exit(0);
  }
  close(ends[1]);
  while (splice(ends[0], NULL, null, NULL, BIG, 0) > 0)
    continue;
  wait(NULL);
}

static void allocate(void) {
  mount_tmpfs();
  int file = open("file", O_RDWR | O_CREAT, 0600);
  long size = 2l << 30;
  for (int i = 0; i < 2; i++) {
    if (fallocate(file, 0, 0, size)) say("fallocate: %d", errno);
    if (i == 0) fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, size);
    if (i == 1) ftruncate(file, 0);
  }
  fallocate(file, 0, 0, size);
  unlink("file");
  close(file);
  file = memfd_create("x", 0);
  fallocate(file, 0, 0, size);
  close(file);
}

static void read_all(const char *path) {
  static char entries[1 << 20];
  int dir = open(path, O_RDONLY | O_DIRECTORY);
  while (SYS_3(SYS_getdents64, dir, entries, sizeof entries) > 0)
    continue;
  lseek(dir, 0, SEEK_SET);
  SYS_3(SYS_getdents64, dir, entries, sizeof entries);
  close(dir);
}

static long make_files(const char *prefix, long count) {
  char path[256];
  long i = 0;
  for (; i < count; i++) {
    snprintf(path, sizeof path, "%s%ld", prefix, i);
    if (mknod(path, S_IFREG | 0600, 0)) break;
  }
  return i;
}

static void directory(void) {
  mount_tmpfs();
  mkdir("big", 0755);
  make_files("big/file-with-a-name-", 60000);
  read_all("big");
  rename("big", "other");
  read_all("other");
  rmdir("other");
  make_files("/tmp/long_files-", 5000);
  read_all("/tmp");
  read_all("/usr/bin");
  char path[64];
  for (int i = 0; i < 5000; i++) {
    snprintf(path, sizeof path, "/tmp/long_files-%d", i);
    unlink(path);
  }
  chdir("/");
  umount2("/mnt", MNT_DETACH);
}

static void tree(void) {
  mount_tmpfs();
  for (int i = 0; i < 10000; i++)
    if (mkdir("d", 0755) || chdir("d")) break;
  char name[8192];
  SYS_2(SYS_getcwd, name, sizeof name);
  int here = open(".", O_RDONLY);
  snprintf(name, 64, "/proc/self/fd/%d", here);
  char link[4096];
  readlink(name, link, sizeof link);
  chdir("/mnt");
  rename("d", "e");
  mkdir("x", 0755);
  rename("e", "x/e");
  // Forty links of the longest names, each through the next.
  char target[4096];
  for (int i = 0; i < 40; i++) {
    int at = 0;
    while (at < 4080)
      at += snprintf(target + at, 5, "x/..") ? 4 : 0, target[at++] = '/';
    snprintf(target + at, 8, i ? "l%d" : "x", i - 1);
    char path[8];
    snprintf(path, sizeof path, "l%d", i);
    symlink(target, path);
  }
  struct stat status;
  for (int i = 0; i < 20; i++)
    stat("l39", &status);
  setgid(12345);
  gid_t groups[65536];
  for (int i = 0; i < 65536; i++)
    groups[i] = 100000 + i * 2;
  setgroups(65536, groups);
  chmod("x", 0750);
  if (fork() == 0) {
    setresuid(1000, 1000, 1000);
    for (int i = 0; i < 20; i++)
      stat("l39", &status);
    _exit(0);
  }
  wait(NULL);
  chdir("/");
  umount2("/mnt", MNT_DETACH);
}

static void descriptors(void) {
  raise_files(1000000);
  for (int how = 0; how < 4; how++) {
    if (fork() == 0) {
      for (long i = 0; i < 100000; i++)
        if (how < 2 ? open("/dev/null", O_RDONLY) < 0 : dup(0) < 0) break;
      dup2(0, 999999);
      if (how == 0) close_range(3, ~0u, 0);
      if (how == 1) close_range(3, ~0u, CLOSE_RANGE_CLOEXEC), execl("/bin/true", "true", NULL);
      if (how == 2) {
        if (fork() == 0) _exit(0);
        wait(NULL);
        close_range(3, ~0u, CLOSE_RANGE_UNSHARE);
      }
      _exit(0);
    }
    wait(NULL);
  }
}

static void many_polled(void) {
  raise_files(100000);
  static struct pollfd fds[100000];
  int ends[2];
  if (pipe(ends)) _exit(1);
  for (int i = 0; i < 100000; i++)
    fds[i] = (struct pollfd){ends[0], POLLIN, 0};
  for (int i = 0; i < 3; i++)
    poll(fds, 100000, 1);
  for (int i = 0; i < 90000; i++)
    if (dup(ends[0]) < 0) break;
  for (int i = 0; i < 90000; i++)
    fds[i].fd = i;
  for (int i = 0; i < 3; i++)
    poll(fds, 90000, 1);
  static unsigned long set[2000];
  for (int i = 0; i < 1400; i++)
    set[i] = -1ul;
  struct timeval time = {0, 1000};
  for (int i = 0; i < 3; i++)
    SYS_5(SYS_select, 89000, set, 0, 0, &time);
  if (fork() == 0) {
    poll(fds, 90000, 5000);
    _exit(0);
  }
  usleep(200000);
  write(ends[1], "x", 1);
  wait(NULL);
}

#define LOCKS 6000

static void locks(void) {
  mount_tmpfs();
  int file = open("file", O_RDWR | O_CREAT, 0600);
  struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  fcntl(file, F_SETLK, &all);
  flock(file, LOCK_EX);
  pid_t waiters[800];
  for (int i = 0; i < 800; i++)
    if ((waiters[i] = fork()) == 0) {
      int own = open("file", O_RDWR);
      if (i % 2) {
        struct flock one = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = i, .l_len = 1};
        fcntl(own, F_SETLKW, &one);
      } else
        flock(own, LOCK_EX);
      _exit(0);
    }
  usleep(300000);
  all.l_type = F_UNLCK;
  fcntl(file, F_SETLK, &all);
  flock(file, LOCK_UN);
  close(file);
  for (int i = 0; i < 800; i++)
    wait(NULL);
  if (fork() == 0) {
    file = open("file", O_RDWR);
    for (long i = 0; i < LOCKS; i++) {
      struct flock one = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = i * 2, .l_len = 1};
      if (fcntl(file, F_SETLK, &one)) break;
    }
    struct flock test = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fork() == 0) {
      for (int i = 0; i < 20; i++)
        fcntl(file, F_GETLK, &test);
      _exit(0);
    }
    wait(NULL);
    fcntl(file, F_SETLK, &test);
    test.l_type = F_UNLCK;
    fcntl(file, F_SETLK, &test);
    for (long i = 0; i < LOCKS; i++) {
      struct flock one = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = i * 2, .l_len = 1};
      if (fcntl(file, F_SETLK, &one)) break;
    }
    _exit(0);
  }
  wait(NULL);
}

static void watches(void) {
  mount_tmpfs();
  mkdir("d", 0755);
  int instances[128], n = 0;
  for (; n < 120; n++)
    if ((instances[n] = inotify_init1(IN_NONBLOCK)) < 0) break;
  for (int i = 0; i < 500; i++) {
    char path[32];
    snprintf(path, sizeof path, "d/%d", i);
    mknod(path, S_IFREG | 0600, 0);
    for (int j = 0; j < n; j++)
      inotify_add_watch(instances[j], path, IN_ALL_EVENTS);
  }
  for (int i = 0; i < 500; i++) {
    char path[32];
    snprintf(path, sizeof path, "d/%d", i);
    chmod(path, 0644);
    unlink(path);
  }
  for (int j = 0; j < n; j++)
    close(instances[j]);
  // One instance with all the watches there may be.
  int one = inotify_init1(0);
  for (int i = 0; i < 20000; i++) {
    char path[32];
    snprintf(path, sizeof path, "d/%d", i);
    mknod(path, S_IFREG | 0600, 0);
    if (inotify_add_watch(one, path, IN_ALL_EVENTS) < 0) break;
  }
  close(one);
}

// As many short pieces as a vector may have, and xattrs.
static void vectors(void) {
  mount_tmpfs();
  struct iovec pieces[1024];
  char byte[1024];
  for (int i = 0; i < 1024; i++)
    pieces[i] = (struct iovec){byte, 1};
  int file = open("file", O_RDWR | O_CREAT, 0600);
  for (int i = 0; i < 100; i++)
    writev(file, pieces, 1024);
  for (int i = 0; i < 100; i++)
    preadv(file, pieces, 1024, 0);
  static char list[65536];
  for (int i = 0; i < 4000; i++) {
    char name[64];
    snprintf(name, sizeof name, "trusted.x%d", i);
    if (fsetxattr(file, name, "x", 1, 0)) break;
  }
  for (int i = 0; i < 20; i++)
    flistxattr(file, list, sizeof list);
}

static void become_somebody(void) {
  if (setgroups(0, NULL) || setgid(1000) || setuid(1000)) _exit(7);
}

// A deep path through directories whose access control lists are as long as can be.
static void lists(void) {
  mount_tmpfs();
  enum { DEPTH = 2000, GROUPS = 8185 };
  static struct {
    uint32_t version;
    struct {
      uint16_t tag, permissions;
      uint32_t id;
    } entries[GROUPS + 4];
  } acl = {.version = 2,
           .entries = {{1, 7, -1}, {4, 0, -1}, [GROUPS + 2] = {16, 7, -1}, [GROUPS + 3] = {32, 7, -1}}};
  for (int i = 0; i < GROUPS; i++) {
    acl.entries[2 + i].tag = 8;
    acl.entries[2 + i].permissions = 7;
    acl.entries[2 + i].id = 100000 + i;
  }
  int made = 0;
  for (; made < DEPTH; made++)
    if (mkdir("d", 0755) || setxattr("d", "system.posix_acl_access", &acl, sizeof acl, 0) || chdir("d"))
      break;
  if (made == 0) say("BAD: no list: %d", errno);
  if (fork() == 0) {
    become_somebody();
    chdir("/mnt");
    static char path[2 * DEPTH + 1];
    for (int i = 0; i < made; i++)
      memcpy(path + 2 * i, "d/", 2);
    struct stat stat_;
    for (int i = 0; i < 5; i++)
      stat(path, &stat_);
    _exit(0);
  }
  wait(NULL);
}

static void set_number(const char *path, const char *value) {
  int file = open(path, O_WRONLY);
  if (file < 0 || write(file, value, strlen(value)) < 0) say("BAD: %s: %d", path, errno);
  close(file);
}

// As large as the system's settings let somebody make them.
static void large_pipes(void) {
  set_number("/proc/sys/fs/pipe-max-size", "2147483648");
  set_number("/proc/sys/fs/pipe-user-pages-soft", "0");
  if (fork() == 0) {
    become_somebody();
    int ends[2];
    if (pipe2(ends, O_NONBLOCK)) _exit(1);
    for (long size = 1 << 30; size > 4096 && fcntl(ends[1], F_SETPIPE_SZ, size) < 0;)
      size /= 2;
    static char bytes[1 << 20];
    while (write(ends[1], bytes, sizeof bytes) > 0)
      ;
    _exit(0);
  }
  wait(NULL);
  set_number("/proc/sys/fs/pipe-max-size", "1048576");
  set_number("/proc/sys/fs/pipe-user-pages-soft", "16384");
}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {{"epoll", epoll},         {"transfers", transfers}, {"allocate", allocate},
             {"directory", directory}, {"tree", tree},           {"descriptors", descriptors},
             {"poll", many_polled},    {"locks", locks},         {"inotify", watches},
             {"vectors", vectors},     {"lists", lists},         {"large_pipes", large_pipes}};

int main(int argc, char **argv) {
  for (unsigned long i = 0; argc > 1 && i < sizeof cases / sizeof *cases; i++)
    if (strcmp(cases[i].name, argv[1]) == 0) cases[i].run();
  return 0;
}
