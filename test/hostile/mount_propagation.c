// Peer groups with as many members as there can be, and slaves of slaves: what is mounted in one has to be mounted in all, or
// in none. All go with the process, and none costs what others multiply.
//@ args-once:
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MEMBERS 400

static const char *place(int i) {
  static char path[64];
  snprintf(path, sizeof path, "/mnt/p/%d", i);
  return path;
}

static long lines(void) {
  char text[65536];
  long count = 0, n;
  int fd = open("/proc/self/mountinfo", O_RDONLY);
  while ((n = read(fd, text, sizeof text)) > 0)
    for (long i = 0; i < n; i++)
      count += text[i] == '\n';
  close(fd);
  return count;
}

static void begin(void) {
  if (unshare(CLONE_NEWNS) || mount("x", "/mnt", "tmpfs", 0, NULL)) _exit(1);
  mkdir("/mnt/s", 0755);
  mkdir("/mnt/p", 0755);
  for (int i = 0; i < MEMBERS; i++)
    mkdir(place(i), 0755);
  if (mount("x", "/mnt/s", "tmpfs", 0, NULL) || mount(NULL, "/mnt/s", NULL, MS_SHARED, NULL)) _exit(2);
  for (int i = 0; i < 64; i++) {
    char path[64];
    snprintf(path, sizeof path, "/mnt/s/%d", i);
    mkdir(path, 0755);
  }
}

// All are peers.
static void group(void) {
  begin();
  for (int i = 0; i < MEMBERS; i++)
    if (mount("/mnt/s", place(i), NULL, MS_BIND, NULL)) break;
  int made = 0;
  char path[64];
  for (; made < 64; made++) {
    snprintf(path, sizeof path, "/mnt/s/%d", made);
    if (mount("x", path, "tmpfs", 0, NULL)) break;
  }
  if (made > 50) say("BAD: %d mounts in %d peers", made, MEMBERS);
  long before = lines();
  if (mount("/mnt/s", "/mnt/s/63", NULL, MS_BIND | MS_REC, NULL) == 0) say("BAD: more than fit");
  if (lines() != before) say("BAD: half of it was mounted");
  umount("/mnt/s/0");
  umount2("/mnt/s", MNT_DETACH);
  while (unshare(CLONE_NEWNS) == 0)
    if (mount("x", place(0), "tmpfs", 0, NULL)) break;
  _exit(0);
}

// Each is a slave of the one before, and has a group of its own.
static void chain(void) {
  begin();
  const char *from = "/mnt/s";
  char last[64];
  for (int i = 0; i < MEMBERS; i++) {
    if (mount(from, place(i), NULL, MS_BIND, NULL) || mount(NULL, place(i), NULL, MS_SLAVE, NULL) ||
        mount(NULL, place(i), NULL, MS_SHARED, NULL))
      break;
    strcpy(last, place(i));
    from = last;
  }
  for (int i = 0; i < 8; i++) {
    char path[64];
    snprintf(path, sizeof path, "/mnt/s/%d", i);
    mount("x", path, "tmpfs", 0, NULL);
  }
  lines();
  for (int i = 0; i < MEMBERS; i += 2)
    mount(NULL, place(i), NULL, MS_PRIVATE, NULL);
  lines();
  umount2("/mnt/s/0", MNT_DETACH);
  _exit(0);
}

// Peers that show a part, and a place far from it: what is above that place is not looked at for each of them (F26).
static void deep(void) {
  begin();
  if (mkdir("/mnt/s/part", 0755)) _exit(3);
  for (int i = 0; i < 4000; i++) {
    mkdir(place(i), 0755);
    if (mount("/mnt/s/part", place(i), NULL, MS_BIND, NULL)) break;
  }
  if (chdir("/mnt/s/0")) _exit(4);
  for (int i = 0; i < 4000; i++)
    if (mkdir("d", 0755) || chdir("d")) break;
  double least = 1;
  for (int i = 0; i < 10; i++) {
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    mkdir(name, 0755);
    double start = seconds();
    if (mount("x", name, "tmpfs", 0, NULL)) say("BAD: %s", strerror(errno));
    double took = seconds() - start;
    least = took < least ? took : least;
  }
  if (least > 0.04) say("BAD: a mount takes %.3f s", least);
  _exit(0);
}

int main(void) {
  void (*const ways[])(void) = {group, chain, deep};
  for (int i = 0; i < 3; i++) {
    if (fork() == 0) ways[i]();
    int status;
    wait(&status);
    if (status != 0) say("BAD: ended with %x", status);
  }
  return 0;
}
