// Copy rounds of writev and pwritev that a data thread has asked for, answered by everything but what it has asked for:
// absurd lengths, other vectors and descriptors in the slot, another call, outcomes to every thread, twice; while other
// threads close and open the file, change its flags and length, and write in the slot. What is written must be the
// file's letter, in the file alone.
//@ args: 0
//@ args: 1
//@ args: 2
//@ args: 3
//@ ends: any
//@ deadline: 10
//@ cflags: -pthread
#include "hostile.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { SIZE = 256 << 10, COPY_IN_MORE = 4, PATCHED = 9, COPY_READY = 8, FD = 20, READ_ONLY = 21, OTHER = 22 };

static char path[64], other_path[64];
static volatile uint64_t *asked; // rounds, of all children

static uint32_t threads(void) {
  return *(volatile uint32_t *)(RF_KERNEL_PAGE + RF_KP_THREADS);
}

// A call on vectors as it stands in the slot. The bytes that it writes are 'a'.
static char letters[4096];
static uint32_t begin(uint32_t thread, int fd, long nr, uint64_t count, uint64_t length) {
  struct iovec vectors[64];
  for (int i = 0; i < 64; i++)
    vectors[i] = (struct iovec){letters, next_random() % 8 ? length : nasty()};
  memcpy((char *)SLOT + RF_WINDOW, vectors, sizeof vectors);
  *quad_at(RF_RDI) = fd;
  *quad_at(RF_RSI) = (uint64_t)letters;
  *quad_at(RF_RDX) = count;
  *quad_at(RF_R10) = next_random() % 4 ? next_random() % SIZE : nasty();
  *quad_at(RF_R8) = 0;
  *quad_at(RF_ORIG_RAX) = nr;
  *word_at(RF_REQ_IN_LENGTH) = next_random() % 8 ? count * 16 : nasty();
  return forge_to(thread, PATCHED, nr);
}

static void answers(int how) {
  uint32_t thread = next_random() % threads();
  int fd = next_random() % 8 ? FD : next_random() % 2 ? READ_ONLY : OTHER;
  uint32_t code = reply_to(begin(thread, fd, next_random() % 2 ? SYS_pwritev : SYS_writev,
                                 1 + next_random() % 40, next_random() % 64),
                           4);
  if (code != COPY_IN_MORE) return;
  ++*asked;
  uint64_t total = 0;
  for (int i = 0; i < 64 && i < (int)(*word_at(RF_REP_COUNT) & RF_REP_COUNT_MASK); i++)
    total += *word_at(RF_PIECES + i * RF_PIECE_SIZE + RF_PIECE_LENGTH);
  memset((char *)SLOT + RF_WINDOW, 'a', RF_WINDOW_SIZE);
  *quad_at(RF_REQ_VALUE) = next_random() % 2 ? total : nasty();
  switch (next_random() % 8) {
  case 0:
    *quad_at(RF_RDI) = next_random() % 3 ? READ_ONLY : nasty();
    break;
  case 1:
    *quad_at(RF_RDX) = nasty();
    *word_at(RF_REQ_IN_LENGTH) = nasty();
    break;
  case 2:
    dup2(READ_ONLY, FD), dup2(OTHER + 1, FD); // a call of its own in the middle
    return;
  case 3:
    forge_to((thread + 1) % threads(), 1 + next_random() % 9, SYS_getppid);
    break;
  default:
    break;
  }
  uint32_t kind = how == 0 || next_random() % 4 ? COPY_READY : 1 + next_random() % 9;
  reply_to(forge_to(thread, kind, SYS_pwritev), 4);
  if (next_random() % 4 == 0) reply_to(forge_to(thread, COPY_READY, SYS_pwritev), 2);
}

static void *changes(void *unused) {
  (void)unused;
  for (unsigned i = 0; i + 1 != 0; i++) {
    switch (i % 5) {
    case 0: {
      int again = open(path, O_RDWR);
      dup2(again, FD);
      close(again);
      break;
    }
    case 1:
      dup2(READ_ONLY, FD);
      break;
    case 2:
      fcntl(FD, F_SETFL, O_APPEND);
      fcntl(FD, F_SETFL, 0);
      break;
    case 3:
      truncate(path, i % 2 ? SIZE : SIZE / 2);
      break;
    default:
      close(FD);
    }
    struct iovec vectors[2] = {{letters, 3}, {letters, 5}};
    pwritev(FD, vectors, 2, i % SIZE);
  }
  return NULL;
}

static void *scribbles(void *unused) {
  (void)unused;
  uint64_t z = 88172645463325252u;
  while (z != 0) {
    z ^= z << 13, z ^= z >> 7, z ^= z << 17;
    static const unsigned long at[] = {
        RF_RDI, RF_RDX, RF_R10, RF_REQ_VALUE, RF_REQ_IN_LENGTH, RF_PIECES + RF_PIECE_LENGTH, RF_REP_COUNT};
    volatile uint32_t *word = word_at(at[z % 7]);
    *word = (uint32_t)(z >> 32) % 64;
    if (z % 97 == 0) HOST_0(SYS_sched_yield);
  }
  return NULL;
}

static void only(const char *name, const char *allowed) {
  static char bytes[SIZE * 2];
  int fd = open(name, O_RDONLY);
  long n = read(fd, bytes, sizeof bytes);
  if (n != SIZE) bad("its length", n < 0 ? -errno : n);
  for (long i = 0; i < n; i++)
    if (bytes[i] != 0 && !strchr(allowed, bytes[i])) {
      bad("a byte that nobody wrote there", i);
      break;
    }
  close(fd);
}

static void child(int how, int number) {
  pthread_t t[2];
  random_state = (uint64_t)how * 7919 + number * 104729;
  if (how >= 2) pthread_create(t, NULL, changes, NULL);
  if (how == 3) pthread_create(t + 1, NULL, scribbles, NULL);
  struct iovec vectors[2] = {{letters, 3}, {letters, 5}};
  for (int i = 0; i < 4; i++)
    pwritev(FD, vectors, 2, i), pread(READ_ONLY, vectors, 8, i);
  for (;;)
    answers(how);
}

int main(int count, char **words) {
  int how = count > 1 ? atoi(words[1]) : 0, ended;
  static char other_letters[SIZE];
  memset(letters, 'a', sizeof letters);
  memset(other_letters, 'b', SIZE);
  asked = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  snprintf(path, sizeof path, "/tmp/rounds-%d-a", getpid());
  snprintf(other_path, sizeof other_path, "/tmp/rounds-%d-b", getpid());
  int a = open(path, O_RDWR | O_CREAT | O_EXCL, 0644), b = open(other_path, O_RDWR | O_CREAT | O_EXCL, 0644);
  if (a < 0 || ftruncate(a, SIZE) || b < 0 || write(b, other_letters, SIZE) != SIZE) return 1;
  dup2(a, FD);
  dup2(open(other_path, O_RDONLY), READ_ONLY);
  dup2(open(other_path, O_RDONLY), OTHER);
  dup2(a, OTHER + 1);
  close(a), close(b);
  int number = 0;
  for (double end = seconds() + FORGE_S; seconds() < end; number++) {
    pid_t pid = fork();
    if (pid == 0) child(how, number);
    for (int i = 0; i < 20 && waitpid(pid, &ended, WNOHANG) == 0; i++)
      usleep(1000);
    kill(pid, SIGKILL);
    waitpid(pid, &ended, 0);
  }
  only(other_path, "b");
  unlink(path), unlink(other_path);
  if (getenv("SHOW")) say("%lu rounds of %d children", (unsigned long)*asked, number);
  say("survived");
  return 0;
}
