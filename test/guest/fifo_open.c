// FIFOs: opening waits for the other end, or does not; hang-ups; both directions at once.
//@ needs: pipes poll tasks files
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int ready(int fd) {
  struct pollfd f = {fd, POLLIN | POLLOUT, 0};
  poll(&f, 1, 0);
  return f.revents;
}

static void handler(int signo) {
  (void)signo;
}

int main(void) {
  char dir[] = "/tmp/fifoXXXXXX", name[40], c[10];
  if (!mkdtemp(dir)) return 1;
  sprintf(name, "%s/f", dir);
  signal(SIGPIPE, SIG_IGN);
  value("mkfifo", mkfifo(name, 0600));
  struct stat s;
  stat(name, &s);
  say("mode %o size %ld", s.st_mode, (long)s.st_size);
  value("write, no reader, O_NONBLOCK", SYS_2(SYS_open, name, O_WRONLY | O_NONBLOCK));
  int r = open(name, O_RDONLY | O_NONBLOCK);
  say("ready, no writer yet: %x", ready(r));
  value("read, no writer yet", SYS_3(SYS_read, r, c, 1));
  int w = open(name, O_WRONLY | O_NONBLOCK);
  say("ready: %x %x", ready(r), ready(w));
  value("read, empty", SYS_3(SYS_read, r, c, 1));
  value("write", SYS_3(SYS_write, w, "abc", 3));
  say("ready: %x %x", ready(r), ready(w));
  close(w);
  say("ready, writer gone: %x", ready(r));
  value("read", SYS_3(SYS_read, r, c, 2));
  w = open(name, O_WRONLY);
  value("write", SYS_3(SYS_write, w, "de", 2));
  value("read", SYS_3(SYS_read, r, c, 10));
  say("got %.3s", c);
  close(r);
  say("ready, no reader: %x", ready(w));
  value("write, no reader", SYS_3(SYS_write, w, "x", 1));
  close(w);

  int rw = open(name, O_RDWR);
  value("write to itself", SYS_3(SYS_write, rw, "xy", 2));
  value("read from itself", SYS_3(SYS_read, rw, c, 10));
  say("ready %x", ready(rw));
  close(rw);
  // What nobody has read is gone with the last end.
  rw = open(name, O_RDWR | O_NONBLOCK);
  value("empty again", SYS_3(SYS_read, rw, c, 10));
  close(rw);

  for (int reader = 0; reader < 2; reader++) {
    if (fork() == 0) {
      usleep(20000);
      int fd = open(name, reader ? O_WRONLY : O_RDONLY);
      if (reader)
        write(fd, "hello", 5);
      else
        value("child read", SYS_3(SYS_read, fd, c, 10));
      _exit(0);
    }
    int fd = open(name, reader ? O_RDONLY : O_WRONLY);
    if (reader)
      value("parent read", SYS_3(SYS_read, fd, c, 10));
    else
      write(fd, "hello", 5);
    close(fd);
    wait(0);
  }
  // A signal ends the wait for the other end.
  struct sigaction a = {.sa_handler = handler};
  sigaction(SIGALRM, &a, 0);
  pid_t self = getpid();
  if (fork() == 0) {
    usleep(20000);
    kill(self, SIGALRM);
    _exit(0);
  }
  value("open, interrupted", SYS_2(SYS_open, name, O_RDONLY));
  wait(0);
  r = open(name, O_RDONLY | O_NONBLOCK);
  say("descriptor %d", r);
  value("access", SYS_2(SYS_open, name, O_WRONLY | O_RDWR));
  value("truncate", SYS_2(SYS_truncate, name, 0));
  value("seek", SYS_3(SYS_lseek, r, 0, SEEK_SET));
  unlink(name);
  w = open(name, O_WRONLY | O_NONBLOCK);
  value("unlinked", w < 0 ? -errno : w);
  rmdir(dir);
  return 0;
}
