// Files that are lent to other kernel threads, while everything happens to them at once: read, written, closed, opened anew,
// duplicated, sought in by threads and by children that are killed in the middle of it; lengths, limits and modes that
// change; routes that are scribbled over. Every record that is read must be one of the files', from where it stands.
//@ args: 1
//@ args: 2
//@ args: 3
//@ ends: any
//@ deadline: 30
//@ cflags: -pthread
#include "hostile.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { FILES = 3, RECORDS = 8192, DESCRIPTORS = 6, THREADS = 8, CHILDREN = 4 };

struct record {
  uint32_t file, number;
  uint64_t check;
};

static char paths[FILES][64];
static int descriptors[DESCRIPTORS];
static int seed;
static volatile int stop;

static uint64_t check(uint32_t file, uint32_t number) {
  return (file + 1) * 0x9e3779b97f4a7c15u + number * 0xbf58476d1ce4e5b9u;
}

struct generator {
  uint64_t state;
};

static uint64_t roll(struct generator *g, uint64_t below) {
  g->state ^= g->state << 13, g->state ^= g->state >> 7, g->state ^= g->state << 17;
  return (g->state >> 11) % below;
}

// The same at each place of all files, so that one that is read while it is written is whole. Holes that a truncation
// has left are zero.
static struct record record_at(uint32_t number) {
  return (struct record){number % FILES, number, check(number % FILES, number)};
}

static void look(const struct record *r, long at) {
  if (r->file == 0 && r->number == 0 && r->check == 0) return;
  if (r->number >= RECORDS || r->file != r->number % FILES || r->check != check(r->file, r->number))
    bad("a record that was never written", r->number);
  else if (at >= 0 && r->number != (uint32_t)at)
    bad("a record from another place", r->number);
}

// The three pieces of a record.
static void in_pieces(struct iovec *vectors, struct record *r) {
  vectors[0] = (struct iovec){&r->file, sizeof r->file};
  vectors[1] = (struct iovec){&r->number, sizeof r->number};
  vectors[2] = (struct iovec){&r->check, sizeof r->check};
}

static void write_one(int fd, struct generator *g, int own) {
  struct record r = record_at(roll(g, RECORDS));
  if (own)
    read(fd, &r, sizeof r); // its position moves; what was there may be a hole
  else
    pwrite(fd, &r, sizeof r, r.number * (long)sizeof r);
}

static void change(struct generator *g) {
  int file = roll(g, FILES);
  switch (roll(g, 6)) {
  case 0:
    truncate(paths[file], roll(g, RECORDS) * (long)sizeof(struct record));
    break;
  case 1:
    truncate(paths[file], RECORDS * (long)sizeof(struct record));
    break;
  case 2:
    chmod(paths[file], roll(g, 2) ? 04755 : 0644);
    break;
  case 3: {
    int appends = open(paths[file], O_RDWR);
    fcntl(appends, F_SETFL, O_APPEND);
    fcntl(appends, F_SETFL, 0);
    close(appends);
    break;
  }
  case 4: {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    struct rlimit low = {limit.rlim_max == RLIM_INFINITY ? 1 << 20 : limit.rlim_max, limit.rlim_max};
    setrlimit(RLIMIT_FSIZE, &low);
    setrlimit(RLIMIT_FSIZE, &limit);
    break;
  }
  default:
    utimensat(AT_FDCWD, paths[file], NULL, 0);
  }
}

static volatile uint8_t *route_of(int fd) {
  return (volatile uint8_t *)(((uintptr_t)SLOT & -(uintptr_t)RF_CHUNK_SIZE) + RF_ROUTES + fd);
}

static void act(struct generator *g, int may_change) {
  struct record r;
  int fd = descriptors[roll(g, DESCRIPTORS)];
  long at = roll(g, RECORDS), end;
  struct iovec vectors[3];
  in_pieces(vectors, &r);
  switch (roll(g, may_change ? 19 : 13)) {
  case 0:
  case 1:
  case 2:
    if (pread(fd, &r, sizeof r, at * (long)sizeof r) == sizeof r) look(&r, at);
    break;
  case 3:
  case 4:
    if (read(fd, &r, sizeof r) == sizeof r) look(&r, -1);
    break;
  case 5:
    lseek(fd, at * (long)sizeof r, SEEK_SET);
    break;
  case 6:
    if ((end = lseek(fd, 0, SEEK_END)) > 0 && end % (long)sizeof r != 0) bad("an end between records", end);
    break;
  case 7:
    write_one(fd, g, 0);
    break;
  case 8:
    write_one(fd, g, 1);
    break;
  case 9:
    SYS_4(SYS_pread64, fd, 0, sizeof r, at);
    break;
  case 10:
    if (preadv(fd, vectors, 3, at * (long)sizeof r) == sizeof r) look(&r, at);
    break;
  case 11:
    r = record_at(at);
    pwritev(fd, vectors, 3, at * (long)sizeof r);
    break;
  case 12:
    r = record_at(at);
    vectors[2].iov_base = NULL;
    if (SYS_5(SYS_pwritev, fd, vectors + 2, 1, at * (long)sizeof r, 0) > 0) bad("nothing was written", at);
    break;
  case 13:
    dup2(descriptors[roll(g, DESCRIPTORS)], fd);
    break;
  case 14: {
    int again = open(paths[roll(g, FILES)], O_RDWR);
    dup2(again, fd);
    close(again);
    break;
  }
  case 15:
    close(fd);
    dup2(descriptors[roll(g, DESCRIPTORS)], fd);
    break;
  case 16:
    *route_of(fd) = roll(g, *(volatile uint32_t *)(RF_KERNEL_PAGE + RF_KP_THREADS));
    break;
  default:
    change(g);
  }
}

static void *storms(void *number) {
  struct generator g = {(uint64_t)(uintptr_t)number * 77777 + seed};
  for (int i = 0; i < 20; i++)
    roll(&g, 2);
  while (!stop)
    act(&g, 1);
  return NULL;
}

static pid_t child(int number) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  struct generator g = {(uint64_t)number * 999331 + seed + getpid()};
  for (;;)
    act(&g, 0);
}

int main(int count, char **words) {
  pthread_t threads[THREADS];
  pid_t children[CHILDREN];
  seed = count > 1 ? atoi(words[1]) * 7919 : 1;
  for (int file = 0; file < FILES; file++) {
    static struct record records[RECORDS];
    for (uint32_t i = 0; i < RECORDS; i++)
      records[i] = record_at(i);
    snprintf(paths[file], sizeof paths[file], "/tmp/storm-%d-%d", getpid(), file);
    int fd = open(paths[file], O_RDWR | O_CREAT | O_EXCL, 0644);
    if (fd < 0 || write(fd, records, sizeof records) != sizeof records) return 1;
    for (int i = file; i < DESCRIPTORS; i += FILES)
      descriptors[i] = fcntl(fd, F_DUPFD, 10);
    close(fd);
  }
  for (long i = 0; i < THREADS; i++)
    pthread_create(threads + i, NULL, storms, (void *)(i + 1));
  for (int i = 0; i < CHILDREN; i++)
    children[i] = child(i);
  struct generator g = {seed + 1};
  for (double end = seconds() + 2 * FLOOD_S; seconds() < end;) {
    usleep(2000 + roll(&g, 4000));
    int which = roll(&g, CHILDREN);
    kill(children[which], SIGKILL);
    waitpid(children[which], NULL, 0);
    children[which] = child(which);
  }
  stop = 1;
  for (int i = 0; i < CHILDREN; i++) {
    kill(children[i], SIGKILL);
    waitpid(children[i], NULL, 0);
  }
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  for (int file = 0; file < FILES; file++)
    unlink(paths[file]);
  say("done");
  return 0;
}
