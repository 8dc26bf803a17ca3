// Two mounts of one directory, /a and /b: what is changed by one of them is seen by the other at once.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void put(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (file < 0 || write(file, text, strlen(text)) < 0) perror(path);
  close(file);
}

static void show(const char *path) {
  char text[64];
  struct stat told;
  int file = open(path, O_RDONLY), at = stat(path, &told);
  ssize_t got = file < 0 ? -errno : read(file, text, sizeof text);
  printf("%s: %.*s (%d) %ld %o\n", path, got < 0 ? 0 : (int)got, text, got < 0 ? (int)got : 0,
         at < 0 ? -1L : (long)told.st_size, at < 0 ? 0 : told.st_mode);
  close(file);
}

static _Atomic int *word(const char *path) {
  int file = open(path, O_RDWR | O_CREAT, 0666);
  if (file < 0 || ftruncate(file, 4096) != 0) return NULL;
  return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
}

// A process that waits at the one mapping is woken at the other.
static void futexes(void) {
  _Atomic int *here = word("/a/word"), *there = word("/b/word");
  pid_t child = fork();
  if (child == 0) {
    *there = 1;
    struct timespec limit = {.tv_sec = 20};
    long result = syscall(SYS_futex, there, FUTEX_WAIT, 1, &limit, NULL, 0);
    _exit(result == 0 ? 0 : 1);
  }
  while (*here == 0)
    usleep(1000);
  long woken = 0;
  for (int i = 0; woken == 0 && i < 2000; i++, usleep(1000))
    woken = syscall(SYS_futex, here, FUTEX_WAKE, 1, NULL, NULL, 0);
  int status;
  waitpid(child, &status, 0);
  printf("woken %ld, ended with %d\n", woken, WEXITSTATUS(status));
}

// Who watches the directory by the one mount is told what happens to its names by the other.
static void events(void) {
  int watch = inotify_init1(IN_NONBLOCK);
  inotify_add_watch(watch, "/b", IN_CREATE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE);
  put("/a/seen", "x");
  rename("/a/seen", "/a/still");
  unlink("/a/still");
  char told[4096];
  ssize_t got = read(watch, told, sizeof told);
  for (ssize_t at = 0; at < got;) {
    const struct inotify_event *event = (const void *)(told + at);
    printf("%x %s\n", event->mask, event->name);
    at += (ssize_t)(sizeof *event + event->len);
  }
}

int main(void) {
  show("/b/made");
  put("/a/made", "one");
  show("/b/made");
  put("/a/made", "longer");
  show("/b/made");
  chmod("/a/made", 0600);
  show("/b/made");
  rename("/a/made", "/a/moved");
  show("/b/made");
  show("/b/moved");
  put("/b/other", "replaces");
  rename("/b/other", "/b/moved");
  show("/a/moved");
  show("/a/other");
  unlink("/b/moved");
  show("/a/moved");
  put("/a/moved", "again");
  show("/b/moved");
  show("/b/directory/file");
  mkdir("/a/directory", 0755);
  put("/a/directory/file", "below");
  show("/b/directory/file");
  symlink("moved", "/b/link");
  show("/a/link");
  rmdir("/b/nothing");
  truncate("/b/moved", 2);
  show("/a/moved");
  events();
  futexes();
  return 0;
}
