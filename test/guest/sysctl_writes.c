// Settings of /proc/sys: how they are written and read, and by whom. Nothing is written but what is no
// number, what is written at another place than the beginning, and the value that is there already: the
// machine that the program runs on stays as it is.
//@ needs: proc credentials
#include "guest.h"
#include <fcntl.h>
#include <sys/stat.h>

static char before[100], after[100];

static void get(const char *name, char *into) {
  int fd = open(name, O_RDONLY);
  long n = read(fd, into, 99);
  into[n < 0 ? 0 : n] = 0;
  close(fd);
}

static long put_at(const char *name, const char *text, off_t position) {
  int fd = open(name, O_WRONLY);
  if (fd < 0) return -errno;
  long n = pwrite(fd, text, strlen(text), position);
  if (n < 0) n = -errno;
  close(fd);
  return n;
}

static void put(const char *name, const char *text) {
  long n = put_at(name, text, 0);
  char shown[100];
  snprintf(shown, sizeof shown, "%s: \"%s\"", strrchr(name, '/') + 1, text);
  for (char *c = shown; *c; c++)
    if (*c == '\n' || *c == '\t') *c = '|';
  value(shown, n);
}

#define SYS "/proc/sys/"

static void refused(const char *name, const char *const *texts) {
  get(name, before);
  for (; *texts; texts++)
    put(name, *texts);
  get(name, after);
  yes_no(" it is what it was", strcmp(before, after) == 0);
}

int main(void) {
  static const char *const no_numbers[] = {"", "\n", "x", "1x", "-", "0x", "1,2", "08", NULL};
  static const char *const beyond[] = {"-1", "99999999999", "x 0", NULL};
  static const char *const names[] = {
      SYS "fs/protected_symlinks", SYS "fs/protected_fifos",   SYS "fs/suid_dumpable",
      SYS "vm/overcommit_memory",  SYS "kernel/kptr_restrict",
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    refused(names[i], no_numbers);
    refused(names[i], beyond);
  }
  refused(SYS "vm/swappiness", (const char *const[]){"x", "-1", NULL});

  // 0 in all the ways to say so.
  static const char *const zeros[] = {"0", "0\n", " 0", "\t0 \n", "0x0", "00", "-0", "0 7", "+0", NULL};
  get(SYS "fs/suid_dumpable", before);
  if (!strcmp(before, "0\n"))
    for (size_t i = 0; zeros[i]; i++)
      put(SYS "fs/suid_dumpable", zeros[i]);
  get(SYS "fs/suid_dumpable", after);
  yes_no(" it is what it was", strcmp(before, after) == 0);
  value("nonsense at another position", put_at(SYS "vm/swappiness", "x", 1));
  value("of System V", put_at(SYS "kernel/msgmax", "x", 3));
  int fd = open(SYS "vm/swappiness", O_RDONLY);
  char c;
  value("first byte", read(fd, &c, 1));
  value("second byte", read(fd, &c, 1));
  close(fd);
  fd = open(SYS "kernel/ostype", O_RDONLY);
  value("first byte of a text", read(fd, &c, 1));
  value("second byte of a text", read(fd, &c, 1));
  close(fd);

  static const char *const modes[] = {SYS "vm/drop_caches",      SYS "vm/swappiness",   SYS "fs/file-nr",
                                      SYS "kernel/core_pattern", SYS "fs/dentry-state", SYS "kernel/printk"};
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    struct stat s;
    if (stat(modes[i], &s) < 0) s.st_mode = 0;
    say("%s %o", modes[i], s.st_mode & 0777);
  }
  if (setgid(54321) < 0 || setuid(54321) < 0) return 1;
  static const char *const own[] = {SYS "vm/swappiness", SYS "kernel/core_pattern", SYS "kernel/msgmax"};
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    get(own[i], before);
    value("by another user", put_at(own[i], before, 0));
  }
  return 0;
}
