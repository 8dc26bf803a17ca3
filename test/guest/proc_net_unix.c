// /proc/net/unix: sockets of AF_UNIX in each of their states. Natively in a network namespace of its own, so that all
// that are listed are ours.
//@ needs: sockets files proc
#include "guest.h"
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static char text[65536], before[65536];

static void read_all(char *to) {
  int fd = open("/proc/self/net/unix", O_RDONLY);
  long length = 0, n;
  while ((n = read(fd, to + length, 200)) > 0)
    length += n;
  to[length] = 0;
  close(fd);
}

static int order(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

// The lines that were not there before, sorted, without what differs from run to run.
static void show(const char *what, int with_inode) {
  say("%s", what);
  read_all(text);
  char *lines[100];
  int count = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    long references, protocol, flags, type, state, ino = 0;
    char name[200] = "";
    if (sscanf(line, "%*[0-9a-f]: %lx %lx %lx %lx %lx %ld %199s", &references, &protocol, &flags, &type,
               &state, &ino, name) < 6)
      continue;
    if (ino != 0) {
      char key[40];
      sprintf(key, " %ld", ino);
      if (strstr(before, key)) continue;
    }
    char *one = malloc(300);
    sprintf(one, "  %lx %lx %lx %lx %lx %s %s", references, protocol, flags, type, state,
            ino == 0            ? "none"
            : ino == with_inode ? "ours"
                                : "another",
            name);
    lines[count++] = one;
  }
  qsort(lines, count, sizeof *lines, order);
  for (int i = 0; i < count; i++)
    say("%s", lines[i]);
}

static int named(int type, const char *name, int size) {
  int fd = socket(AF_UNIX, type, 0);
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  memcpy(a.sun_path, name, size);
  if (bind(fd, (void *)&a, offsetof(struct sockaddr_un, sun_path) + size) != 0)
    say("bind: %s", strerror(errno));
  return fd;
}

int main(void) {
  unshare(CLONE_NEWNET);
  read_all(before);
  char *first = strchr(before, '\n');
  if (first) say("%.*s", (int)(first - before), before);
  int l = named(SOCK_STREAM, "\0left\0right", 11);
  listen(l, 5);
  struct stat st;
  fstat(l, &st);
  show("listener", st.st_ino);
  int c = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  memcpy(a.sun_path, "\0left\0right", 11);
  value("connect", connect(c, (void *)&a, offsetof(struct sockaddr_un, sun_path) + 11));
  fstat(c, &st);
  show("a client waits", st.st_ino);
  int s = accept(l, NULL, NULL);
  fstat(s, &st);
  show("accepted", st.st_ino);
  close(l), close(c), close(s);
  int pair[2];
  socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
  char path[] = "/tmp/proc_net_unix.socket";
  unlink(path);
  int d = named(SOCK_DGRAM, path, sizeof path);
  fstat(d, &st);
  show("a pair, and one with a path", st.st_ino);
  close(d);
  unlink(path);
  show("the pair", 0);
  return 0;
}
