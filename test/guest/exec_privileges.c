// What a program file gives to who runs it, who may look into that, and what takes it away: capabilities of files,
// set-user-ID with a working directory that others share, programs that cannot be read, changes of owner and contents.
//@ needs: credentials files fork
#include "guest.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

enum { USER = 1000, CHOWN = 1, SETUID = 1 << 7, NET_RAW = 1 << 13, SHOWN = CHOWN | SETUID | NET_RAW };

static char directory[] = "/tmp/exec-privileges.XXXXXX";

static void describe(const char *when) {
  struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct d[2] = {0};
  SYS_2(SYS_capget, &h, d);
  int ambient = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 13, 0, 0);
  say("%s: uid %d %d gid %d %d permitted %x effective %x ambient %d dumpable %d secure %ld", when, getuid(),
      geteuid(), getgid(), getegid(), d[0].permitted & SHOWN, d[0].effective & SHOWN, ambient,
      prctl(PR_GET_DUMPABLE), getauxval(AT_SECURE));
}

static void set_capabilities(const char *path, unsigned permitted) {
  unsigned value[5] = {0x02000001, permitted}; // revision 2, effective
  outcome("setxattr", setxattr(path, "security.capability", value, sizeof value, 0) < 0 ? -errno : 0);
}

static void program(const char *name, mode_t mode, int uid, int gid) {
  int from = open("/proc/self/exe", O_RDONLY), to = open(name, O_WRONLY | O_CREAT, 0700);
  char buffer[65536];
  for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0;)
    if (write(to, buffer, n) != n) _exit(1);
  close(from);
  close(to);
  if (chown(name, uid, gid) < 0 || chmod(name, mode) < 0) say("%s: %s", name, strerror(errno));
}

static void become(int user) {
  if (SYS_2(SYS_setgroups, 0, 0) < 0 || setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0)
    _exit(1);
}

static _Noreturn int sleeper(void *unused) {
  (void)unused;
  for (;;)
    pause();
}

// Runs a program as a user; with others who share the working directory, or with ambient capabilities.
static void run(const char *name, const char *how) {
  static char stack[65536];
  fflush(0);
  int child = fork();
  if (child == 0) {
    int other = 0;
    if (strcmp(how, "ambient") == 0) {
      prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
      become(USER);
      struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
      struct __user_cap_data_struct d[2] = {{NET_RAW, NET_RAW, NET_RAW}, {0, 0, 0}};
      SYS_2(SYS_capset, &h, d);
      prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 13, 0, 0);
    } else {
      become(USER);
    }
    if (strcmp(how, "shared") == 0) other = clone(sleeper, stack + sizeof stack, CLONE_FS | SIGCHLD, 0);
    char text[16];
    snprintf(text, sizeof text, "%d", other);
    char label[64];
    snprintf(label, sizeof label, "%s, %s", name, how);
    execl(name, name, label, text, NULL);
    say("%s: %s", label, strerror(errno));
    if (other) kill(other, SIGKILL);
    _exit(0);
  }
  waitpid(child, 0, 0);
}

// ---- What takes capabilities and set-id bits away ----

static void left(const char *what, const char *path) {
  struct stat st;
  char value[64];
  long n = getxattr(path, "security.capability", value, sizeof value);
  if (stat(path, &st) < 0) _exit(1);
  say("%s: mode %o, capability %ld", what, st.st_mode, n < 0 ? -errno : n);
}

static void fresh(void) {
  unlink("f");
  close(open("f", O_CREAT | O_RDWR, 0600));
  if (write(open("f", O_WRONLY), "text", 4) != 4) _exit(1);
  if (chmod("f", 06755) < 0) _exit(1);
  set_capabilities("f", NET_RAW);
}

static void taken(void) {
  fresh();
  left("new", "f");
  outcome("chown", chown("f", -1, -1));
  left("after a chown that changes nothing", "f");
  fresh();
  outcome("chown", chown("f", 5, 6));
  left("after chown", "f");
  fresh();
  if (write(open("f", O_WRONLY), "x", 1) != 1) _exit(1);
  left("after write", "f");
  fresh();
  outcome("truncate", truncate("f", 2));
  left("after truncate", "f");
  fresh();
  outcome("chmod", chmod("f", 04711));
  left("after chmod", "f");
}

// ---- Set-group-ID on what is made in another group's directory ----

static void groups(void) {
  mkdir("d", 0700);
  if (chown("d", USER, 500) < 0 || chmod("d", 02777) < 0) _exit(1);
  int child = fork();
  if (child == 0) {
    become(USER);
    umask(010);
    close(open("d/masked", O_CREAT | O_RDWR, 02775));
    left("made with a umask that hides x", "d/masked");
    umask(0);
    close(open("d/plain", O_CREAT | O_RDWR, 02775));
    left("made with x", "d/plain");
    close(open("d/lock", O_CREAT | O_RDWR, 02765));
    left("made without x", "d/lock");
    if (write(open("d/lock", O_WRONLY), "x", 1) != 1) _exit(1);
    left("written without x", "d/lock");
    mkdir("d/d", 0755);
    struct stat st;
    stat("d/d", &st);
    say("directory: mode %o group %d", st.st_mode, st.st_gid);
    _exit(0);
  }
  waitpid(child, 0, 0);
  chmod("d/lock", 02765);
  child = fork();
  if (child == 0) {
    become(USER + 1);
    chmod("d/lock", 0777);
    int fd = open("d/lock", O_WRONLY);
    outcome("open of another's", fd < 0 ? -errno : 0);
    _exit(0);
  }
  waitpid(child, 0, 0);
}

// ---- Looking into others ----

static void look(const char *what, int pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/environ", pid);
  outcome(what, open(path, O_RDONLY) < 0 ? -errno : 0);
  void *head;
  size_t length;
  outcome("  get_robust_list", SYS_3(SYS_get_robust_list, pid, &head, &length));
}

static void inspect(void) {
  int ready[2];
  char byte = 0;
  if (pipe(ready) < 0) _exit(1);
  int mighty = fork();
  if (mighty == 0) {
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    become(USER);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    for (;;)
      pause();
  }
  int plain = fork();
  if (plain == 0) {
    become(USER);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    for (;;)
      pause();
  }
  for (int i = 0; i < 2; i++)
    if (read(ready[0], &byte, 1) != 1) _exit(1);
  int child = fork();
  if (child == 0) {
    become(USER);
    look("one's own, without capabilities", plain);
    look("one's own, with capabilities", mighty);
    look("of root", getppid());
    _exit(0);
  }
  waitpid(child, 0, 0);
  kill(plain, SIGKILL);
  kill(mighty, SIGKILL);
  while (wait(0) > 0)
    continue;
}

// ---- A name for a descriptor's file ----

static void names(void) {
  int fd = open("linked", O_CREAT | O_RDWR, 0666);
  fchmod(fd, 0666);
  if (chmod(".", 0777) < 0) _exit(1);
  outcome("linkat by root", linkat(fd, "", AT_FDCWD, "by-root", AT_EMPTY_PATH) < 0 ? -errno : 0);
  int child = fork();
  if (child == 0) {
    become(USER);
    outcome("linkat of another's descriptor",
            linkat(fd, "", AT_FDCWD, "by-user", AT_EMPTY_PATH) < 0 ? -errno : 0);
    int own = open("own", O_CREAT | O_RDWR, 0600);
    outcome("linkat of one's own", linkat(own, "", AT_FDCWD, "own-2", AT_EMPTY_PATH) < 0 ? -errno : 0);
    int unnamed = open(".", O_TMPFILE | O_RDWR, 0600);
    outcome("linkat of a file without a name",
            linkat(unnamed, "", AT_FDCWD, "named", AT_EMPTY_PATH) < 0 ? -errno : 0);
    _exit(0);
  }
  waitpid(child, 0, 0);
}

static void access_by_capability(void) {
  close(open("secret", O_CREAT | O_RDWR, 0600));
  int child = fork();
  if (child == 0) {
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    become(USER);
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {{6, 6, 0}, {0, 0, 0}}; // DAC_OVERRIDE, DAC_READ_SEARCH
    SYS_2(SYS_capset, &h, d);
    outcome("access of a user with capabilities", access("secret", R_OK) < 0 ? -errno : 0);
    outcome("with the effective ids", faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS) < 0 ? -errno : 0);
    _exit(0);
  }
  waitpid(child, 0, 0);
}

int main(int argc, char **argv) {
  if (argc == 3) {
    describe(argv[1]);
    if (atoi(argv[2])) kill(atoi(argv[2]), SIGKILL);
    return 0;
  }
  if (geteuid() != 0) {
    say("not root");
    return 0;
  }
  if (!mkdtemp(directory) || chdir(directory) < 0 || chmod(directory, 0755) < 0) return 1;
  umask(022);
  static const char *const ways[] = {"alone", "shared", "ambient"};
  program("plain", 0755, 0, 0);
  program("set-user", 04755, 0, 0);
  program("set-other", 04755, USER + 1, 0);
  program("set-group", 02755, 0, 500);
  program("unreadable", 0711, 0, 0);
  program("capable", 0755, 0, 0);
  set_capabilities("capable", NET_RAW);
  program("capable-root", 04755, 0, 0);
  set_capabilities("capable-root", CHOWN);
  static const char *const programs[] = {"./plain",      "./set-user", "./set-other",   "./set-group",
                                         "./unreadable", "./capable",  "./capable-root"};
  for (int p = 0; p < 7; p++)
    for (int w = 0; w < 3; w++)
      run(programs[p], ways[w]);
  taken();
  groups();
  inspect();
  names();
  access_by_capability();
  if (chdir("/") < 0) return 1;
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", directory);
  return system(command);
}
