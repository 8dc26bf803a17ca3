// What a read gave has not arrived, says a guest when its file is closed for long, and its place among the records of open
// files is another process's: that one's position stays where it is. And what a read gave is taken back behind a seek to the
// beginning: the position of a file that others share is never before it, and nobody waits for it for ever.
//@ ends: any
//@ deadline: 20
//@ cflags: -pthread
#include "hostile.h"
#include <fcntl.h>
#include <sys/wait.h>

enum { PIECE = 32768, CALLS = 8, OUT_FAULT = 7 };

static char area[PIECE];

static volatile uint8_t *route_of(int fd) {
  return (volatile uint8_t *)(((uintptr_t)SLOT & -(uintptr_t)RF_CHUNK_SIZE) + RF_ROUTES + fd);
}

static void forge_fault(int thread) {
  *word_at(RF_REQ_VALUE) = 0;
  *word_at(RF_REQ_VALUE + 4) = 0;
  reply_to(forge_to(thread, OUT_FAULT, SYS_read), 20000);
}

static int large_file(void) {
  char path[64];
  snprintf(path, sizeof path, "/tmp/late-faults-%d", getpid());
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
  for (int i = 0; i < 8; i++)
    if (write(fd, area, PIECE) != PIECE) bad("a write", -errno);
  unlink(path);
  return fd;
}

// Until it is served elsewhere, so that what came last there is a read of this file: the thread, or 0.
static int read_elsewhere(int fd) {
  for (int i = 0; i < 2000; i++) {
    lseek(fd, 0, SEEK_SET);
    if (read(fd, area, PIECE) != PIECE) bad("a read", -errno);
  }
  return *route_of(fd);
}

static void another_file(void) {
  int turns[2], back[2];
  char byte = 0;
  if (pipe(turns) || pipe(back)) return;
  pid_t victim = fork();
  if (victim == 0) {
    read(turns[0], &byte, 1);
    int fd = large_file();
    for (int i = 0; i < CALLS; i++)
      lseek(fd, 5000, SEEK_SET);
    write(back[1], &byte, 1);
    read(turns[0], &byte, 1);
    long at = lseek(fd, 0, SEEK_CUR);
    if (at != 5000) bad("a position of another process's file", at);
    _exit(0);
  }
  int fd = large_file(), thread = read_elsewhere(fd);
  close(fd);
  usleep(20000);
  write(turns[1], &byte, 1);
  read(back[0], &byte, 1);
  if (thread > 0) forge_fault(thread);
  write(turns[1], &byte, 1);
  waitpid(victim, NULL, 0);
}

static void behind_a_seek(void) {
  int fd = large_file(), thread = read_elsewhere(fd);
  if (thread == 0) return;
  pid_t other = fork();
  if (other == 0) {
    for (int i = 0; i < CALLS; i++)
      lseek(fd, 0, SEEK_SET);
    _exit(0);
  }
  waitpid(other, NULL, 0);
  forge_fault(thread);
  for (int i = 0; i < CALLS; i++) {
    long at = lseek(fd, 0, SEEK_CUR);
    if (at < 0) bad("a position", -errno);
    if (read(fd, area, 1) < 0) bad("a read there", -errno);
  }
}

int main(void) {
  another_file();
  behind_a_seek();
  say("done");
  return 0;
}
