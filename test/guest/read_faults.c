// Reads of every kind of file into memory that cannot be written: what was taken goes back where it can, so
// that the next read finds it; where Linux loses it, it is lost (docs/hardening.md, F20).
//@ needs: files memory events sockets inotify signals
#include "guest.h"
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

static char *closed, *edge;

// Into memory that is closed, into memory that ends too soon, and into good memory.
static void reads(const char *what, int fd, size_t length, int shows) {
  char good[512] = "";
  say("%s:", what);
  value("  closed", SYS_3(SYS_read, fd, closed, length));
  value("  edge", SYS_3(SYS_read, fd, edge, length));
  long n = SYS_3(SYS_read, fd, good, length);
  value("  good", n);
  if (shows && n > 0) say("  \"%.*s\"", (int)n, good);
}

static void files(void) {
  char path[] = "/tmp/read-faults-XXXXXX";
  int fd = mkstemp(path);
  if (write(fd, "0123456789abcdef", 16) != 16) _exit(1);
  lseek(fd, 2, SEEK_SET);
  value("read", SYS_3(SYS_read, fd, closed, 8));
  value("offset", lseek(fd, 0, SEEK_CUR));
  value("read to the edge", SYS_3(SYS_read, fd, edge, 8));
  value("offset", lseek(fd, 0, SEEK_CUR));
  value("pread", SYS_4(SYS_pread64, fd, closed, 8, 3));
  value("offset", lseek(fd, 0, SEEK_CUR));
  value("write", SYS_3(SYS_write, fd, closed, 8));
  value("offset", lseek(fd, 0, SEEK_CUR));
  value("size", lseek(fd, 0, SEEK_END));
  close(fd);
  unlink(path);

  fd = open("/proc/self/status", O_RDONLY);
  reads("proc", fd, 5, 1);
  close(fd);
  fd = open("/proc/self", O_RDONLY | O_DIRECTORY);
  value("getdents", SYS_3(SYS_getdents64, fd, closed, 100));
  char entries[100];
  yes_no("the first entry is not lost", SYS_3(SYS_getdents64, fd, entries, 100) > 0 && entries[19] == '.');
  lseek(fd, 0, SEEK_SET);
  // "." and ".." have 24 bytes each.
  value("getdents to the edge", SYS_3(SYS_getdents64, fd, edge + 4 - 30, 400));
  value("getdents behind it", SYS_3(SYS_getdents64, fd, entries, 24));
  say("  \"%s\"", entries + 19);
  close(fd);
}

static void events(void) {
  int fd = eventfd(5, EFD_NONBLOCK);
  value("eventfd", SYS_3(SYS_read, fd, closed, 8));
  uint64_t count = 0;
  outcome("eventfd again", SYS_3(SYS_read, fd, &count, 8));
  close(fd);

  fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct itimerspec soon = {{0, 0}, {0, 1}};
  timerfd_settime(fd, 0, &soon, NULL);
  usleep(1000);
  value("timerfd", SYS_3(SYS_read, fd, closed, 8));
  outcome("timerfd again", SYS_3(SYS_read, fd, &count, 8));
  close(fd);

  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  fd = signalfd(-1, &set, SFD_NONBLOCK);
  kill(getpid(), SIGUSR1);
  value("signalfd", SYS_3(SYS_read, fd, closed, sizeof(struct signalfd_siginfo)));
  struct signalfd_siginfo info;
  outcome("signalfd again", SYS_3(SYS_read, fd, &info, sizeof info));
  close(fd);

  fd = inotify_init1(IN_NONBLOCK);
  inotify_add_watch(fd, "/tmp", IN_CREATE);
  char path[] = "/tmp/read-faults-XXXXXX";
  close(mkstemp(path));
  value("inotify", SYS_3(SYS_read, fd, closed, 256));
  char event[256];
  outcome("inotify again", SYS_3(SYS_read, fd, event, sizeof event));
  unlink(path);
  close(fd);
}

static void sockets(void) {
  static const struct {
    const char *name;
    int type;
  } kinds[] = {{"stream", SOCK_STREAM}, {"datagram", SOCK_DGRAM}, {"sequenced packets", SOCK_SEQPACKET}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    int pair[2];
    socketpair(AF_UNIX, kinds[i].type | SOCK_NONBLOCK, 0, pair);
    for (int k = 0; k < 3; k++)
      if (write(pair[0], k == 0 ? "first of all" : k == 1 ? "second of all" : "third of all", 12) != 12)
        _exit(1);
    reads(kinds[i].name, pair[1], 12, 1);
    value("write", SYS_3(SYS_write, pair[0], closed, 8));
    close(pair[0]);
    close(pair[1]);
  }
}

int main(void) {
  char *area = pages(1);
  edge = area + PAGE - 4;
  closed = area + PAGE;
  files();
  events();
  sockets();
  return 0;
}
