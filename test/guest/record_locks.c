// Record locks of fcntl: ranges that split and merge, conflicts, waiting, deadlock, release; and those of
// open file descriptions.
//@ needs: locks tasks files
#include "guest.h"
#include <fcntl.h>
#include <sys/wait.h>

static int fd;

static long lock(int cmd, int file, int type, int whence, long start, long len) {
  struct flock l = {.l_type = type, .l_whence = whence, .l_start = start, .l_len = len, .l_pid = 0};
  return SYS_3(SYS_fcntl, file, cmd, &l);
}

static void set(const char *what, int type, long start, long len) {
  value(what, lock(F_SETLK, fd, type, SEEK_SET, start, len));
}

// What another process would find from `start` on, to the end of the file.
static void show(const char *what) {
  int p[2];
  char text[500] = "";
  pipe(p);
  pid_t parent = getpid();
  if (fork() == 0) {
    for (long at = 0; at < 1000000;) {
      struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 0};
      if (fcntl(fd, F_GETLK, &l) < 0 || l.l_type == F_UNLCK) break;
      sprintf(text + strlen(text), " %c%ld+%ld%s", l.l_type == F_WRLCK ? 'w' : 'r', (long)l.l_start,
              (long)l.l_len,
              l.l_pid == parent ? ""
              : l.l_pid == -1   ? "*"
                                : "?");
      if (l.l_len == 0) break;
      at = l.l_start + l.l_len;
    }
    write(p[1], text, strlen(text) + 1);
    _exit(0);
  }
  read(p[0], text, sizeof text);
  close(p[0]), close(p[1]);
  wait(0);
  say("%s:%s", what, text);
}

static void pause_ms(int ms) {
  struct timespec t = {0, ms * 1000000l};
  nanosleep(&t, 0);
}

static void handler(int signo) {
  (void)signo;
}

int main(void) {
  char name[] = "/tmp/locksXXXXXX";
  fd = mkstemp(name);
  int second = open(name, O_RDWR), reader = open(name, O_RDONLY), writer = open(name, O_WRONLY);
  ftruncate(fd, 1000);
  show("none");
  set("write 10+10", F_WRLCK, 10, 10);
  show("one");
  set("read 12+2 in it", F_RDLCK, 12, 2);
  show("split");
  set("write 12+2", F_WRLCK, 12, 2);
  show("merged");
  set("write 20+5, next to it", F_WRLCK, 20, 5);
  set("write 0+10", F_WRLCK, 0, 10);
  show("merged");
  set("unlock 5+5", F_UNLCK, 5, 5);
  show("unlocked");
  set("read 100+0", F_RDLCK, 100, 0);
  show("to the end");
  set("unlock 200+1", F_UNLCK, 200, 1);
  show("split to the end");
  set("unlock all", F_UNLCK, 0, 0);
  show("none");
  value("negative length", lock(F_SETLK, fd, F_WRLCK, SEEK_SET, 50, -10));
  show("before 50");
  value("from the end", lock(F_SETLK, fd, F_WRLCK, SEEK_END, -10, 5));
  lseek(fd, 500, SEEK_SET);
  value("from here", lock(F_SETLK, fd, F_RDLCK, SEEK_CUR, 1, 2));
  show("three");
  set("unlock all", F_UNLCK, 0, 0);
  value("bad whence", lock(F_SETLK, fd, F_WRLCK, 9, 0, 1));
  value("bad type", lock(F_SETLK, fd, 9, SEEK_SET, 0, 1));
  value("before the beginning", lock(F_SETLK, fd, F_WRLCK, SEEK_SET, -1, 1));
  value("length before the beginning", lock(F_SETLK, fd, F_WRLCK, SEEK_SET, 5, -6));
  value("overflow", lock(F_SETLK, fd, F_WRLCK, SEEK_END, 0x7fffffffffffffff, 1));
  value("get a UNLCK", lock(F_GETLK, fd, F_UNLCK, SEEK_SET, 0, 1));
  value("write on a reader", lock(F_SETLK, reader, F_WRLCK, SEEK_SET, 0, 1));
  value("read on a writer", lock(F_SETLK, writer, F_RDLCK, SEEK_SET, 0, 1));
  value("bad address", SYS_3(SYS_fcntl, fd, F_SETLK, 8));
  value("bad descriptor", lock(F_SETLK, 99, F_RDLCK, SEEK_SET, 0, 1));
  struct flock free_ = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 7, .l_len = 3, .l_pid = 77};
  value("get, free", SYS_3(SYS_fcntl, fd, F_GETLK, &free_));
  say("type %d whence %d start %ld len %ld pid %d", free_.l_type, free_.l_whence, (long)free_.l_start,
      (long)free_.l_len, free_.l_pid);

  // Another process.
  set("write 0+10", F_WRLCK, 0, 10);
  set("read 20+10", F_RDLCK, 20, 10);
  if (fork() == 0) {
    value("child: write in it", lock(F_SETLK, fd, F_WRLCK, SEEK_SET, 5, 1));
    value("child: read in the read lock", lock(F_SETLK, fd, F_RDLCK, SEEK_SET, 25, 1));
    value("child: write in the read lock", lock(F_SETLK, fd, F_WRLCK, SEEK_SET, 25, 1));
    value("child: between", lock(F_SETLK, fd, F_WRLCK, SEEK_SET, 10, 10));
    // The unlock of a parent's lock does nothing.
    value("child: unlock", lock(F_SETLK, fd, F_UNLCK, SEEK_SET, 0, 100));
    value("child: write in it", lock(F_SETLK, fd, F_WRLCK, SEEK_SET, 5, 1));
    value("child: wait for it", lock(F_SETLKW, fd, F_WRLCK, SEEK_SET, 5, 1));
    _exit(0);
  }
  pause_ms(40);
  long unlocked = lock(F_SETLK, fd, F_UNLCK, SEEK_SET, 0, 0);
  wait(0);
  value("unlock", unlocked);
  set("the child's is gone with it", F_WRLCK, 0, 0);
  // Any close of the file lets go of them all.
  close(second);
  show("after a close of another descriptor");
  set("write 0+1", F_WRLCK, 0, 1);
  int copy = dup(fd);
  dup2(1, copy);
  show("after dup2 over a duplicate");

  // Deadlock.
  int go[2], back[2];
  char c;
  pipe(go), pipe(back);
  set("A", F_WRLCK, 0, 1);
  if (fork() == 0) {
    lock(F_SETLK, fd, F_WRLCK, SEEK_SET, 1, 1);
    write(back[1], "x", 1);
    _exit(lock(F_SETLKW, fd, F_WRLCK, SEEK_SET, 0, 1) != 0);
  }
  read(back[0], &c, 1);
  pause_ms(30);
  value("would wait for itself", lock(F_SETLKW, fd, F_WRLCK, SEEK_SET, 1, 1));
  set("unlock", F_UNLCK, 0, 0);
  int status;
  wait(&status);
  say("child %d", status);

  // A signal ends the wait; the end of the holder too.
  struct sigaction a = {.sa_handler = handler};
  sigaction(SIGUSR1, &a, 0);
  pid_t self = getpid();
  if (fork() == 0) {
    lock(F_SETLK, fd, F_WRLCK, SEEK_SET, 0, 1);
    write(back[1], "x", 1);
    pause_ms(30);
    kill(self, SIGUSR1);
    pause_ms(30);
    _exit(0);
  }
  read(back[0], &c, 1);
  value("interrupted", lock(F_SETLKW, fd, F_WRLCK, SEEK_SET, 0, 1));
  value("until it ends", lock(F_SETLKW, fd, F_WRLCK, SEEK_SET, 0, 1));
  wait(0);
  set("unlock", F_UNLCK, 0, 0);

  // Open file descriptions.
  second = open(name, O_RDWR);
  value("description", lock(F_OFD_SETLK, fd, F_WRLCK, SEEK_SET, 0, 10));
  value("another of the same process", lock(F_OFD_SETLK, second, F_WRLCK, SEEK_SET, 5, 1));
  value("a process's", lock(F_SETLK, second, F_WRLCK, SEEK_SET, 5, 1));
  value("a duplicate's", lock(F_OFD_SETLK, dup(fd), F_WRLCK, SEEK_SET, 5, 1));
  show("as others see it");
  free_.l_pid = 5;
  value("pid given", SYS_3(SYS_fcntl, fd, F_OFD_GETLK, &free_));
  if (fork() == 0) {
    value("child: its description too", lock(F_OFD_SETLK, fd, F_UNLCK, SEEK_SET, 0, 5));
    _exit(0);
  }
  wait(0);
  show("the child unlocked a part");
  close(second);
  show("closing another changes nothing");
  second = open(name, O_RDWR);
  value("lock in another", lock(F_OFD_SETLK, second, F_RDLCK, SEEK_SET, 100, 1));
  close(second);
  show("gone with its description");
  unlink(name);
  return 0;
}
