// Maps of a user namespace (user_namespaces(7)): who may write them, in which form, and how they are told.
//@ needs: credentials fork files proc
//@ args: root
//@ args: user
#include "user_namespace.h"
#include <sys/prctl.h>
#include <sys/stat.h>

static int is_root, is_long;

static long try_map(const char *name, const char *text) {
  int go[2], done[2];
  if (pipe(go) || pipe(done)) _exit(9);
  int pid = fork_into(CLONE_NEWUSER);
  if (pid == 0) {
    wait_for(go);
    _exit(0);
  }
  if (!strcmp(name, "gid_map") && !is_root) put_of(pid, "setgroups", "deny");
  long r = put_of(pid, name, text);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  if (r > 0 && !is_long) show("  it", path);
  if (r > 0) value("  once more", put_of(pid, name, text));
  let(go);
  waitpid(pid, NULL, 0);
  close(go[0]);
  close(go[1]);
  close(done[0]);
  close(done[1]);
  return r;
}

static void forms(void) {
  static const char *const texts[] = {
      "0 1234 1",
      "0 1234 1\n",
      "  0\t1234   1  \n",
      "0 1234 1\n\n",
      "0 1234",
      "0 1234 1 1",
      "0 1234 0",
      "\n",
      "x 1234 1",
      "0 x 1",
      "0 1234 x",
      "-1 1234 1",
      "4294967295 1234 1",
      "0 4294967295 1",
      "0 1234 4294967295",
      "4294967294 1234 2",
      "4294967294 1234 1",
      "4294967296 1234 1",
      "0x0 1234 1",
      "0,1234,1",
      "7 1234 1\n8 1235 1\n",
      "0 1234 2\n1 1236 1\n",
      "0 1234 2\n2 1235 1\n",
      "0 0 1",
      "0 1235 1",
      "5 1234 1",
      "0 1234 1\n5 5000 100\n3 4000 1\n",
      "0 100000 65536",
      "0 0 4294967295",
      "10 10 1\n9 9 1\n8 8 1\n7 7 1\n6 6 1\n5 5 1\n",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    char what[64] = {0};
    strncpy(what, texts[i], sizeof what - 1);
    for (char *c = what; *c; c++)
      if (*c == '\n') *c = '/';
    say("- \"%s\"", what);
    value("uid_map", try_map("uid_map", texts[i]));
  }
}

static void long_forms(void) {
  is_long = 1;
  static char text[8192];
  for (int lines = 339; lines <= 342; lines++) {
    int n = 0;
    for (int i = 0; i < lines; i++)
      n += sprintf(text + n, "%d %d 1\n", i, i);
    say("%d lines", lines);
    long r = try_map("uid_map", text);
    outcome("uid_map", r);
  }
  memset(text, ' ', 4095);
  memcpy(text, "0 1234 1", 8);
  text[4095] = 0;
  outcome("4095 bytes", try_map("uid_map", text));
  text[4095] = ' ';
  text[4096] = 0;
  outcome("4096 bytes", try_map("uid_map", text));
}

static void own(void) {
  show("before", "/proc/self/uid_map");
  value("unshare", unshare(CLONE_NEWUSER) ? -errno : 0);
  ids("nobody is mapped");
  capabilities("nobody is mapped");
  show("uid_map", "/proc/self/uid_map");
  show("gid_map", "/proc/self/gid_map");
  show("projid_map", "/proc/self/projid_map");
  show("setgroups", "/proc/self/setgroups");
  value("setuid to what is not mapped", SYS_1(SYS_setuid, 0));
  value("setgroups before a map", SYS_2(SYS_setgroups, 0, NULL));
  value("another's id", put_of(0, "uid_map", "0 77 1"));
  value("two ids", put_of(0, "uid_map", "0 1234 2"));
  value("his own id", put_of(0, "uid_map", is_root ? "3 0 1" : "3 1234 1"));
  ids("he is mapped");
  value("once more", put_of(0, "uid_map", is_root ? "3 0 1" : "3 1234 1"));
  value("gid_map while setgroups is allowed", put_of(0, "gid_map", is_root ? "4 0 1" : "4 5678 1"));
  value("no word", put_of(0, "setgroups", "perhaps"));
  value("a word with more behind it", put_of(0, "setgroups", "deny x"));
  value("a long word", put_of(0, "setgroups", "deny    "));
  value("allow", put_of(0, "setgroups", "allow"));
  value("deny", put_of(0, "setgroups", "deny\n"));
  value("allow again", put_of(0, "setgroups", "allow"));
  show("setgroups", "/proc/self/setgroups");
  value("gid_map", put_of(0, "gid_map", is_root ? "4 0 1" : "4 5678 1"));
  value("deny again", put_of(0, "setgroups", "deny"));
  ids("his group is mapped");
  unsigned group = 4;
  value("setgroups", SYS_2(SYS_setgroups, 1, &group));
  value("projid_map", put_of(0, "projid_map", "0 0 10"));
  show("projid_map", "/proc/self/projid_map");
  show("uid_map", "/proc/self/uid_map");
  show("gid_map", "/proc/self/gid_map");
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/uid_map", getppid());
  show("of its parent", path);
  value("setuid to 0", SYS_1(SYS_setuid, 0));
  value("setuid to 3", SYS_1(SYS_setuid, 3));
  value("setresgid", SYS_3(SYS_setresgid, 4, -1, 4));
  value("setgid to 5", SYS_1(SYS_setgid, 5));
  say("setfsuid %ld %ld", SYS_1(SYS_setfsuid, 9), SYS_1(SYS_setfsuid, -1));
}

static long at(int fd, long position) {
  if (lseek(fd, position, SEEK_SET) < 0) return -errno;
  ssize_t n = write(fd, "0 1234 1", 8);
  return n < 0 ? -errno : n;
}

// Whose place in a file or whose rights count: of who has opened it.
static void opened_before(void) {
  int map = open("/proc/self/uid_map", O_RDWR);
  value("unshare", unshare(CLONE_NEWUSER) ? -errno : 0);
  char text[256];
  ssize_t n = read(map, text, sizeof text);
  say("the namespace before: %s", n > 0 ? "told" : "not told");
  value("its map", at(map, 0));
  int later = open("/proc/self/uid_map", O_RDWR);
  value("behind the beginning", at(later, 1));
  value("at the beginning", at(later, 0));
}

static void below(void) {
  ids("below");
  show("below", "/proc/self/uid_map");
  if (unshare(CLONE_NEWUSER)) say("unshare: %m");
  value("an id that the one above has not", put_of(0, "uid_map", "0 77 1"));
  value("its own id", put_of(0, "uid_map", "10 0 1"));
  ids("two below");
  show("two below", "/proc/self/uid_map");
}

// What others may not look into.
static void not_dumpable(void) {
  say("-- not dumpable");
  pid_t child = fork();
  if (child == 0) {
    static const char *const files[] = {"uid_map", "gid_map", "setgroups"};
    prctl(PR_SET_DUMPABLE, 0);
    for (int i = 0; i < 3; i++) {
      char path[64];
      struct stat st;
      snprintf(path, sizeof path, "/proc/self/%s", files[i]);
      int fd = open(path, O_WRONLY);
      value(files[i], stat(path, &st) ? -errno : (long)st.st_uid);
      value("  to write", fd < 0 ? -errno : 0);
    }
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

static void of_others(void) {
  int go[2];
  if (pipe(go)) _exit(9);
  int pid = fork_into(CLONE_NEWUSER);
  if (pid == 0) {
    wait_for(go);
    ids("after others have mapped him");
    value("setuid", SYS_1(SYS_setuid, 1));
    ids("then");
    _exit(0);
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
  if (is_root) {
    int as_user = fork();
    if (as_user == 0) {
      become(SOMEBODY, HIS_GROUP);
      value("by somebody else", put_text(path, "0 1234 1"));
      _exit(0);
    }
    waitpid(as_user, NULL, 0);
  }
  value("uid_map", put_text(path, is_root ? "0 1000 1\n1 2000 5\n" : "0 1234 1"));
  show("it", path);
  let(go);
  reaped("it", pid);
}

int main(int argc, char **argv) {
  is_root = argc < 2 || strcmp(argv[1], "user") != 0;
  if (!is_root) become_open(SOMEBODY, HIS_GROUP);
  forms();
  not_dumpable();
  if (is_root) long_forms();
  in_child("its own", own);
  in_child("opened before", opened_before);
  in_child("of others", of_others);
  mapped_child("one below", is_root ? "0 0 10" : "0 1234 1", is_root ? "0 0 10" : "0 5678 1", 0, below);
  return 0;
}
