// inotify: which events there are, in which order, and what becomes of watches.
//@ needs: inotify files
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static int fd;
static char directory[64];

static const struct {
  unsigned bit;
  const char *name;
} NAMES[] = {
    {IN_ACCESS, "ACCESS"},           {IN_MODIFY, "MODIFY"},
    {IN_ATTRIB, "ATTRIB"},           {IN_CLOSE_WRITE, "CLOSE_WRITE"},
    {IN_CLOSE_NOWRITE, "CLOSE"},     {IN_OPEN, "OPEN"},
    {IN_MOVED_FROM, "MOVED_FROM"},   {IN_MOVED_TO, "MOVED_TO"},
    {IN_CREATE, "CREATE"},           {IN_DELETE, "DELETE"},
    {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
    {IN_UNMOUNT, "UNMOUNT"},         {IN_Q_OVERFLOW, "Q_OVERFLOW"},
    {IN_IGNORED, "IGNORED"},         {IN_ISDIR, "ISDIR"},
};

// Cookies by the order in which they were seen: the host gives numbers to others in between.
static int cookie_name(unsigned cookie) {
  static unsigned seen[64];
  static int count;
  if (cookie == 0) return 0;
  for (int i = 0; i < count; i++)
    if (seen[i] == cookie) return i + 1;
  if (count < 64) seen[count++] = cookie;
  return count;
}

static void show(const char *what) {
  static char buffer[65536] __attribute__((aligned(8)));
  say("%s", what);
  for (;;) {
    long n = SYS_3(SYS_read, fd, buffer, sizeof buffer);
    if (n <= 0) {
      if (n != -EAGAIN) value("  read", n);
      return;
    }
    for (char *at = buffer; at < buffer + n;) {
      struct inotify_event *e = (void *)at;
      char text[256] = "";
      for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (e->mask & NAMES[i].bit) {
          strcat(text, " ");
          strcat(text, NAMES[i].name);
          e->mask &= ~NAMES[i].bit;
        }
      say("  wd %d%s%s%s%s cookie %d len %u", e->wd, text, e->mask ? " and more" : "", e->len ? " " : "",
          e->len ? e->name : "", cookie_name(e->cookie), e->len);
      at += sizeof *e + e->len;
    }
  }
}

static int watch(const char *path, unsigned mask) {
  return SYS_3(SYS_inotify_add_watch, fd, path, mask);
}

static void put(const char *path, const char *text) {
  int f = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (write(f, text, strlen(text)) < 0) _exit(97);
  close(f);
}

static void names(void) {
  put("a", "hello");
  show("create and write");
  put("a", "again");
  show("truncate and write");
  chmod("a", 0600);
  struct timespec both[2] = {{1, 0}, {2, 0}}, one[2] = {{0, UTIME_OMIT}, {3, 0}};
  utimensat(AT_FDCWD, "a", both, 0);
  show("chmod, utimes of both");
  utimensat(AT_FDCWD, "a", one, 0);
  if (truncate("a", 2)) _exit(97);
  show("utime of one, truncate");
  link("a", "b");
  show("link");
  rename("a", "c");
  show("rename");
  put("d", "x");
  rename("c", "d");
  show("rename over");
  unlink("b");
  show("unlink of one of two");
  mkdir("e", 0755);
  symlink("nowhere", "f");
  mknod("g", S_IFIFO | 0600, 0);
  show("mkdir, symlink, mkfifo");
  rename("e", "h");
  rmdir("h");
  unlink("f");
  unlink("g");
  show("rename and rmdir");
  put("i", "1");
  put("j", "2");
  renameat2(AT_FDCWD, "i", AT_FDCWD, "j", RENAME_EXCHANGE);
  show("exchange");
  setxattr("i", "user.colour", "red", 3, 0);
  removexattr("i", "user.colour");
  show("xattr");
  unlink("i");
  unlink("j");
  show("unlink");
}

static void contents(void) {
  int w = watch("d", IN_ALL_EVENTS);
  value("watch a file", w);
  char buffer[16];
  int f = open("d", O_RDWR);
  if (read(f, buffer, 1) < 0 || pread(f, buffer, 1, 0) < 0) _exit(97);
  show("read");
  if (write(f, "yz", 2) < 0 || ftruncate(f, 1)) _exit(97);
  show("write");
  off_t at = 0;
  int out = open("copy", O_RDWR | O_CREAT, 0600);
  if (sendfile(out, f, &at, 1) < 0) _exit(97);
  close(out);
  show("sendfile");
  posix_fallocate(f, 0, 100);
  fchmod(f, 0644);
  show("fallocate and fchmod");
  if (read(f, buffer, 0)) _exit(97);
  lseek(f, 0, SEEK_END);
  if (read(f, buffer, 1)) _exit(97);
  show("reads of nothing");
  unlink("d");
  show("unlink while it is open");
  fchmod(f, 0600);
  show("fchmod of the nameless");
  close(f);
  show("last close");
  value("remove what is gone", SYS_2(SYS_inotify_rm_watch, fd, w));
  w = watch("copy", IN_ALL_EVENTS);
  unlink("copy");
  show("the copy");
  put("copy", "");
  put("other", "");
  watch("copy", IN_ALL_EVENTS);
  rename("other", "copy");
  show("something moved over it");
  unlink("copy");
  show("unlink");
}

static void list(const char *path) {
  char buffer[4096];
  int f = open(path, O_RDONLY | O_DIRECTORY);
  while (SYS_3(SYS_getdents64, f, buffer, sizeof buffer) > 0)
    ;
  close(f);
}

static void directories(int w) {
  mkdir("sub", 0755);
  show("mkdir");
  list("sub");
  show("list a subdirectory");
  list(".");
  show("list the directory");
  int s = watch("sub", IN_ALL_EVENTS);
  value("watch it", s);
  chmod("sub", 0700);
  put("sub/x", "x");
  rename("sub/x", "y");
  show("things in it");
  rename("sub", "sub2");
  show("rename of it");
  rmdir("sub2");
  show("rmdir of it");
  unlink("y");
  value("remove the watch", SYS_2(SYS_inotify_rm_watch, fd, w));
  put("z", "z");
  show("nobody watches");
  unlink("z");
}

static void masks(void) {
  put("m", "m");
  int w = watch("m", IN_OPEN);
  value("same watch", watch("m", IN_CLOSE | IN_MASK_ADD) == w);
  value("create only", watch("m", IN_CLOSE | IN_MASK_CREATE));
  put("m", "m");
  show("open and close");
  value("same watch", watch("m", IN_MODIFY) == w);
  put("m", "m");
  show("modify");
  value("once", watch("m", IN_OPEN | IN_ONESHOT) == w);
  put("m", "m");
  put("m", "m");
  show("one shot");
  value("add and create", watch("m", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
  value("no events", watch("m", 0));
  value("unknown bits", watch("m", 0x08000000));
  value("only a directory", watch("m", IN_OPEN | IN_ONLYDIR));
  symlink("m", "link");
  int l = watch("link", IN_ATTRIB | IN_DELETE_SELF | IN_DONT_FOLLOW);
  value("a link", l > 0);
  unlink("link");
  show("unlink of the link");
  value("nothing there", watch("nothing", IN_OPEN));
  value("bad address", SYS_3(SYS_inotify_add_watch, fd, 8, IN_OPEN));
  value("bad descriptor", SYS_3(SYS_inotify_add_watch, 99, "m", IN_OPEN));
  value("wrong descriptor", SYS_3(SYS_inotify_add_watch, 1, "m", IN_OPEN));
  value("rm bad descriptor", SYS_2(SYS_inotify_rm_watch, 99, 1));
  value("rm wrong descriptor", SYS_2(SYS_inotify_rm_watch, 1, 1));
  value("rm no watch", SYS_2(SYS_inotify_rm_watch, fd, 12345));
  value("init flags", SYS_1(SYS_inotify_init1, 1));
  int e = watch(".", IN_MODIFY | IN_EXCL_UNLINK);
  int f = open("m", O_WRONLY);
  if (write(f, "1", 1) < 0) _exit(97);
  unlink("m");
  if (write(f, "1", 1) < 0) _exit(97);
  close(f);
  show("excluding the unlinked");
  SYS_2(SYS_inotify_rm_watch, fd, e);
  show("removed");
}

static void queue(void) {
  watch(".", IN_CREATE | IN_DELETE | IN_ATTRIB);
  int n = -1;
  ioctl(fd, FIONREAD, &n);
  say("waiting %d", n);
  put("name", "");
  put("sixteen-letters!", "");
  ioctl(fd, FIONREAD, &n);
  say("waiting %d", n);
  char small[40];
  value("read into 15", SYS_3(SYS_read, fd, small, 15));
  value("read into 40", SYS_3(SYS_read, fd, small, 40));
  value("read into 40", SYS_3(SYS_read, fd, small, 40));
  for (int i = 0; i < 5; i++)
    chmod("name", 0600);
  show("the same again");
  struct pollfd p = {fd, POLLIN | POLLOUT, 0};
  value("poll", poll(&p, 1, 0));
  int ep = epoll_create1(0);
  struct epoll_event ev = {EPOLLIN, {0}};
  epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
  value("epoll", epoll_wait(ep, &ev, 1, 0));
  chmod("name", 0644);
  value("poll", poll(&p, 1, 0));
  say("revents %x", p.revents);
  value("epoll", epoll_wait(ep, &ev, 1, 0));
  show("drain");
  for (int i = 0; i < 9000; i++) {
    chmod("name", 0600);
    chmod("sixteen-letters!", 0600);
  }
  long events = 0, overflows = 0, got;
  static char buffer[8192] __attribute__((aligned(8)));
  while ((got = SYS_3(SYS_read, fd, buffer, sizeof buffer)) > 0)
    for (char *at = buffer; at < buffer + got;) {
      struct inotify_event *e = (void *)at;
      events++;
      if (e->mask == IN_Q_OVERFLOW && e->wd == -1) overflows++;
      at += sizeof *e + e->len;
    }
  say("events %ld overflows %ld", events, overflows);
  unlink("name");
  unlink("sixteen-letters!");
  value("write", SYS_3(SYS_write, fd, "x", 1));
  char link[64];
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  long length = readlink(path, link, sizeof link);
  say("link %.*s", (int)length, link);
}

int main(void) {
  strcpy(directory, "/tmp/inotify.XXXXXX");
  if (!mkdtemp(directory) || chdir(directory)) return 1;
  fd = SYS_1(SYS_inotify_init1, IN_NONBLOCK | IN_CLOEXEC);
  say("flags %o %d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
  int w = watch(".", IN_ALL_EVENTS);
  value("watch", w);
  names();
  contents();
  directories(w);
  masks();
  queue();
  rmdir(directory);
  return 0;
}
