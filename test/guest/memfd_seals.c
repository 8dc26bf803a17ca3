// memfd_create: names, flags, seals and what they forbid, mappings, running a program from it.
//@ needs: files exec memfd
#include "guest.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#define MFD_EXEC 16u
#endif
#define SEAL_EXEC 0x20

static int make(unsigned flags) {
  return SYS_2(SYS_memfd_create, "some name", flags);
}

static int sealable(long size) {
  int fd = make(MFD_ALLOW_SEALING | MFD_EXEC);
  if (ftruncate(fd, size)) _exit(97);
  return fd;
}

static long seal(int fd, unsigned seals) {
  return SYS_3(SYS_fcntl, fd, F_ADD_SEALS, seals);
}

static long seals(int fd) {
  return SYS_2(SYS_fcntl, fd, F_GET_SEALS);
}

static long map(int fd, int prot, int flags) {
  return SYS_6(SYS_mmap, 0, PAGE, prot, flags, fd, 0);
}

static void link_of(const char *what, int fd) {
  char path[40], text[300];
  sprintf(path, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(path, text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  say("%s: %s", what, text);
}

static void names(void) {
  char name[260];
  memset(name, 'n', sizeof name);
  name[250] = 0;
  value("name of 250", SYS_2(SYS_memfd_create, name, 0));
  name[249] = 0;
  int fd = SYS_2(SYS_memfd_create, name, 0);
  outcome("name of 249", fd);
  close(fd);
  memset(name, 'n', 251);
  char *page = pages(2);
  memset(page, 'x', 2 * PAGE);
  value("name without end", SYS_2(SYS_memfd_create, page, 0));
  value("no name", SYS_2(SYS_memfd_create, 8, 0));
  fd = SYS_2(SYS_memfd_create, "", 0);
  link_of("empty name", fd);
  close(fd);
  fd = SYS_2(SYS_memfd_create, "a/b c", MFD_CLOEXEC);
  link_of("name with a slash", fd);
  value("close on exec", fcntl(fd, F_GETFD));
  close(fd);
  value("unknown flag", SYS_2(SYS_memfd_create, "x", 0x100));
  value("huge size alone", SYS_2(SYS_memfd_create, "x", 21u << 26));
  value("exec and noexec", make(MFD_EXEC | MFD_NOEXEC_SEAL));
}

static void attributes(const char *what, int fd) {
  struct stat s;
  fstat(fd, &s);
  say("%s: mode %o, links %ld, size %ld, seals %lx", what, s.st_mode, (long)s.st_nlink, (long)s.st_size,
      seals(fd));
}

static void kinds(void) {
  int fd = make(0);
  say("access %o", fcntl(fd, F_GETFL) & O_ACCMODE);
  attributes("plain", fd);
  value("seal plain", seal(fd, F_SEAL_GROW));
  value("seal plain, unknown", seal(fd, 0x100));
  close(fd);
  fd = make(MFD_ALLOW_SEALING);
  attributes("sealing", fd);
  value("unknown seal", seal(fd, 0x100));
  value("none", seal(fd, 0));
  close(fd);
  fd = make(MFD_NOEXEC_SEAL);
  attributes("noexec", fd);
  value("chmod 0600", fchmod(fd, 0600) ? -errno : 0);
  value("chmod 0700", fchmod(fd, 0700) ? -errno : 0);
  attributes("noexec", fd);
  close(fd);
  fd = make(MFD_ALLOW_SEALING | MFD_EXEC);
  value("seal exec", seal(fd, SEAL_EXEC));
  attributes("exec sealed", fd);
  value("write", SYS_3(SYS_write, fd, "x", 1));
  close(fd);
  int ends[2];
  if (pipe(ends)) _exit(97);
  value("seals of a pipe", seals(ends[0]));
  value("seal a pipe", seal(ends[1], 0));
  close(ends[0]), close(ends[1]);
}

static void shrink_and_grow(void) {
  int fd = sealable(2 * PAGE);
  value("seal shrink", seal(fd, F_SEAL_SHRINK));
  value("shrink", ftruncate(fd, PAGE) ? -errno : 0);
  value("same", ftruncate(fd, 2 * PAGE) ? -errno : 0);
  value("grow", ftruncate(fd, 3 * PAGE) ? -errno : 0);
  value("seal grow", seal(fd, F_SEAL_GROW));
  value("grow", ftruncate(fd, 4 * PAGE) ? -errno : 0);
  value("seals", seals(fd));
  value("write inside", SYS_4(SYS_pwrite64, fd, "ab", 2, 3 * PAGE - 2));
  value("write behind", SYS_4(SYS_pwrite64, fd, "ab", 2, 3 * PAGE));
  value("write across", SYS_4(SYS_pwrite64, fd, "ab", 2, 3 * PAGE - 1));
  value("allocate inside", SYS_4(SYS_fallocate, fd, 0, 0, PAGE));
  value("allocate behind", SYS_4(SYS_fallocate, fd, 0, 3 * PAGE, PAGE));
  value("allocate behind, keeping", SYS_4(SYS_fallocate, fd, FALLOC_FL_KEEP_SIZE, 3 * PAGE, PAGE));
  value("punch", SYS_4(SYS_fallocate, fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, PAGE));
  char path[40];
  sprintf(path, "/proc/self/fd/%d", fd);
  value("open and truncate", SYS_2(SYS_open, path, O_RDWR | O_TRUNC));
  int reader = open(path, O_RDONLY);
  outcome("open for reading", reader);
  value("seal through it", seal(reader, F_SEAL_WRITE));
  value("seals through it", seals(reader));
  close(reader);
  value("seal seals", seal(fd, F_SEAL_SEAL));
  value("seal more", seal(fd, F_SEAL_WRITE));
  value("seals", seals(fd));
  close(fd);
}

static void writes(int first_map) {
  int fd = sealable(PAGE);
  if (write(fd, "contents", 8) != 8) _exit(97);
  char path[40];
  sprintf(path, "/proc/self/fd/%d", fd);
  int reader = open(path, O_RDONLY);
  if (first_map) {
    long at = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
    *(char *)at = 'C';
    value("seal write while mapped", seal(fd, F_SEAL_WRITE));
    SYS_2(SYS_munmap, at, PAGE);
    at = map(fd, PROT_READ, MAP_SHARED);
    value("while mapped for reading, from a writable file", seal(fd, F_SEAL_WRITE));
    SYS_2(SYS_munmap, at, PAGE);
    at = map(reader, PROT_READ, MAP_SHARED);
    long own = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    *(char *)own = 'x';
    pid_t child = fork();
    if (child == 0) {
      *(char *)map(fd, PROT_READ | PROT_WRITE, MAP_SHARED) = 'D';
      _exit(0);
    }
    waitpid(child, NULL, 0);
    value("seal write", seal(fd, F_SEAL_WRITE));
    say("mapped: %s", (char *)at);
    SYS_2(SYS_munmap, at, PAGE);
    SYS_2(SYS_munmap, own, PAGE);
  } else
    value("seal write", seal(fd, F_SEAL_WRITE));
  value("write", SYS_4(SYS_pwrite64, fd, "ab", 2, 0));
  value("write nothing", SYS_4(SYS_pwrite64, fd, "ab", 0, 0));
  value("punch", SYS_4(SYS_fallocate, fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, PAGE));
  value("map shared, writable", map(fd, PROT_READ | PROT_WRITE, MAP_SHARED));
  long at = map(fd, PROT_READ, MAP_SHARED);
  outcome("map shared", at);
  value("make it writable", SYS_3(SYS_mprotect, at, PAGE, PROT_READ | PROT_WRITE));
  say("contents: %s", (char *)at);
  long own = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  outcome("map private, writable", own);
  *(char *)own = 'P';
  say("contents: %s, own: %s", (char *)at, (char *)own);
  value("grow", ftruncate(fd, 2 * PAGE) ? -errno : 0);
  value("shrink", ftruncate(fd, 4) ? -errno : 0);
  say("contents: %s", (char *)at);
  value("seal write again", seal(fd, F_SEAL_WRITE));
  close(fd), close(reader);
}

static void future_writes(void) {
  int fd = sealable(PAGE);
  char *at = (char *)map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
  value("seal future writes", seal(fd, F_SEAL_FUTURE_WRITE));
  strcpy(at, "still");
  value("write", SYS_4(SYS_pwrite64, fd, "ab", 2, 0));
  value("map shared, writable", map(fd, PROT_READ | PROT_WRITE, MAP_SHARED));
  char *second = (char *)map(fd, PROT_READ, MAP_SHARED);
  say("contents: %s", second);
  value("make it writable", SYS_3(SYS_mprotect, second, PAGE, PROT_READ | PROT_WRITE));
  value("remove", SYS_3(SYS_madvise, at, PAGE, MADV_REMOVE));
  value("seals", seals(fd));
  close(fd);
}

static void shared_by_fork(void) {
  int fd = make(MFD_CLOEXEC);
  value("truncate", ftruncate(fd, 100 * PAGE) ? -errno : 0);
  char *at = mmap(NULL, 100 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fork() == 0) {
    strcpy(at + 99 * PAGE, "from the child");
    _exit(0);
  }
  wait(NULL);
  char text[16] = "";
  value("read", SYS_4(SYS_pread64, fd, text, 15, 99 * PAGE));
  say("text: %s", text);
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[400];
  while (fgets(line, sizeof line, maps))
    if (strstr(line, "memfd:")) say("maps: %s", strtok(strchr(line, '/'), "\n"));
  fclose(maps);
}

static void runs_from_it(void) {
  int self = open("/proc/self/exe", O_RDONLY), fd = make(MFD_CLOEXEC);
  char buffer[65536];
  for (ssize_t n; (n = read(self, buffer, sizeof buffer)) > 0;)
    if (write(fd, buffer, n) != n) _exit(97);
  char path[40];
  sprintf(path, "/proc/self/fd/%d", fd);
  for (int sealed = 0; sealed < 2; sealed++) {
    pid_t child = fork();
    if (child == 0) {
      execl(path, "name", "child", NULL);
      _exit(errno);
    }
    int status;
    waitpid(child, &status, 0);
    value("status", WEXITSTATUS(status));
    fchmod(fd, 0600);
  }
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    char text[100];
    ssize_t n = readlink("/proc/self/exe", text, sizeof text - 1);
    text[n < 0 ? 0 : n] = 0;
    say("runs from %s", text);
    return 7;
  }
  names();
  kinds();
  shrink_and_grow();
  writes(0);
  writes(1);
  future_writes();
  shared_by_fork();
  runs_from_it();
  return 0;
}
