// Locks on files that pass from who gives them up to who waits: nobody else gets them meanwhile.
//@ args: flock
//@ args: record
//@ needs: locks fork
#include "guest.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

static int records;

static int lock(int fd, int waits) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  int r =
      records ? fcntl(fd, waits ? F_SETLKW : F_SETLK, &whole) : flock(fd, LOCK_EX | (waits ? 0 : LOCK_NB));
  return r < 0 ? -errno : r;
}

static void unlock(int fd) {
  struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
  if (records)
    fcntl(fd, F_SETLK, &whole);
  else
    flock(fd, LOCK_UN);
}

int main(int argc, char **argv) {
  char path[] = "/tmp/lock-handover-XXXXXX", byte = 0;
  int fd = mkstemp(path), told[2], go[2], waiters = 3;
  records = argc > 1 && strcmp(argv[1], "record") == 0;
  if (fd < 0 || pipe(told) < 0 || pipe(go) < 0) return 1;
  value("first", lock(fd, 0));
  for (int i = 0; i < waiters; i++)
    if (fork() == 0) {
      int own = open(path, O_RDWR);
      if (lock(own, 1) != 0 || write(told[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1) _exit(1);
      unlock(own);
      _exit(0);
    }
  usleep(50000); // they wait
  unlock(fd);
  int other = open(path, O_RDWR);
  for (int i = 0; i < waiters; i++) {
    if (read(told[0], &byte, 1) != 1) return 2;
    value("while a waiter has it", lock(other, 0));
    if (write(go[1], &byte, 1) != 1) return 3;
  }
  for (int i = 0; i < waiters; i++) {
    int status;
    wait(&status);
    value("status", status);
  }
  value("afterwards", lock(other, 0));
  unlink(path);
  return 0;
}
