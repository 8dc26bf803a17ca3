// A set-user-ID program gives nothing to who is traced by somebody without privilege; who has got something is not to be
// attached to; and a process that is not dumpable is the mighty's.
//@ needs: credentials files tasks
//@ cflags: -pthread
#include "tracing.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

enum { USER = 1000 };

static char directory[] = "/tmp/ptrace-privileges.XXXXXX";

static void program(const char *name, mode_t mode) {
  int from = open("/proc/self/exe", O_RDONLY), to = open(name, O_WRONLY | O_CREAT, 0700);
  char buffer[65536];
  for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0;)
    if (write(to, buffer, n) != n) _exit(1);
  close(from);
  close(to);
  if (chmod(name, mode) < 0) say("%s: %s", name, strerror(errno));
}

static void become(int user) {
  if (SYS_2(SYS_setgroups, 0, 0) < 0 || setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0)
    _exit(1);
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

// Traces a child, which executes the program, up to its end.
static void follow(const char *who) {
  int pid;
  TRACED_CHILD(pid, if (geteuid() == 0) become(USER); execl("set-id", "set-id", who, NULL));
  int status = 0;
  waitpid(pid, &status, 0);
  for (int i = 0; i < 20 && WIFSTOPPED(status); i++) {
    if (trace(PTRACE_CONT, pid, 0, 0) < 0) break;
    waitpid(pid, &status, 0);
  }
  status_is(who, status);
}

static void traced(const char *who, int user) {
  int tracer = fork();
  if (tracer == 0) {
    if (user) become(user);
    follow(who);
    _exit(0);
  }
  wait_for("tracer", tracer);
}

static void attach_as(int user, int pid, const char *what) {
  int tracer = fork();
  if (tracer == 0) {
    if (user) become(user);
    long error = trace(PTRACE_ATTACH, pid, 0, 0);
    outcome(what, error);
    int status;
    if (error == 0) waitpid(pid, &status, __WALL);
    _exit(0);
  }
  waitpid(tracer, NULL, 0);
}

static void look_as(int user, int pid, int tid, const char *what) {
  int who = fork();
  if (who == 0) {
    if (user) become(user);
    char path[64], place[256];
    snprintf(path, sizeof path, "/proc/%d/task/%d/cwd", pid, tid);
    outcome(what, SYS_3(SYS_readlink, path, place, sizeof place) < 0 ? -errno : 0);
    long head, length;
    outcome(" its robust list", SYS_3(SYS_get_robust_list, tid, &head, &length));
    _exit(0);
  }
  waitpid(who, NULL, 0);
}

static volatile int *tids;
static void *waits(void *unused) {
  tids[1] = SYS_0(SYS_gettid);
  for (;;)
    pause();
  return unused;
}

static void *without(void *unused) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {{0}};
  SYS_2(SYS_capset, &header, none);
  return waits(unused);
}

// A process of which one thread alone has capabilities: the first one, or another one.
static void capable_thread(int is_first) {
  say("-- one thread has capabilities: %s", is_first ? "the first" : "another");
  tids[0] = tids[1] = 0;
  int pid = fork();
  if (pid == 0) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}};
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    become(USER);
    pthread_t thread;
    pthread_create(&thread, NULL, is_first ? without : waits, NULL);
    while (!tids[1])
      usleep(1000);
    if (!is_first) SYS_2(SYS_capset, &header, none);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    tids[0] = 1;
    for (;;)
      pause();
  }
  while (!tids[0])
    usleep(1000);
  attach_as(USER, pid, "the first thread, by its user");
  attach_as(USER, tids[1], "the other thread, by its user");
  look_as(USER, pid, pid, "looking at the first thread");
  look_as(USER, pid, tids[1], "looking at the other thread");
  attach_as(0, tids[1], "the other thread, by root");
  kill(pid, SIGKILL);
  wait_for("end", pid);
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "waits")) {
    if (write(3, "x", 1) != 1) return 1;
    for (;;)
      pause();
  }
  if (argc > 1) {
    say("%s: uid %d, euid %d", argv[1], getuid(), geteuid());
    return 0;
  }
  if (!mkdtemp(directory) || chdir(directory) || chmod(".", 0755)) return 1;
  program("set-id", 04755);
  program("plain", 0755);
  traced("traced by its user", USER);
  traced("traced by root", 0);
  const char *kinds[] = {"set-id", "plain"};
  for (int i = 0; i < 2; i++) {
    int ends[2];
    if (pipe(ends)) return 1;
    int pid = fork();
    if (pid == 0) {
      become(USER);
      dup2(ends[1], 3);
      execl(kinds[i], kinds[i], "waits", NULL);
      _exit(1);
    }
    char byte;
    if (read(ends[0], &byte, 1) != 1) return 1;
    say("-- %s", kinds[i]);
    attach_as(USER, pid, "by its user");
    attach_as(USER + 1, pid, "by another user");
    attach_as(0, pid, "by root");
    kill(pid, SIGKILL);
    wait_for("end", pid);
    close(ends[0]);
    close(ends[1]);
  }
  int pid = fork();
  if (pid == 0) {
    become(USER);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    for (;;)
      pause();
  }
  until_state(pid, 'S');
  attach_as(USER, pid, "not dumpable, by its user");
  attach_as(0, pid, "not dumpable, by root");
  kill(pid, SIGKILL);
  wait_for("end", pid);
  tids = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  capable_thread(0);
  capable_thread(1);
  unlink("set-id");
  unlink("plain");
  rmdir(directory);
  return 0;
}
