// F1: a file that a stub keeps for its guest, to map and to read, is there as long as the guest has it open and no longer: not
// for who drops its privileges afterwards, nor for a child of his; and what there is can be read, and nothing else.
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

#define SIZE (2l << 20)
#define PIECE 65536l

static char buffer[PIECE];

static long at(int number, long from) {
  return HOST_4(SYS_pread64, number, buffer, PAGE, from);
}

// Numbers of the host by which something can be read.
static int found(void) {
  int n = 0;
  for (int number = 0; number < RF_DOORBELL_FD + 8; number++)
    if (at(number, 0) >= 0) n++;
  return n;
}

static int open_and_read(void) {
  int fd = open("/tmp/kept", O_RDONLY);
  for (int round = 0; round < 2; round++)
    for (long from = 0; from < SIZE; from += PIECE)
      if (pread(fd, buffer, PIECE, from) != PIECE) bad("pread", errno);
  return fd;
}

static void none(const char *when) {
  int n = found();
  if (n != 0) {
    say("%s", when);
    bad("descriptors were left", n);
  }
}

static void *forker(void *argument) {
  int *go = argument;
  while (__atomic_load_n(go, __ATOMIC_RELAXED)) {
    pid_t child = fork();
    if (child == 0) {
      // It has what its parent had when it was made, and then it has not.
      close_range(3, ~0u, 0);
      _exit(found() == 0 ? 0 : 7);
    }
    int status;
    if (waitpid(child, &status, 0) == child && status != 0) bad("a child had one that it had closed", status);
  }
  return NULL;
}

int main(void) {
  find_gadget();
  int fd = open("/tmp/kept", O_RDWR | O_CREAT | O_TRUNC, 0600);
  memset(buffer, 's', PIECE);
  for (long size = 0; size < SIZE; size += PIECE)
    if (write(fd, buffer, PIECE) != PIECE) bad("write", errno);
  close(fd);
  none("before");

  fd = open_and_read();
  if (found() != 1) bad("it is not kept", found());
  close(fd);
  none("closed");

  fd = open_and_read();
  void *mapped = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
  if (mapped == MAP_FAILED) bad("mmap", errno);
  if (found() != 1) bad("it is kept twice", found());
  int again = dup(fd);
  close(fd);
  none("closed, and open by another number");
  close(again);

  fd = open_and_read();
  dup2(1, fd);
  none("replaced");
  close(fd);

  fd = open_and_read();
  pid_t child = fork();
  if (child == 0) {
    if (found() != 1) bad("a child has no copy", found());
    close(fd);
    none("closed by a child");
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  if (status != 0) bad("child", status);
  if (found() != 1) bad("a child's close was its parent's", found());

  // What it has, it has for reading.
  int number = RF_DONATED_FD;
  while (number < RF_DOORBELL_FD && at(number, 0) < 0)
    number++;
  if (HOST_4(SYS_pwrite64, number, buffer, 1, 0) >= 0) bad("written", number);
  if (HOST_3(SYS_write, number, buffer, 8) >= 0) bad("written", number);
  if (HOST_2(SYS_ftruncate, number, 0) >= 0) bad("cut", number);
  if (HOST_6(SYS_mmap, 0x100000000, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, number, 0) ==
      0x100000000)
    bad("mapped to be written", number);
  // Not where the stub's own memory is.
  if (HOST_4(SYS_pread64, number, SLOT, 64, 0) >= 0) bad("read into a slot", number);
  if (HOST_4(SYS_pread64, number, RF_STUB_TEXT, 64, 0) >= 0) bad("read into the stub", number);
  if (HOST_4(SYS_pread64, number, RF_WINDOW_BASE - PAGE, 2 * PAGE, 0) >= 0)
    bad("read into the window", number);
  // Closed behind the kernel's back it is read all the same, by another way.
  HOST_1(SYS_close, number);
  if (pread(fd, buffer, PIECE, 0) != PIECE || buffer[9] != 's') bad("pread", errno);
  close(fd);
  none("closed by itself");

  // Files come and go while another thread forks.
  int go = 1;
  pthread_t thread;
  pthread_create(&thread, NULL, forker, &go);
  for (int i = 0; i < 40; i++) {
    fd = open_and_read();
    mapped = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    munmap(mapped, PAGE);
    close(fd);
  }
  __atomic_store_n(&go, 0, __ATOMIC_RELAXED);
  pthread_join(thread, NULL);
  none("behind forks");

  // More than are kept.
  int many[60];
  for (int i = 0; i < 60; i++)
    many[i] = open_and_read();
  if (found() > 24) bad("more are kept than may be", found());
  for (int i = 0; i < 60; i++)
    close(many[i]);
  none("many");
  unlink("/tmp/kept");
  say("done");
  return 0;
}
