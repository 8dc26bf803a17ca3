// Threads read and map one file, while others close a copy of its descriptor, open files under numbers that were just
// closed, fork, and have tables of descriptors of their own: what is read and mapped is that file.
#include "guest.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#define SIZE (1l << 20)
#define PIECE 65536l
#define ROUNDS 60

static int a;
static int go = 1;
static long wrong, missing, done;

static int file_of(char fill) {
  char name[] = "/tmp/kept_threads.XXXXXX", bytes[PIECE];
  int fd = mkstemp(name);
  memset(bytes, fill, sizeof bytes);
  for (long size = 0; size < SIZE; size += PIECE)
    if (write(fd, bytes, sizeof bytes) != PIECE) say("write: %d", errno);
  close(fd);
  fd = open(name, O_RDONLY);
  unlink(name);
  return fd;
}

static void look(const char *bytes, long n) {
  if (n != PIECE)
    __atomic_add_fetch(&missing, 1, __ATOMIC_RELAXED);
  else if (bytes[0] != 'a' || bytes[PIECE - 1] != 'a')
    __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
  __atomic_add_fetch(&done, 1, __ATOMIC_RELAXED);
}

static void *reads(void *own_table) {
  if (own_table) unshare(CLONE_FILES);
  char *bytes = malloc(PIECE);
  while (__atomic_load_n(&go, __ATOMIC_RELAXED))
    look(bytes, pread(a, bytes, PIECE, 0));
  free(bytes);
  return NULL;
}

static void *maps(void *own_table) {
  if (own_table) unshare(CLONE_FILES);
  while (__atomic_load_n(&go, __ATOMIC_RELAXED)) {
    char *at = mmap(NULL, PIECE, PROT_READ, MAP_PRIVATE, a, PIECE);
    look(at, at == MAP_FAILED ? 0 : PIECE);
    if (at != MAP_FAILED) munmap(at, PIECE);
  }
  return NULL;
}

int main(void) {
  a = file_of('a');
  int other = file_of('b');
  char *bytes = malloc(PIECE);
  for (long at = 0; at < SIZE; at += PIECE)
    look(bytes, pread(a, bytes, PIECE, at));
  pthread_t threads[4];
  for (long i = 0; i < 4; i++)
    pthread_create(&threads[i], NULL, i & 1 ? maps : reads, (void *)(i & 2));
  for (int i = 0; i < ROUNDS; i++) {
    close(dup(a));
    int b = dup(other);
    for (int k = 0; k < 12; k++)
      if (pread(b, bytes, PIECE, 0) != PIECE || bytes[0] != 'b') say("another file");
    char *at = mmap(NULL, PIECE, PROT_READ, MAP_PRIVATE, b, 0);
    if (at == MAP_FAILED || at[0] != 'b') say("another mapping");
    munmap(at, PIECE);
    close(b);
    if (i % 4 != 0) continue;
    pid_t child = fork();
    if (child == 0) _exit(pread(a, bytes, PIECE, 0) == PIECE && bytes[0] == 'a' ? 0 : 1);
    int status;
    waitpid(child, &status, 0);
    if (status != 0) say("a child: %x", status);
  }
  __atomic_store_n(&go, 0, __ATOMIC_RELAXED);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  say("wrong %ld, missing %ld, some %d", wrong, missing, done > 4 * 16);
  return 0;
}
