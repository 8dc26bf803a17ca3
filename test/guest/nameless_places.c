// O_PATH by /proc/self/fd of what has no place in a file system: it can be had of anything, tells what it is, and does
// nothing else.
//@ needs: files pipes events sockets pidfd memfd
#include "guest.h"
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

static int again(int fd, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return open(path, flags);
}

static void look(const char *what, int fd) {
  struct stat a = {0}, b = {0};
  char link[64], of[64] = {0}, second[64] = {0}, byte;
  int place = again(fd, O_PATH);
  outcome(what, place < 0 ? -errno : 0);
  if (place < 0) return;
  fstat(fd, &a);
  value("  fstat", fstat(place, &b));
  yes_no("  the same file", a.st_mode == b.st_mode && a.st_ino == b.st_ino && a.st_dev == b.st_dev);
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  readlink(link, of, sizeof of - 1);
  snprintf(link, sizeof link, "/proc/self/fd/%d", place);
  readlink(link, second, sizeof second - 1);
  yes_no("  the same name", !strcmp(of, second));
  value("  flags", fcntl(place, F_GETFL));
  value("  read", read(place, &byte, 1) < 0 ? -errno : 0);
  value("  write", write(place, "", 1) < 0 ? -errno : 0);
  outcome("  with O_DIRECTORY", again(fd, O_PATH | O_DIRECTORY) < 0 ? -errno : 0);
  int third = again(place, O_PATH);
  outcome("  of that", third < 0 ? -errno : 0);
  close(third);
  close(fd);
  value("  fstat when it is closed", fstat(place, &b));
  yes_no("  still the same", a.st_mode == b.st_mode && a.st_ino == b.st_ino);
  close(place);
}

int main(void) {
  int pipes[2], sockets[2];
  sigset_t none;
  sigemptyset(&none);
  if (pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets)) return 1;
  look("pipe", pipes[0]);
  look("socket", sockets[0]);
  look("TCP socket", socket(AF_INET, SOCK_STREAM, 0));
  look("eventfd", eventfd(0, 0));
  look("epoll", epoll_create1(0));
  look("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
  look("signalfd", signalfd(-1, &none, 0));
  look("inotify", inotify_init1(0));
  look("pidfd", (int)SYS_2(SYS_pidfd_open, getpid(), 0));
  look("memfd", memfd_create("m", 0));
  int fd = eventfd(0, 0);
  outcome("eventfd without O_PATH", again(fd, O_RDONLY) < 0 ? -errno : 0);
  outcome("socket without O_PATH", again(sockets[1], O_RDONLY) < 0 ? -errno : 0);
  return 0;
}
