// The position of an open file that many move at once: threads, and processes that have it from their parent. Nobody reads
// what another has read, nothing is left out, and what faults does not count.
//@ args: readers
//@ args: writers
//@ args: processes
//@ args: seekers
//@ args: faults
//@ args: vectors
//@ args: written vectors
//@ needs: threads files
#include "guest.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { RECORDS = 16384, THREADS = 8 };

static int fd;
static char path[64];
// Of each record how often it was met; shared with children.
static unsigned char *met;

static void make(void) {
  static unsigned long records[RECORDS];
  for (unsigned long i = 0; i < RECORDS; i++)
    records[i] = i;
  snprintf(path, sizeof path, "/tmp/offsets-%d", getpid());
  fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0 || write(fd, records, sizeof records) != sizeof records) _exit(1);
  lseek(fd, 0, SEEK_SET);
  met = mmap(NULL, RECORDS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void tell(const char *what) {
  unsigned once = 0, never = 0, often = 0;
  for (unsigned i = 0; i < RECORDS; i++) {
    once += met[i] == 1;
    never += met[i] == 0;
    often += met[i] > 1;
  }
  printf("%s: %u once, %u never, %u more often, at %ld\n", what, once, never, often,
         (long)lseek(fd, 0, SEEK_CUR));
  memset(met, 0, RECORDS);
}

static void meet(unsigned long record) {
  if (record < RECORDS) __atomic_fetch_add(met + record, 1, __ATOMIC_RELAXED);
}

static void *reads(void *unused) {
  unsigned long record;
  while (read(fd, &record, 8) == 8)
    meet(record);
  return unused;
}

static void *writes(void *name) {
  unsigned long record = RECORDS + (unsigned long)name;
  for (int i = 0; i < RECORDS / THREADS; i++)
    if (write(fd, &record, 8) != 8) return NULL;
  return name;
}

static void *reads_vectors(void *unused) {
  unsigned long records[4];
  struct iovec vectors[] = {{records, 8}, {records + 1, 16}, {records + 3, 8}};
  while (readv(fd, vectors, 3) == 32)
    for (int i = 0; i < 4; i++)
      meet(records[i]);
  return unused;
}

static void *writes_vectors(void *name) {
  unsigned long record = RECORDS + (unsigned long)name;
  struct iovec vectors[] = {{&record, 8}, {&record, 8}};
  for (int i = 0; i < RECORDS / THREADS / 2; i++)
    if (writev(fd, vectors, 2) != 16) return NULL;
  return name;
}

// Goes back a little each time, and so meets records again: how many it was is in its result.
static void *seeks(void *unused) {
  unsigned long record, wrong = 0;
  for (int i = 0; i < 4000; i++) {
    long at = lseek(fd, i * 8 % (RECORDS * 4), SEEK_SET);
    wrong += at != i * 8 % (RECORDS * 4);
    if (read(fd, &record, 8) != 8 || record >= RECORDS) wrong++;
    wrong += lseek(fd, 0, SEEK_END) != RECORDS * 8;
  }
  (void)unused;
  return (void *)wrong;
}

static void all(void *(*run)(void *)) {
  pthread_t threads[THREADS];
  for (long i = 0; i < THREADS; i++)
    pthread_create(threads + i, NULL, run, (void *)i);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
}

static void processes(void) {
  for (int round = 0; round < 4; round++) {
    lseek(fd, 0, SEEK_SET);
    pid_t children[3];
    for (int i = 0; i < 3; i++)
      if ((children[i] = fork()) == 0) {
        all(reads);
        _exit(0);
      }
    reads(NULL);
    for (int i = 0; i < 3; i++)
      waitpid(children[i], NULL, 0);
    tell("three children and their parent");
  }
}

static void faults(void) {
  unsigned long record;
  char *area = pages(2);
  munmap(area + PAGE, PAGE);
  for (int i = 0; i < 200; i++)
    if (read(fd, &record, 8) != 8 || record != (unsigned long)i) printf("record %d is %lu\n", i, record);
  value("read where nothing is", SYS_3(SYS_read, fd, 0, 8));
  value("position", lseek(fd, 0, SEEK_CUR));
  value("read over the end of memory", SYS_3(SYS_read, fd, area + PAGE - 16, 64));
  value("position", lseek(fd, 0, SEEK_CUR));
  value("pread where nothing is", SYS_4(SYS_pread64, fd, 0, 8, 0));
  value("write from where nothing is", SYS_3(SYS_write, fd, 0, 8));
  value("position", lseek(fd, 0, SEEK_CUR));
  value("write over the end of memory", SYS_3(SYS_write, fd, area + PAGE - 16, 64));
  value("position", lseek(fd, 0, SEEK_CUR));
  value("seek before the beginning", lseek(fd, -1, SEEK_SET));
  value("seek in an odd way", lseek(fd, 0, 17));
  value("pread before the beginning", pread(fd, &record, 8, -8));
  value("read nothing", read(fd, &record, 0));
  value("read at the end", pread(fd, &record, 8, RECORDS * 8));
  value("read the last bytes", pread(fd, &record, 8, RECORDS * 8 - 3));
  value("data", lseek(fd, 100, SEEK_DATA));
  value("hole", lseek(fd, 100, SEEK_HOLE));
  value("data behind the end", lseek(fd, RECORDS * 8, SEEK_DATA));
}

int main(int count, char **words) {
  const char *what = count > 1 ? words[1] : "";
  make();
  if (strcmp(what, "readers") == 0) {
    for (int round = 0; round < 4; round++) {
      all(reads);
      tell("threads");
      lseek(fd, 0, SEEK_SET);
    }
  } else if (strcmp(what, "vectors") == 0) {
    all(reads_vectors);
    tell("threads, four at once");
  } else if (strcmp(what, "writers") == 0 || strcmp(what, "written") == 0) {
    all(strcmp(what, "writers") == 0 ? writes : writes_vectors);
    unsigned long written[THREADS] = {0}, record;
    value("position", lseek(fd, 0, SEEK_CUR));
    for (int i = 0; i < RECORDS && pread(fd, &record, 8, i * 8) == 8; i++)
      if (record >= RECORDS && record < RECORDS + THREADS) written[record - RECORDS]++;
    for (int i = 0; i < THREADS; i++)
      value("written by one", written[i]);
  } else if (strcmp(what, "processes") == 0) {
    processes();
  } else if (strcmp(what, "seekers") == 0) {
    // One by itself: its positions are its own.
    pthread_t thread;
    void *wrong;
    pthread_create(&thread, NULL, seeks, NULL);
    pthread_join(thread, &wrong);
    value("wrong", (long)wrong);
    all(seeks);
    puts("all have ended");
  } else {
    faults();
  }
  unlink(path);
  return 0;
}
