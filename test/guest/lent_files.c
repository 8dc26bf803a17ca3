// Files that are read and written again and again, and what happens to them meanwhile: their descriptors become others',
// their contents and modes change, they are watched, limited, mapped, sealed and let go of.
//@ args: replaced
//@ args: closed
//@ args: times
//@ args: length
//@ args: modes
//@ args: watched
//@ args: limited
//@ args: append
//@ args: mapped
//@ args: exec
//@ args: killed
//@ args: sealed
//@ args: vectors
//@ needs: threads files inotify
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

// More than what is kept in a kernel's own memory.
enum { SIZE = 256 << 10, CALLS = 500, THREADS = 4 };

static char first[64], second[64];
static int fd;
static volatile int stops;

static int make(char *name, const char *suffix, int letter) {
  static char bytes[SIZE];
  memset(bytes, letter, SIZE);
  snprintf(name, 64, "/tmp/lent-%d-%s", getpid(), suffix);
  int made = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);
  if (made < 0 || write(made, bytes, SIZE) != SIZE) _exit(1);
  lseek(made, 0, SEEK_SET);
  return made;
}

static void use(int file) {
  char byte = 0;
  for (int i = 0; i < CALLS; i++)
    if (pread(file, &byte, 1, i) != 1) say("pread of byte %d fails", i);
}

// Reads what the descriptor names: letters of one of the files, or nothing.
static void *reads(void *unused) {
  unsigned long wrong = 0;
  (void)unused;
  while (!stops) {
    char bytes[16];
    long n = pread(fd, bytes, 16, 4096);
    if (n < 0 ? errno != EBADF
              : n != 16 || (bytes[0] != 'a' && bytes[0] != 'b') || memcmp(bytes, bytes + 1, 15) != 0)
      wrong++;
  }
  return (void *)wrong;
}

static void with_readers(void (*run)(int)) {
  pthread_t threads[THREADS];
  void *wrong;
  for (int i = 0; i < THREADS; i++)
    pthread_create(threads + i, NULL, reads, NULL);
  for (int i = 0; i < 400; i++) {
    run(i);
    if (i % 10 == 0) usleep(1000);
  }
  stops = 1;
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], &wrong);
    value("wrong", (long)wrong);
  }
}

static int other;
static void replace(int i) {
  dup2(i & 1 ? other : open(first, O_RDONLY), fd);
}

static void close_and_open(int i) {
  close(fd);
  int again = open(i & 1 ? first : second, O_RDONLY);
  if (again == fd) return;
  dup2(again, fd);
  close(again);
}

static int is_later(struct timespec a, struct timespec b) {
  return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static void times(void) {
  struct stat before, after;
  for (int i = 0; i < 3; i++) {
    use(fd);
    fstat(fd, &before);
    usleep(30000);
    struct iovec vector = {"v", 1};
    for (int j = 0; j < CALLS; j++)
      if (i == 1)
        pwritev(fd, &vector, 1, j);
      else
        pwrite(fd, "c", 1, j);
    fstat(fd, &after);
    value("modified later", is_later(after.st_mtim, before.st_mtim));
    value("changed later", is_later(after.st_ctim, before.st_ctim));
    value("as long", after.st_size == before.st_size);
    stat(first, &before);
    value("by its name as well",
          !is_later(before.st_mtim, after.st_mtim) && !is_later(after.st_mtim, before.st_mtim));
    usleep(30000);
    use(fd);
    fstat(fd, &after);
    value("read later", is_later(after.st_atim, before.st_mtim));
  }
}

static void length(void) {
  char byte;
  use(fd);
  value("shorter", ftruncate(fd, 100));
  value("behind the end", pread(fd, &byte, 1, 200));
  value("before it", pread(fd, &byte, 1, 99));
  value("end", lseek(fd, 0, SEEK_END));
  value("longer", ftruncate(fd, SIZE));
  value("zero", pread(fd, &byte, 1, 200) == 1 && byte == 0);
  value("end", lseek(fd, 0, SEEK_END));
  value("hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
  value("zero", pread(fd, &byte, 1, 99) == 1 && byte == 0);
  value("write far behind the end", pwrite(fd, "x", 1, 4 * SIZE));
  value("end", lseek(fd, 0, SEEK_END));
  value("opened empty", close(open(first, O_WRONLY | O_TRUNC)));
  value("read", pread(fd, &byte, 1, 0));
  value("end", lseek(fd, 0, SEEK_END));
  value("write", pwrite(fd, "yy", 2, 0));
  use(open(second, O_RDONLY));
  value("read", pread(fd, &byte, 1, 1));
  value("removed", unlink(first));
  value("read", pread(fd, &byte, 1, 1));
}

static void modes(void) {
  struct stat st;
  use(fd);
  value("set-user-ID", fchmod(fd, 04755));
  for (int i = 0; i < 10; i++)
    pwrite(fd, "c", 1, i);
  fstat(fd, &st);
  value("mode", st.st_mode & 07777);
  struct iovec vector = {"c", 1};
  value("set-group-ID", fchmod(fd, 02755));
  for (int i = 0; i < 10; i++)
    pwritev(fd, &vector, 1, i);
  fstat(fd, &st);
  value("mode", st.st_mode & 07777);
  int read_only = open(first, O_RDONLY), write_only = open(first, O_WRONLY);
  char byte;
  for (int i = 0; i < 10; i++) {
    value("read", read(read_only, &byte, 1));
    value("write what was opened for reading", write(read_only, "c", 1));
    value("write", write(write_only, "c", 1));
    value("read what was opened for writing", read(write_only, &byte, 1));
  }
  value("read a place", read(open(first, O_PATH), &byte, 1));
}

static void watched(void) {
  char events[4096], byte;
  use(fd);
  int watcher = inotify_init1(IN_NONBLOCK);
  int watch = inotify_add_watch(watcher, first, IN_ACCESS | IN_MODIFY);
  pread(fd, &byte, 1, 0);
  pwrite(fd, "c", 1, 0);
  struct iovec vector = {"v", 1}, into = {&byte, 1};
  pwritev(fd, &vector, 1, 0);
  preadv(fd, &into, 1, 0);
  long n = read(watcher, events, sizeof events);
  for (long at = 0; at < n; at += sizeof(struct inotify_event))
    value("event", ((struct inotify_event *)(events + at))->mask);
  inotify_rm_watch(watcher, watch);
  use(fd);
  value("no more events but its end", read(watcher, events, sizeof events));
}

static void limited(void) {
  signal(SIGXFSZ, SIG_IGN);
  for (int i = 0; i < CALLS; i++)
    pwrite(fd, "c", 1, i);
  struct rlimit limit = {1000, RLIM_INFINITY};
  value("limit", setrlimit(RLIMIT_FSIZE, &limit));
  value("before it", pwrite(fd, "ccc", 3, 0));
  value("across it", pwrite(fd, "ccc", 3, 999));
  value("behind it", pwrite(fd, "ccc", 3, 1000));
  struct iovec vectors[] = {{"d", 1}, {"dd", 2}};
  value("vectors before it", pwritev(fd, vectors, 2, 0));
  value("vectors across it", pwritev(fd, vectors, 2, 999));
  value("vectors behind it", pwritev(fd, vectors, 2, 1000));
}

static void append(void) {
  for (int i = 0; i < CALLS; i++)
    write(fd, "c", 1);
  value("position", lseek(fd, 0, SEEK_CUR));
  value("appends from now on", fcntl(fd, F_SETFL, O_APPEND));
  value("write", write(fd, "ddd", 3));
  value("position", lseek(fd, 0, SEEK_CUR) - SIZE);
  value("pwrite appends", pwrite(fd, "eee", 3, 0));
  value("end", lseek(fd, 0, SEEK_END) - SIZE);
  struct iovec vectors[] = {{"g", 1}, {"gg", 2}};
  value("writev", writev(fd, vectors, 2));
  value("pwritev appends", pwritev(fd, vectors, 2, 0));
  value("end", lseek(fd, 0, SEEK_END) - SIZE);
  value("no more", fcntl(fd, F_SETFL, 0));
  lseek(fd, 0, SEEK_SET);
  for (int i = 0; i < CALLS; i++)
    write(fd, "f", 1);
  value("position", lseek(fd, 0, SEEK_CUR));
  value("end", lseek(fd, 0, SEEK_END) - SIZE);
}

static void mapped(void) {
  use(fd);
  char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), byte;
  for (int i = 0; i < 100; i++)
    pwrite(fd, "m", 1, i);
  value("what is written is mapped", map[50] == 'm');
  map[60] = 'n';
  value("what is mapped is read", pread(fd, &byte, 1, 60) == 1 && byte == 'n');
}

// Descriptors are others' behind an exec, and closed ones stay closed.
static void exec(void) {
  char word[16];
  int closed = open(second, O_RDONLY | O_CLOEXEC);
  use(closed);
  use(fd);
  snprintf(word, sizeof word, "%d", closed);
  fflush(stdout);
  if (fork() == 0) {
    execl("/proc/self/exe", "lent_files", "again", word, NULL);
    _exit(9);
  }
  int status;
  wait(&status);
  value("status", status);
  use(closed);
}

static void again(const char *word) {
  char byte;
  value("closed by exec", pread(atoi(word), &byte, 1, 0));
}

// Children use what they have from their parent, and are killed in the middle of it.
static void killed(void) {
  use(fd);
  for (int round = 0; round < 60; round++) {
    pid_t child = fork();
    if (child == 0)
      for (;;) {
        char bytes[64];
        struct iovec halves[] = {{bytes, 32}, {bytes + 32, 32}};
        pread(fd, bytes, 64, 0);
        pwrite(fd, bytes, 64, 0);
        preadv(fd, halves, 2, 0);
        pwritev(fd, halves, 2, 0);
        lseek(fd, 0, SEEK_SET);
        if (read(fd, bytes, 64) < 0) _exit(1);
      }
    usleep(round * 50);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    char byte;
    if (pread(fd, &byte, 1, round) != 1 || byte != 'a') say("round %d: %c", round, byte);
    if (lseek(fd, round, SEEK_SET) != round || read(fd, &byte, 1) != 1)
      say("round %d: its position is held", round);
  }
  puts("done");
}

// Writes until it is refused; the errno.
static void *writes(void *letter) {
  struct iovec vector = {letter, 1};
  for (unsigned i = 0; pwrite(fd, letter, 1, i % SIZE) == 1 && pwritev(fd, &vector, 1, i % SIZE) == 1; i++)
    ;
  return (void *)(long)errno;
}

static unsigned long sum(void) {
  static unsigned char bytes[SIZE];
  unsigned long all = 0;
  for (int at = 0; at < SIZE; at += 4096) {
    if (pread(fd, bytes + at, 4096, at) != 4096) say("a page that cannot be read, at %d", at);
    for (int i = 0; i < 4096; i++)
      all = all * 31 + bytes[at + i];
  }
  return all;
}

// What is sealed stays as it is, whoever was about to write it, and as long.
static void sealed(void) {
  static char bytes[SIZE];
  for (int round = 0; round < 10; round++) {
    pthread_t threads[THREADS];
    fd = memfd_create("sealed", MFD_ALLOW_SEALING);
    if (write(fd, bytes, SIZE) != SIZE) say("no file");
    use(fd);
    for (int i = 0; i < THREADS; i++)
      pthread_create(threads + i, NULL, writes, &"abcd"[i]);
    usleep(2000);
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) say("not sealed: %d", errno);
    if (ftruncate(fd, 100) == 0 || errno != EPERM) say("shorter");
    if (pwrite(fd, "x", 1, SIZE) == 1 || errno != EPERM) say("longer");
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) != 0) say("not sealed: %d", errno);
    unsigned long then = sum();
    usleep(2000);
    if (sum() != then) say("round %d: it was written behind its seal", round);
    for (int i = 0; i < THREADS; i++) {
      void *error;
      pthread_join(threads[i], &error);
      if ((long)error != EPERM) say("who writes ends with %ld", (long)error);
    }
    close(fd);
  }
  puts("done");
}

static void many(const char *what, long (*call)(int, const struct iovec *, int, off_t),
                 const struct iovec *vectors, int count, off_t at) {
  long last = 0;
  for (int i = 0; i < CALLS; i++)
    last = call(fd, vectors, count, at);
  value(what, last);
}

static long writes_at(int file, const struct iovec *vectors, int count, off_t at) {
  return SYS_5(SYS_pwritev, file, vectors, count, at, 0);
}

static long reads_at(int file, const struct iovec *vectors, int count, off_t at) {
  return SYS_5(SYS_preadv, file, vectors, count, at, 0);
}

static long writes_on(int file, const struct iovec *vectors, int count, off_t at) {
  (void)at;
  return SYS_3(SYS_writev, file, vectors, count);
}

static void show(off_t at) {
  char bytes[9] = "";
  say("at %ld: %ld %s", (long)at, (long)pread(fd, bytes, 8, at), bytes);
}

// Calls on vectors, which the stub fetches what they name of while others may have the file.
static void vectors(void) {
  char *area = pages(2), in[8] = "", byte = 0;
  munmap(area + PAGE, PAGE);
  memcpy(area + PAGE - 4, "wxyz", 4);
  struct iovec three[] = {{"ABC", 3}, {NULL, 0}, {"DE", 2}};
  struct iovec faults[] = {{"ok", 2}, {area + PAGE - 4, 8}};
  struct iovec nowhere[] = {{NULL, 4}, {"F", 1}};
  struct iovec kernels[] = {{"G", 1}, {(void *)(1ul << 63), 1}};
  struct iovec negative[] = {{"H", (size_t)1 << 63}};
  struct iovec into[] = {{in, 3}, {&byte, 1}, {in + 3, 4}};
  struct iovec into_nowhere[] = {{in, 2}, {NULL, 4}};
  use(fd);
  many("writev", writes_on, three, 3, 0);
  value("position", lseek(fd, 0, SEEK_CUR));
  show(CALLS * 5 - 5);
  many("pwritev", writes_at, three, 3, 8000);
  show(8000);
  value("position", lseek(fd, 0, SEEK_CUR));
  many("preadv", reads_at, into, 3, 8000);
  say("%.7s %c", in, byte);
  value("position", lseek(fd, 0, SEEK_CUR));
  for (int i = 0; i < 3; i++) {
    value("faults half way", writes_at(fd, faults, 2, 9000));
    show(9000);
    value("from nowhere", writes_at(fd, nowhere, 2, 10000));
    value("from the kernel's half", writes_at(fd, kernels, 2, 10000));
    value("a negative length", writes_at(fd, negative, 1, 10000));
    value("no vectors", writes_at(fd, three, 0, 10000));
    value("too many", writes_at(fd, three, 1025, 10000));
    value("less than none", writes_at(fd, three, -1, 10000));
    value("before the beginning", writes_at(fd, three, 3, -1));
    value("where no file reaches", writes_at(fd, three, 3, 0x7fffffffffffffff));
    value("the array is nowhere", writes_at(fd, NULL, 3, 0));
    value("to nowhere", reads_at(fd, into_nowhere, 2, 8000));
    value("read before the beginning", reads_at(fd, into, 3, -1));
    value("read over the end", reads_at(fd, into, 3, SIZE - 2));
    value("writev that faults", writes_on(fd, faults, 2, 0));
    value("position", lseek(fd, 0, SEEK_CUR));
  }
  show(10000);
  struct iovec nothing[] = {{in, 0}};
  value("nothing, and flags that are none", SYS_6(SYS_preadv2, fd, nothing, 1, 0, 0, 0x4000));
  value("flags that are none", SYS_6(SYS_preadv2, fd, into, 3, 0, 0, 0x4000));
  value("... from nowhere", SYS_6(SYS_pwritev2, fd, kernels, 2, 0, 0, 0x4000));
  value("... where no file reaches", SYS_6(SYS_pwritev2, fd, three, 3, 0x7fffffffffffffff, 0, 0x4000));
  int read_only = open(first, O_RDONLY), write_only = open(first, O_WRONLY);
  for (int i = 0; i < 10; i++) {
    value("written read-only", writes_at(read_only, three, 3, 0));
    value("read write-only", reads_at(write_only, into, 3, 0));
  }
  value("longer", writes_at(fd, three, 3, SIZE - 2));
  value("end", lseek(fd, 0, SEEK_END) - SIZE);
  int pipes[2];
  if (pipe(pipes) == 0) value("a pipe has no places", reads_at(pipes[0], into, 3, 0));
}

int main(int count, char **words) {
  static const struct {
    const char *name;
    void (*run)(void);
  } PARTS[] = {
      {"times", times},     {"length", length}, {"modes", modes},     {"watched", watched},
      {"limited", limited}, {"append", append}, {"mapped", mapped},   {"exec", exec},
      {"killed", killed},   {"sealed", sealed}, {"vectors", vectors},
  };
  const char *what = count > 1 ? words[1] : "";
  if (strcmp(what, "again") == 0) {
    again(words[2]);
    return 0;
  }
  fd = make(first, "first", 'a');
  other = make(second, "second", 'b');
  if (strcmp(what, "replaced") == 0) with_readers(replace);
  if (strcmp(what, "closed") == 0) with_readers(close_and_open);
  for (unsigned i = 0; i < sizeof PARTS / sizeof *PARTS; i++)
    if (strcmp(what, PARTS[i].name) == 0) PARTS[i].run();
  unlink(first);
  unlink(second);
  return 0;
}
