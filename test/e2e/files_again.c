// Files that are opened again at once, of an overlay of the host's that two mounts show: each time as it is then, whatever
// became of it meanwhile.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LENGTH 6

static char data[64];

static void put(const char *path, int flags, const char *text) {
  int f = open(path, O_WRONLY | flags, 0600);
  if (f < 0 || write(f, text, strlen(text)) != (ssize_t)strlen(text))
    printf("%s: cannot be written: %d\n", path, errno);
  close(f);
}

/* What is read of a file, and what its memory shows. */
static void look(const char *what, const char *path) {
  int f = open(path, O_RDONLY);
  if (f < 0) {
    printf("%s: errno %d\n", what, errno);
    return;
  }
  memset(data, 0, sizeof data);
  ssize_t n = read(f, data, LENGTH);
  struct stat st;
  fstat(f, &st);
  printf("%s: read %zd '%s', size %lld, ", what, n, data, (long long)st.st_size);
  char *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, f, 0);
  if (memory == MAP_FAILED)
    printf("mmap errno %d\n", errno);
  else if (st.st_size == 0)
    printf("mapped\n");
  else
    printf("memory '%.*s'\n", LENGTH, memory);
  if (memory != MAP_FAILED) munmap(memory, 4096);
  close(f);
}

static void again(const char *path) {
  close(open(path, O_RDONLY));
}

static void positions(void) {
  put("/o/long", O_CREAT, "abcdefghij");
  int f = open("/o/long", O_RDONLY);
  read(f, data, 3);
  close(f);
  f = open("/o/long", O_RDONLY);
  int other = open("/o/long", O_RDONLY);
  memset(data, 0, sizeof data);
  read(f, data, 2);
  read(other, data + 2, 4);
  printf("two of one file: '%s', at %lld and %lld\n", data, (long long)lseek(f, 0, SEEK_CUR),
         (long long)lseek(other, 0, SEEK_CUR));
  close(f), close(other);
}

static void protection(void) {
  again("/o/long");
  int f = open("/o/long", O_RDONLY);
  void *shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, f, 0);
  printf("writing to what is open for reading: %d, errno %d\n",
         mprotect(shared, 4096, PROT_READ | PROT_WRITE), errno);
  char *own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 0);
  own[0] = '!';
  close(f);
  look("a private copy was written to", "/o/long");
  printf("which has '%.4s'\n", own);
}

/* Without CAP_DAC_OVERRIDE. */
static void permission(void) {
  put("/o/secret", O_CREAT, "secret");
  again("/o/secret");
  chmod("/o/secret", 0);
  look("nobody may read it", "/o/secret");
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  again("/o/lower");
  put("/o/lower", 0, "upper1");
  look("written since, for the first time", "/o/lower");
  again("/o/lower2");
  put("/p/lower2", 0, "upper2");
  look("written by the other mount", "/o/lower2");
  again("/o/lower3");
  chmod("/o/lower3", 0640);
  look("with another mode", "/o/lower3");
  put("/o/lower3", 0, "upper3");
  look("and written", "/o/lower3");
  again("/o/lower");
  truncate("/o/lower", 2);
  look("cut", "/o/lower");
  again("/o/lower4");
  put("/o/new", O_CREAT, "newer!");
  rename("/o/new", "/o/lower4");
  look("replaced", "/o/lower4");
  look("which was its name", "/o/new");
  again("/o/lower4");
  unlink("/p/lower4");
  look("removed", "/o/lower4");
  put("/o/lower4", O_CREAT, "again!");
  look("made again", "/o/lower4");
  again("/o/lower4");
  put("/o/lower4", O_TRUNC, "");
  look("emptied", "/o/lower4");
  int f = open("/o/lower4", O_RDONLY);
  unlink("/o/lower4");
  close(f);
  look("removed while it was open", "/o/lower4");
  positions();
  protection();
  permission();
  return 0;
}
