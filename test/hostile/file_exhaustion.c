// A guest that wants the Sentry to run out of descriptors, memory or patience by way of files.
//@ args: descriptors
//@ args-once: listings
//@ args: sizes
//@ args: names
//@ args: closed-under-a-read
//@ args: long-tables
//@ ends: any
//@ deadline: 60
#include "hostile.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define E(call) ((call) < 0 ? -errno : 0)

static int fd;

static void *closes(void *unused) {
  (void)unused;
  for (int i = 0; i < 20000; i++) {
    close(fd);
    fd = open("/etc/passwd", O_RDONLY);
  }
  return NULL;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "descriptors";
  char directory[] = "/tmp/file-exhaustion-XXXXXX";
  if (!mkdtemp(directory) || chdir(directory)) return 1;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  if (strcmp(mode, "descriptors") == 0) {
    // Each of these is a host file of its own, as long as there are descriptors.
    int failures = 0, wrong = 0;
    for (int i = 0; i < 12000; i++) {
      char name[20], byte = (char)i, back = 0;
      snprintf(name, sizeof name, "%d", i);
      int file = open(name, O_RDWR | O_CREAT, 0600);
      if (file < 0 || ftruncate(file, 70000) < 0 || pwrite(file, &byte, 1, 69999) < 1) {
        failures++;
      } else {
        if (pread(file, &back, 1, 69999) != 1 || back != byte) wrong++;
      }
      close(file);
    }
    if (wrong) bad("contents", wrong);
    say("%s", failures == 0 ? "all fit" : "some did not fit");
    value("another", open("another", O_RDWR | O_CREAT, 0600) > 0);
    for (int i = 0; i < 12000; i++) {
      char name[20];
      snprintf(name, sizeof name, "%d", i);
      unlink(name);
    }
  }

  if (strcmp(mode, "listings") == 0) {
    // Directories that are read in part hold their listings.
    int opened = 0;
    char entries[100];
    for (; opened < 3000; opened++) {
      int dir = open("/usr/bin", O_RDONLY | O_DIRECTORY);
      if (dir < 0 || SYS_3(SYS_getdents64, dir, entries, sizeof entries) <= 0) break;
    }
    say("%s", opened > 500 ? "many" : "few");
    // The first goes on where it stood.
    int count = 0;
    static char many[32768];
    for (long n; (n = SYS_3(SYS_getdents64, 3, many, sizeof many)) > 0;)
      for (long at = 0; at < n; at += *(unsigned short *)(many + at + 16))
        count++;
    say("%s", count > 500 ? "whole" : "cut");
    for (int i = 3; i < 3010; i++)
      close(i);
  }

  if (strcmp(mode, "sizes") == 0) {
    int file = open("f", O_RDWR | O_CREAT, 0600);
    long sizes[] = {1l << 40, (1l << 53) - 1, 1l << 53, 1l << 62, 0x7fffffffffffffff};
    for (int i = 0; i < 5; i++) {
      outcome("ftruncate", E(ftruncate(file, sizes[i])));
      outcome("fallocate", E(fallocate(file, 0, 0, sizes[i])));
      outcome("punch", E(fallocate(file, 3, 0, sizes[i])));
      outcome("pwrite", E(pwrite(file, "x", 1, sizes[i] - 1)));
      outcome("lseek", E(lseek(file, sizes[i], SEEK_DATA)));
      outcome("mmap", SYS_6(SYS_mmap, 0, PAGE, 3, MAP_SHARED, file, sizes[i] & ~(PAGE - 1)));
    }
    unlink("f");
  }

  if (strcmp(mode, "names") == 0) {
    // Names that do not exist are remembered too: not for ever.
    struct stat st;
    char name[260];
    memset(name, 'n', 255);
    for (int i = 0; i < 60000; i++) {
      snprintf(name, sizeof name, "%0200d", i);
      stat(name, &st);
    }
    say("asked");
  }

  if (strcmp(mode, "closed-under-a-read") == 0) {
    // Whoever reads a file that is closed meanwhile never gets another file's bytes.
    pthread_t thread;
    char first = 0;
    int passwd = open("/etc/passwd", O_RDONLY);
    if (read(passwd, &first, 1) != 1) return 1;
    fd = open("/etc/passwd", O_RDONLY);
    pthread_create(&thread, NULL, closes, NULL);
    static char bytes[100000];
    int odd = 0;
    for (int i = 0; i < 20000; i++) {
      long n = pread(fd, bytes, sizeof bytes, 0);
      if (n > 0 && bytes[0] != first) odd++;
    }
    pthread_join(thread, NULL);
    if (odd) bad("reads of something else", odd);
    say("read");
  }
  if (strcmp(mode, "long-tables") == 0) {
    // Tables of a million descriptors each, of which one is used.
    struct rlimit most = {1048576, 1048576};
    setrlimit(RLIMIT_NOFILE, &most);
    getrlimit(RLIMIT_NOFILE, &most);
    int children = 0, errors = dup2(0, most.rlim_cur - 1) < 0;
    for (; children < 400; children++) {
      pid_t child = fork();
      if (child < 0) break;
      if (child == 0) {
        pause();
        _exit(0);
      }
    }
    say("%s", errors || children < 400 ? "bounded" : "all fit");
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    while (wait(NULL) > 0)
      continue;
    close(most.rlim_cur - 1);
  }
  chdir("/");
  char command[100];
  snprintf(command, sizeof command, "rm -rf %s", directory);
  return system(command) == 0 ? 0 : 1;
}
