// flock: shared and exclusive, by open file description, changes of kind, waiting, release.
//@ needs: locks tasks files
#include "guest.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

static void pause_ms(int ms) {
  struct timespec t = {0, ms * 1000000l};
  nanosleep(&t, 0);
}

static void handler(int signo) {
  (void)signo;
}

#define F(what, fd, op) value(what, SYS_2(SYS_flock, fd, op))

int main(void) {
  char name[] = "/tmp/flockXXXXXX";
  int a = mkstemp(name), b = open(name, O_RDONLY), c = open(name, O_WRONLY);
  F("shared", a, LOCK_SH);
  F("shared, another", b, LOCK_SH | LOCK_NB);
  F("exclusive, a third", c, LOCK_EX | LOCK_NB);
  F("change that cannot be", a, LOCK_EX | LOCK_NB);
  F("the old one is gone: exclusive for", b, LOCK_EX | LOCK_NB);
  F("shared", a, LOCK_SH | LOCK_NB);
  F("again", b, LOCK_EX | LOCK_NB);
  F("down", b, LOCK_SH);
  F("shared", a, LOCK_SH | LOCK_NB);
  F("unlock", a, LOCK_UN), F("unlock", b, LOCK_UN), F("unlock what is not locked", c, LOCK_UN);
  int d = dup(a);
  F("exclusive", a, LOCK_EX);
  F("the duplicate has it too", d, LOCK_EX | LOCK_NB);
  close(a);
  F("closing one keeps it", b, LOCK_EX | LOCK_NB);
  close(d);
  F("closing all does not", b, LOCK_EX | LOCK_NB);
  if (fork() == 0) {
    F("child: inherited", b, LOCK_EX | LOCK_NB);
    F("child: its own", open(name, O_RDONLY), LOCK_SH | LOCK_NB);
    _exit(0);
  }
  wait(0);
  if (fork() == 0) {
    int own = open(name, O_RDONLY);
    F("child: waiting", own, LOCK_SH);
    _exit(0);
  }
  pause_ms(30);
  long unlocked = SYS_2(SYS_flock, b, LOCK_UN);
  wait(0);
  value("unlock", unlocked);
  struct sigaction action = {.sa_handler = handler};
  sigaction(SIGUSR1, &action, 0);
  pid_t self = getpid();
  F("exclusive", c, LOCK_EX);
  if (fork() == 0) {
    pause_ms(30);
    kill(self, SIGUSR1);
    _exit(0);
  }
  F("interrupted", b, LOCK_EX);
  wait(0);
  F("bad operation", b, 0);
  F("bad operation", b, LOCK_SH | LOCK_EX);
  F("bad operation", b, 16 | LOCK_SH);
  F("bad descriptor", 99, LOCK_SH);
  F("O_PATH", open(name, O_PATH), LOCK_SH);
  F("a directory", open("/tmp", O_RDONLY), LOCK_SH | LOCK_NB);
  // Of three that lock in turn, the end of one that no longer does takes nothing from the next.
  F("everybody's unlock", c, LOCK_UN);
  int first = open(name, O_RDONLY), second = open(name, O_RDONLY), third = open(name, O_RDONLY);
  F("the first", first, LOCK_EX | LOCK_NB);
  F("the first gives it back", first, LOCK_UN);
  F("the second", second, LOCK_EX | LOCK_NB);
  close(first);
  F("the third", third, LOCK_EX | LOCK_NB);
  close(second);
  close(third);
  // The two kinds of lock know nothing of each other.
  struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  value("record lock", SYS_3(SYS_fcntl, c, F_SETLK, &l));
  unlink(name);
  return 0;
}
