// Propagation of mounts: peer groups, slaves, shared slaves, unbindable mounts; what is mounted, moved and unmounted in one
// shows in the others, in other namespaces too. Groups are told by numbers in the order in which they are seen.
//@ needs: mounts files fork
#include "guest.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char directory[] = "/tmp/propagation.XXXXXX";
static int groups[64], group_count;

static int number_of(int group) {
  for (int i = 0; i < group_count; i++)
    if (groups[i] == group) return i + 1;
  groups[group_count++] = group;
  return group_count;
}

static long mounts(const char *s, const char *t, const char *type, unsigned long flags) {
  return SYS_5(SYS_mount, s, t, type, flags, NULL);
}

// Each mount below the directory: its place, its source, its optional fields.
static void show(const char *what) {
  char line[4096];
  FILE *f = fopen("/proc/self/mountinfo", "r");
  say("%s", what);
  while (fgets(line, sizeof line, f)) {
    char *at = strstr(line, directory), *fields, *end;
    char text[256] = "";
    if (!at || !(end = strstr(at, " - "))) continue;
    at += strlen(directory);
    char *source = strchr(end + 3, ' ') + 1;
    *strchr(source, ' ') = 0;
    *end = 0;
    fields = strchr(at, ' ');
    *fields++ = 0;
    fields = strchr(fields, ' '); // behind the mount's options
    for (char *word = fields ? strtok(fields, " ") : NULL; word; word = strtok(NULL, " ")) {
      char *colon = strchr(word, ':');
      size_t length = strlen(text);
      if (colon)
        snprintf(text + length, sizeof text - length, " %.*s:%d", (int)(colon - word), word,
                 number_of(atoi(colon + 1)));
      else
        snprintf(text + length, sizeof text - length, " %s", word);
    }
    say("  %s %s%s", *at ? at : "/", source, text);
  }
  fclose(f);
}

static void make(const char *name) {
  mkdir(name, 0755);
}

static void peers(void) {
  make("a");
  make("b");
  make("c");
  value("tmpfs", mounts("a", "a", "tmpfs", 0));
  make("a/x");
  make("a/y");
  value("shared", mounts(NULL, "a", NULL, MS_SHARED));
  value("bind", mounts("a", "b", NULL, MS_BIND));
  show("two peers");
  value("mount in one", mounts("x", "a/x", "tmpfs", 0));
  make("b/x/in");
  value("in the copy", mounts("in", "b/x/in", "tmpfs", 0));
  show("both have both");
  value("slave", mounts(NULL, "b", NULL, MS_SLAVE));
  value("mount in the slave", mounts("y", "b/y", "tmpfs", 0));
  value("umount in the master", SYS_2(SYS_umount2, "a/x/in", 0));
  show("one is a slave");
  value("umount with a copy that is in use", chdir("b/x") ? -errno : SYS_2(SYS_umount2, "../../a/x", 0));
  chdir("../..") ? say("chdir") : (void)0;
  value("shared slave", mounts(NULL, "b", NULL, MS_SHARED));
  value("bind of it", mounts("b", "c", NULL, MS_BIND));
  show("a slave that is shared");
  value("umount", SYS_2(SYS_umount2, "a/x", 0));
  value("mount above all", mounts("z", "a/x", "tmpfs", 0));
  show("down to all");
  value("private in the middle", mounts(NULL, "b", NULL, MS_PRIVATE));
  show("one left");
  value("private at the top", mounts(NULL, "a", NULL, MS_PRIVATE));
  show("no master any more");
  for (const char *const *at = (const char *const[]){"c", "b", "a", NULL}; *at; at++)
    value("detach", SYS_2(SYS_umount2, *at, MNT_DETACH));
  show("nothing");
}

static void unbindable(void) {
  value("tmpfs", mounts("u", "a", "tmpfs", 0));
  make("a/in");
  make("a/in/deep");
  value("in it", mounts("in", "a/in", "tmpfs", 0));
  make("a/in/deep");
  value("in that", mounts("deep", "a/in/deep", "tmpfs", 0));
  value("unbindable", mounts(NULL, "a/in", NULL, MS_UNBINDABLE));
  value("bind of it", mounts("a/in", "b", NULL, MS_BIND));
  value("rbind of what it is in", mounts("a", "b", NULL, MS_BIND | MS_REC));
  show("left out");
  value("shared", mounts(NULL, "b", NULL, MS_SHARED));
  make("b/to");
  value("move into a shared one", mounts("a/in", "b/to", NULL, MS_MOVE));
  value("rshared", mounts(NULL, "a", NULL, MS_SHARED | MS_REC));
  value("move out of a shared one", mounts("a/in", "c", NULL, MS_MOVE));
  value("rslave", mounts(NULL, "a", NULL, MS_SLAVE | MS_REC));
  show("without peers a slave is private");
  value("move into a shared one", mounts("a/in", "b/to", NULL, MS_MOVE));
  show("moved");
  value("runbindable", mounts(NULL, "b", NULL, MS_UNBINDABLE | MS_REC));
  show("all unbindable");
  value("two kinds", mounts(NULL, "b", NULL, MS_UNBINDABLE | MS_SHARED));
  value("of no mount", mounts(NULL, "c", NULL, MS_SHARED));
  for (const char *const *at = (const char *const[]){"b", "a", NULL}; *at; at++)
    value("detach", SYS_2(SYS_umount2, *at, MNT_DETACH));
}

static void in_other(int to, int from) {
  char byte = 0;
  write(to, &byte, 1);
  read(from, &byte, 1);
}

// A copy of the namespace has peers; one that is made a slave gets, and gives nothing.
static void namespaces(void) {
  int down[2], up[2];
  char byte;
  value("tmpfs", mounts("n", "a", "tmpfs", 0));
  make("a/one");
  make("a/two");
  make("a/three");
  value("shared", mounts(NULL, "a", NULL, MS_SHARED));
  if (pipe(down) || pipe(up)) return;
  pid_t child = fork();
  if (child == 0) {
    value("unshare", SYS_1(SYS_unshare, CLONE_NEWNS));
    value("from within", mounts("one", "a/one", "tmpfs", 0));
    write(up[1], &byte, 1);
    read(down[0], &byte, 1);
    show("from without");
    value("slave", mounts(NULL, "/", NULL, MS_SLAVE | MS_REC));
    value("kept", mounts("three", "a/three", "tmpfs", 0));
    write(up[1], &byte, 1);
    read(down[0], &byte, 1);
    show("a slave of another namespace");
    _exit(0);
  }
  read(up[0], &byte, 1);
  show("from within");
  value("from without", mounts("two", "a/two", "tmpfs", 0));
  in_other(down[1], up[0]);
  show("not from a slave");
  value("umount", SYS_2(SYS_umount2, "a/one", 0));
  write(down[1], &byte, 1);
  int status;
  waitpid(child, &status, 0);
  show("the other is gone");
  value("detach", SYS_2(SYS_umount2, "a", MNT_DETACH));
}

// What stands on a place already comes to stand on what propagates there.
static void covered(void) {
  value("tmpfs", mounts("t", "a", "tmpfs", 0));
  make("a/x");
  value("shared", mounts(NULL, "a", NULL, MS_SHARED));
  value("bind", mounts("a", "b", NULL, MS_BIND));
  value("slave", mounts(NULL, "b", NULL, MS_SLAVE));
  value("mount in the slave", mounts("own", "b/x", "tmpfs", 0));
  value("mount in the master", mounts("given", "a/x", "tmpfs", 0));
  show("covered");
  value("umount", SYS_2(SYS_umount2, "b/x", 0));
  show("uncovered");
  value("bind into itself", mounts("a", "a/x", NULL, MS_BIND | MS_REC));
  show("in itself");
  value("pivot_root of a shared one", SYS_2(SYS_pivot_root, "a", "a/x"));
  value("detach", SYS_2(SYS_umount2, "b", MNT_DETACH));
  value("detach", SYS_2(SYS_umount2, "a", MNT_DETACH));
  show("nothing");
}

int main(void) {
  if (!mkdtemp(directory)) return 1;
  pid_t child = fork();
  if (child == 0) {
    if (chdir(directory)) _exit(1);
    value("unshare", SYS_1(SYS_unshare, CLONE_NEWNS));
    value("private", mounts(NULL, "/", NULL, MS_REC | MS_PRIVATE));
    peers();
    unbindable();
    namespaces();
    covered();
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  say("ended %x", status);
  for (const char *const *at = (const char *const[]){"a", "b", "c", NULL}; *at; at++) {
    char path[64];
    snprintf(path, sizeof path, "%s/%s", directory, *at);
    rmdir(path);
  }
  rmdir(directory);
  return 0;
}
