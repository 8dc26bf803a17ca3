// A large file that is read and mapped again and again: at its end, past it, into memory that ends half way or is not there,
// while it is written, cut short and replaced, by threads, by children that share its position, and under a number that was
// another file's.
#include "guest.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define SIZE (3l << 20)
#define PIECE 65536l
#define NAME "kept_reads.data"

static unsigned char buffer[1 << 20];

static unsigned sum(const unsigned char *bytes, long n) {
  unsigned s = 0;
  for (long i = 0; i < n; i++)
    s = s * 31 + bytes[i];
  return s;
}

static void make(const char *name, long size, unsigned seed) {
  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  for (long at = 0; at < size; at += PIECE) {
    for (long i = 0; i < PIECE; i++)
      buffer[i] = (unsigned char)((at + i) * 7 + (at >> 12) + seed);
    if (write(fd, buffer, (size_t)(size - at < PIECE ? size - at : PIECE)) < 0) say("write: %d", errno);
  }
  close(fd);
}

static void read_all(int fd, const char *what) {
  unsigned s = 0;
  long all = 0, n, calls = 0;
  while ((n = read(fd, buffer, PIECE)) > 0) {
    s = s * 17 + sum(buffer, n);
    all += n;
    calls++;
  }
  say("%s: %ld bytes in %ld calls, %x, then %ld, position %ld", what, all, calls, s, n,
      (long)lseek(fd, 0, SEEK_CUR));
}

static void *reader(void *argument) {
  int fd = *(int *)argument;
  unsigned char *own = malloc(PIECE);
  unsigned s = 0;
  for (long at = 0; at < SIZE; at += PIECE) {
    long n = pread(fd, own, PIECE, at);
    s = s * 17 + sum(own, n);
  }
  free(own);
  return (void *)(unsigned long)s;
}

static void threads(int fd) {
  pthread_t ids[4];
  for (int i = 0; i < 4; i++)
    pthread_create(&ids[i], NULL, reader, &fd);
  for (int i = 0; i < 4; i++) {
    void *s;
    pthread_join(ids[i], &s);
    say("a thread: %lx", (unsigned long)s);
  }
  read_all(fd, "behind threads");
}

// Two processes take pieces of one file by turns, each of which comes once.
static void shared_position(int fd) {
  lseek(fd, 0, SEEK_SET);
  int ends[2];
  if (pipe(ends) < 0) return;
  pid_t child = fork();
  unsigned s = 0;
  long all = 0, n;
  while ((n = read(fd, buffer, PIECE)) > 0) {
    s += sum(buffer, n);
    all += n;
  }
  if (child == 0) {
    long told[2] = {(long)s, all};
    if (write(ends[1], told, sizeof told) < 0) say("tell: %d", errno);
    _exit(0);
  }
  long told[2];
  if (read(ends[0], told, sizeof told) < 0) say("told: %d", errno);
  waitpid(child, NULL, 0);
  say("shared: %ld bytes, %x", all + told[1], s + (unsigned)told[0]);
  close(ends[0]);
  close(ends[1]);
}

static void faults(int fd) {
  unsigned char *memory = mmap(NULL, 2 * PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(memory + PIECE, PIECE);
  say("half a buffer: %ld", (long)pread(fd, memory + PIECE / 2, PIECE, 0));
  say("%x", sum(memory + PIECE / 2, PIECE / 2));
  long n = pread(fd, memory + PIECE, PIECE, 0);
  say("no buffer: %ld, %d", n, n < 0 ? errno : 0);
  mprotect(memory, PIECE, PROT_READ);
  n = pread(fd, memory, PIECE, 0);
  say("a buffer to be read: %ld, %d", n, n < 0 ? errno : 0);
  lseek(fd, 0, SEEK_SET);
  n = read(fd, memory, PIECE);
  say("and position: %ld, %d, %ld", n, n < 0 ? errno : 0, (long)lseek(fd, 0, SEEK_CUR));
  mprotect(memory, PIECE, PROT_READ | PROT_WRITE);
  n = read(fd, memory + PIECE / 2, PIECE);
  say("half, and position: %ld, %ld", n, (long)lseek(fd, 0, SEEK_CUR));
  n = pread(fd, memory, PIECE, -1);
  say("before the beginning: %ld, %d", n, errno);
  munmap(memory, PIECE);
}

static void changes(int fd) {
  int writer = open(NAME, O_WRONLY);
  memset(buffer, 'x', PIECE);
  say("written: %ld", (long)pwrite(writer, buffer, PIECE, PIECE / 2));
  long n = pread(fd, buffer, PIECE, 0);
  say("read: %ld, %x", n, sum(buffer, n));
  say("cut: %d", ftruncate(writer, PIECE + 100));
  n = pread(fd, buffer, PIECE, PIECE / 2);
  say("read: %ld, %x", n, sum(buffer, n));
  say("past the end: %ld", (long)pread(fd, buffer, PIECE, 4 * PIECE));
  say("grown: %d", ftruncate(writer, SIZE));
  n = pread(fd, buffer, PIECE, PIECE);
  say("read: %ld, %x", n, sum(buffer, n));
  close(writer);
}

static void mappings(int fd) {
  unsigned s = 0;
  for (int i = 0; i < 20; i++) {
    unsigned char *at = mmap(NULL, PIECE, PROT_READ, i % 2 ? MAP_PRIVATE : MAP_SHARED, fd, i * PIECE);
    s = s * 17 + sum(at, PIECE);
    if (i == 10) close(fd);
    if (i == 10) fd = open(NAME, O_RDONLY);
    munmap(at, PIECE);
  }
  say("mapped: %x", s);
  close(fd);
}

static void numbers(void) {
  make("kept_reads.other", SIZE, 77);
  int fd = open(NAME, O_RDONLY), other = open("kept_reads.other", O_RDONLY);
  read_all(fd, "one");
  read_all(other, "other");
  dup2(other, fd);
  lseek(fd, 0, SEEK_SET);
  read_all(fd, "in its place");
  close(other);
  lseek(fd, 0, SEEK_SET);
  read_all(fd, "its other number closed");
  close(fd);
  fd = open(NAME, O_RDONLY);
  read_all(fd, "opened again");
  int status;
  pid_t child = fork();
  if (child == 0) {
    lseek(fd, 0, SEEK_SET);
    read_all(fd, "a child");
    close(fd);
    fd = open("kept_reads.other", O_RDONLY);
    read_all(fd, "its own");
    _exit(0);
  }
  waitpid(child, &status, 0);
  lseek(fd, 0, SEEK_SET);
  read_all(fd, "its parent");
  close_range((unsigned)fd, ~0u, 0);
  long n = read(fd, buffer, PIECE);
  say("closed: %ld, %d", n, errno);
  unlink("kept_reads.other");
}

int main(void) {
  char directory[] = "/tmp/kept_reads.XXXXXX";
  if (!mkdtemp(directory) || chdir(directory) < 0) return 1;
  make(NAME, SIZE, 0);
  int fd = open(NAME, O_RDONLY);
  read_all(fd, "all");
  lseek(fd, 12345, SEEK_SET);
  read_all(fd, "from the middle");
  lseek(fd, 0, SEEK_SET);
  threads(fd);
  shared_position(fd);
  faults(fd);
  numbers();
  fd = open(NAME, O_RDWR);
  lseek(fd, 0, SEEK_SET);
  read_all(fd, "open for both");
  changes(fd);
  mappings(fd);
  unlink(NAME);
  rmdir(directory);
  return 0;
}
