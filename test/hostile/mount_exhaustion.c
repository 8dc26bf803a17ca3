// As many mounts and watches as there can be: stacked, doubled by recursive binds, copied by namespaces. All
// go with the process.
//@ args-once:
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void fill(void) {
  if (unshare(CLONE_NEWNS)) _exit(1);
  if (mount("x", "/mnt", "tmpfs", 0, NULL)) _exit(2);
  for (int i = 0; i < 1000; i++)
    if (mount("x", "/mnt", "tmpfs", 0, NULL)) break;
  mkdir("/mnt/a", 0755);
  mkdir("/mnt/b", 0755);
  if (mount("x", "/mnt/a", "tmpfs", 0, NULL)) _exit(3);
  int doubled = 0;
  while (mount("/mnt", "/mnt/b", NULL, MS_BIND | MS_REC, NULL) == 0)
    doubled++;
  if (doubled > 20) say("BAD: doubled %d times", doubled);
  while (unshare(CLONE_NEWNS) == 0)
    mount("x", "/mnt", "tmpfs", 0, NULL);
  int instances[200], n = 0;
  for (; n < 200; n++)
    if ((instances[n] = inotify_init1(0)) < 0) break;
  if (n >= 200) say("BAD: %d inotify instances", n);
  long watches = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < 600; j++) {
      char path[64];
      snprintf(path, sizeof path, "/mnt/%d", j);
      if (i == 0) close(open(path, O_CREAT | O_WRONLY, 0600));
      if (inotify_add_watch(instances[i], path, IN_ALL_EVENTS) < 0) break;
      watches++;
    }
  if (watches > 65536) say("BAD: %ld watches", watches);
  for (int i = 0; i < 600; i++) {
    char path[64];
    snprintf(path, sizeof path, "/mnt/%d", i);
    for (int j = 0; j < 20; j++) {
      close(open(path, O_WRONLY));
      chmod(path, 0600);
    }
  }
  _exit(0);
}

int main(void) {
  for (int i = 0; i < 2; i++) {
    if (fork() == 0) fill();
    int status;
    wait(&status);
    if (status != 0) say("BAD: ended with %x", status);
  }
  return 0;
}
