// Transfers that are longer than what moves in one round: every kind of file, sizes around the edges of pages
// and rounds, memory of every kind, memory that ends half way, files that end or are limited half way.
//@ needs: files memory shared-memory streams fork rlimits pipes sockets memfd signals
#include "guest.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

// Without libc between: errors are results.
#define read(fd, at, length) SYS_3(SYS_read, fd, at, length)
#define write(fd, at, length) SYS_3(SYS_write, fd, at, length)
#define pread(fd, at, length, offset) SYS_4(SYS_pread64, fd, at, length, offset)
#define pwrite(fd, at, length, offset) SYS_4(SYS_pwrite64, fd, at, length, offset)

#define MIB (1024 * 1024)
#define MOST (3 * MIB + 5000)

static char *source, *target;
static const size_t sizes[] = {32767,  32768,  32769,   65535,   65536, 65537,
                               100001, 262144, 1048576, 1048577, MOST};
#define SIZES (sizeof sizes / sizeof *sizes)

static void fill(char *at, size_t length, unsigned seed) {
  for (size_t i = 0; i < length; i++)
    at[i] = (char)(i * 31 + i / 4096 * 7 + seed);
}

// A number that stands for the bytes.
static unsigned sum(const char *at, size_t length) {
  unsigned s = 1;
  for (size_t i = 0; i < length; i++)
    s = s * 16777619 ^ (unsigned char)at[i];
  return s;
}

static int make(void) {
  char path[] = "/tmp/bulk-XXXXXX";
  int fd = mkstemp(path);
  if (fd < 0) _exit(1);
  unlink(path);
  return fd;
}

static void through_file(int fd, const char *what) {
  say("%s", what);
  for (size_t i = 0; i < SIZES; i++) {
    size_t n = sizes[i];
    fill(source, n, (unsigned)i);
    value("  pwrite", pwrite(fd, source, n, 777));
    memset(target, 0, MOST);
    value("  pread", pread(fd, target, n, 777));
    yes_no("  equal", memcmp(source, target, n) == 0 && target[n] == 0);
    value("  pread to the end and beyond", pread(fd, target, MOST + 4096, (off_t)n));
  }
  lseek(fd, 5, SEEK_SET);
  value("write", write(fd, source, 200000));
  value("offset", lseek(fd, 0, SEEK_CUR));
  lseek(fd, 5, SEEK_SET);
  value("read", read(fd, target, 200000));
  value("offset", lseek(fd, 0, SEEK_CUR));
  yes_no("equal", memcmp(source, target, 200000) == 0);
  struct iovec parts[4] = {{source + 1, 10}, {source + 50000, 100000}, {source, 33000}, {source + 7, 70000}};
  value("pwritev", pwritev(fd, parts, 4, 3));
  struct iovec to[3] = {{target, 40000}, {target + 50000, 3}, {target + 100000, 163007}};
  value("preadv", preadv(fd, to, 3, 3));
  say("sum %u", sum(target, 40000) ^ sum(target + 50000, 3) ^ sum(target + 100000, 163007));
  fcntl(fd, F_SETFL, O_APPEND);
  value("append", write(fd, source, 65536));
  value("offset", lseek(fd, 0, SEEK_CUR));
  value("append at a position", pwrite(fd, source, 65536, 0));
  struct stat status;
  fstat(fd, &status);
  value("size", status.st_size);
  fcntl(fd, F_SETFL, 0);
}

// Memory of other kinds takes and gives the same bytes.
static void memories(int fd) {
  fill(source, 200000, 9);
  pwrite(fd, source, 200000, 0);
  unsigned expected = sum(source, 200000);
  int file = make();
  if (ftruncate(file, 262144)) _exit(1);
  struct {
    const char *name;
    char *at;
  } kinds[] = {
      {"shared anonymous", mmap(NULL, 262144, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)},
      {"shared file", mmap(NULL, 262144, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)},
      {"private file", mmap(NULL, 262144, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0)},
      {"untouched", mmap(NULL, 262144, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)},
  };
  for (int i = 0; i < 4; i++) {
    value(kinds[i].name, pread(fd, kinds[i].at, 200000, 0));
    yes_no("  read", sum(kinds[i].at, 200000) == expected);
    value("  write", pwrite(fd, kinds[i].at, 200000, 300000));
    memset(target, 0, 200000);
    pread(fd, target, 200000, 300000);
    yes_no("  written", sum(target, 200000) == expected);
  }
  // The child's pages are its own, whoever writes to them.
  char *before = kinds[3].at;
  memset(before, 1, 262144);
  pid_t child = fork();
  if (child == 0) {
    value("child reads", pread(fd, before, 200000, 0));
    _exit(sum(before, 200000) != expected);
  }
  int status;
  waitpid(child, &status, 0);
  value("child", WEXITSTATUS(status));
  yes_no("the parent's memory is as it was", before[0] == 1 && before[199999] == 1);
}

// Pages of files that are the process's own, from the start or by and by, and the file's again.
static void own_pages(int fd) {
  static char buffer[200000]; // begins in the last page of the program's data
  int file = make();
  if (ftruncate(file, 262144)) _exit(1);
  fill(source, 262144, 4);
  pwrite(file, source, 262144, 0);
  for (int turn = 0; turn < 3; turn++) {
    fill(source, 200000, (unsigned)turn);
    pwrite(fd, source, 200000, 0);
    value("read behind the data", pread(fd, buffer, 200000, 0));
    yes_no("  equal", memcmp(source, buffer, 200000) == 0);
    value("write from there", pwrite(fd, buffer, 200000, 1));
    pread(fd, target, 200000, 1);
    yes_no("  equal", memcmp(target, buffer, 200000) == 0);
  }
  char *map = mmap(NULL, 262144, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  value("write from the file's", pwrite(fd, map, 200000, 0));
  memset(map, 5, 262144);
  for (int turn = 0; turn < 40; turn++) // what was found of them once may be remembered
    if (pwrite(fd, map, 200000, 0) != 200000) say("turn %d", turn);
  madvise(map + PAGE, 8 * PAGE, MADV_DONTNEED);
  value("write from both", pwrite(fd, map, 200000, 0));
  pread(fd, target, 200000, 0);
  say("  sum %u", sum(target, 200000));
  madvise(map + 20 * PAGE, 8 * PAGE, MADV_DONTNEED);
  value("read to both", pread(fd, map, 200000, 7));
  say("  sum %u", sum(map, 200000));
  SYS_3(SYS_mprotect, map + 30 * PAGE, PAGE, PROT_READ);
  value("read over what is read-only", pread(fd, map, 200000, 7));
  if (ftruncate(file, 5 * PAGE)) _exit(1);
  value("write from what is cut off", pwrite(fd, map, 200000, 0));
  value("read to what is cut off", pread(fd, map, 30 * PAGE, 7));
  munmap(map, 262144);
  close(file);
}

static void edges(int fd, const char *what, int in, int positions) {
  say("%s", what);
  char *area = pages(40), *end = area + 40 * PAGE;
  fill(area, 40 * PAGE, 3);
  if (positions) {
    value("pwrite to the edge", SYS_4(SYS_pwrite64, fd, end - 100000, 120000, 0));
    value("pwrite behind it", SYS_4(SYS_pwrite64, fd, end, 120000, 0));
    pwrite(fd, area, 40 * PAGE, 0);
    value("pread to the edge", SYS_4(SYS_pread64, fd, end - 100000, 120000, 0));
    value("pread behind it", SYS_4(SYS_pread64, fd, end, 120000, 0));
    lseek(fd, 0, SEEK_SET);
    value("read to the edge", SYS_3(SYS_read, fd, end - 100000, 120000));
    value("offset", lseek(fd, 0, SEEK_CUR));
    value("read behind it", SYS_3(SYS_read, fd, end, 120000));
    value("offset", lseek(fd, 0, SEEK_CUR));
  }
  SYS_3(SYS_mprotect, area + 20 * PAGE, PAGE, PROT_NONE);
  value("write over a hole", SYS_3(SYS_write, fd, area + 3 * PAGE, 33 * PAGE));
  if (positions) lseek(fd, 0, SEEK_SET);
  value("read over a hole", SYS_3(SYS_read, in, area + 3 * PAGE + 10, 33 * PAGE));
  SYS_3(SYS_mprotect, area + 20 * PAGE, PAGE, PROT_READ);
  value("write from what is read-only", SYS_3(SYS_write, fd, area + 15 * PAGE, 12 * PAGE));
  if (positions) lseek(fd, 0, SEEK_SET);
  value("read over what is read-only", SYS_3(SYS_read, in, area + 3 * PAGE + 10, 33 * PAGE));
}

static void limits(int fd) {
  if (ftruncate(fd, 0)) _exit(1);
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = {150000, RLIM_INFINITY};
  setrlimit(RLIMIT_FSIZE, &limit);
  value("write up to the limit", pwrite(fd, source, 200000, 0));
  value("write across it", pwrite(fd, source, 100000, 100000));
  value("write behind it", pwrite(fd, source, 100000, 150000));
  limit.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_FSIZE, &limit);
  value("write from a position far behind the end", pwrite(fd, source, 100000, 50 * MIB));
  value("read of a hole", pread(fd, target, 100000, 10 * MIB));
  yes_no("zeros", target[0] == 0 && memcmp(target, target + 1, 99999) == 0);
}

static void pipes(void) {
  int ends[2];
  if (pipe(ends)) _exit(1);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  for (size_t i = 0; i < SIZES; i++) {
    fill(source, sizes[i], (unsigned)i);
    value("pipe: write", write(ends[1], source, sizes[i]));
    value("  one more", write(ends[1], source, 40000));
    long n = read(ends[0], target, 50000);
    value("  read a part", n);
    yes_no("  equal", n > 0 && memcmp(source, target, (size_t)n) == 0);
    value("  odd", write(ends[1], source, 40001));
    value("  a byte", write(ends[1], source, 1));
    n = read(ends[0], target, MOST);
    value("  read", n);
    say("  sum %u", n > 0 ? sum(target, (size_t)n) : 0);
    value("  read", read(ends[0], target, MOST));
  }
  value("grown", fcntl(ends[1], F_SETPIPE_SZ, 1 << 20));
  for (int turn = 0; turn < 3; turn++) {
    value("write", write(ends[1], source, 700001));
    value("write", write(ends[1], source + 3, 70000));
    long n = read(ends[0], target, 700000);
    value("read", n);
    yes_no("equal", memcmp(source, target, 700000) == 0);
    n = read(ends[0], target, MOST);
    value("rest", n);
    say("sum %u", sum(target, (size_t)n));
  }
  for (int i = 0; i < 300; i++)
    if (write(ends[1], source + i, 300) != 300) break;
  value("small ones in a large read", read(ends[0], target, MOST));
  say("sum %u", sum(target, 90000));
  fcntl(ends[1], F_SETFL, O_NONBLOCK | O_DIRECT);
  value("packets", write(ends[1], source, 50000));
  value("read", read(ends[0], target, MOST));
  value("read", read(ends[0], target, MOST));
  while (read(ends[0], target, MOST) > 0) {
  }
  close(ends[0]);
  signal(SIGPIPE, SIG_IGN);
  value("nobody reads", write(ends[1], source, 65536));
  close(ends[1]);

  if (pipe(ends)) _exit(1);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
  edges(ends[1], "pipe and memory with a hole", ends[0], 0);
  close(ends[0]);
  close(ends[1]);
}

// Whole streams from one process to another, whatever the sizes of writes and reads.
static void stream(const char *what, int in, int out, int first, int second) {
  fill(source, MOST, 77);
  pid_t child = fork();
  if (child == 0) {
    close(in);
    for (size_t done = 0; done < MOST;) {
      size_t n = done % 3 == 0 ? 65536 : done % 3 == 1 ? 200000 : 33333;
      if (n > MOST - done) n = MOST - done;
      ssize_t w = write(out, source + done, n);
      if (w != (ssize_t)n) _exit(1);
      done += (size_t)w;
    }
    _exit(0);
  }
  close(out);
  size_t done = 0;
  for (int turn = 0;; turn++) {
    ssize_t n = read(in, target + done, (size_t)(turn % 2 ? first : second));
    if (n <= 0) break;
    done += (size_t)n;
  }
  close(in);
  int status;
  waitpid(child, &status, 0);
  say("%s: %zu bytes, equal: %d, writer %d", what, done, memcmp(source, target, MOST) == 0, status);
}

int main(void) {
  source = mmap(NULL, MOST + MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  target = mmap(NULL, MOST + MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int fd = make();
  fill(source, 60000, 1);
  value("small file", pwrite(fd, source, 60000, 0));
  value("read", pread(fd, target, 100000, 0));
  value("read", pread(fd, target, 100000, 10000));
  yes_no("equal", memcmp(source + 10000, target, 50000) == 0);
  through_file(fd, "file");
  int memory = memfd_create("bulk", 0);
  through_file(memory, "memfd");
  memories(fd);
  own_pages(fd);
  edges(fd, "file and memory that ends", fd, 1);
  limits(fd);
  int self = open("/proc/self/exe", O_RDONLY);
  struct stat status;
  fstat(self, &status);
  size_t size = status.st_size > MOST ? MOST : (size_t)status.st_size;
  char *mapped = mmap(NULL, size, PROT_READ, MAP_PRIVATE, self, 0);
  yes_no("the program's file",
         pread(self, target, size, 0) == (ssize_t)size && memcmp(mapped, target, size) == 0);
  lseek(self, 1000, SEEK_SET);
  yes_no("from a position", read(self, target, 70000) == 70000 && memcmp(mapped + 1000, target, 70000) == 0);
  value("offset", lseek(self, 0, SEEK_CUR));
  pipes();
  int ends[2];
  if (pipe(ends)) return 1;
  stream("pipe", ends[0], ends[1], 65536, 131072);
  if (pipe(ends)) return 1;
  stream("pipe, odd sizes", ends[0], ends[1], 50001, 1000000);
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) return 1;
  stream("unix stream", ends[0], ends[1], 65536, 131072);
  return 0;
}
