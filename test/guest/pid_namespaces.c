// PID namespaces (pid_namespaces(7)): how they are made and entered, who is in which, their files, and how deep they go.
//@ needs: fork files proc pidfd
#include "pid_namespace.h"
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#ifndef NS_GET_PID_FROM_PIDNS
#define NS_GET_PID_FROM_PIDNS _IOR(0xb7, 0x6, int)
#define NS_GET_TGID_FROM_PIDNS _IOR(0xb7, 0x7, int)
#define NS_GET_PID_IN_PIDNS _IOR(0xb7, 0x8, int)
#define NS_GET_TGID_IN_PIDNS _IOR(0xb7, 0x9, int)
#endif

static int open_ns(const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s", name);
  return open(path, O_RDONLY | O_CLOEXEC);
}

static ino_t number(int fd) {
  struct stat s;
  return fstat(fd, &s) ? 0 : s.st_ino;
}

static ino_t number_of(const char *name) {
  int fd = open_ns(name);
  if (fd < 0) return 0;
  ino_t ino = number(fd);
  close(fd);
  return ino;
}

static void who(void) {
  say("pid %d, tid %ld, parent %d, group %d, session %d", getpid(), SYS_0(SYS_gettid), getppid(), getpgrp(),
      getsid(0));
}

static void cloned(void) {
  who();
  int pid = fork();
  if (pid == 0) {
    milliseconds(60);
    who();
    value("setpgid", setpgid(0, 0));
    who();
    value("setsid", SYS_0(SYS_setsid));
    _exit(7);
  }
  value("the first child", pid);
  reaped("it", pid);
  pid = fork();
  if (pid == 0) {
    milliseconds(60);
    value("a session", SYS_0(SYS_setsid));
    who();
    _exit(8);
  }
  value("the second child", pid);
  reaped("it", pid);
  value("getpgid(1)", SYS_1(SYS_getpgid, 1));
  value("getpgid(2)", SYS_1(SYS_getpgid, 2));
  value("getsid(1)", SYS_1(SYS_getsid, 1));
  value("a session for the init", SYS_0(SYS_setsid));
  who();
}

static void links(const char *what) {
  char text[64];
  long n = readlink("/proc/thread-self/ns/pid_for_children", text, sizeof text);
  outcome(what, n < 0 ? -errno : n);
  int fd = open_ns("thread-self/ns/pid_for_children");
  outcome("opened", fd < 0 ? -errno : fd);
  if (fd < 0) return;
  yes_no("its own", number(fd) == number_of("thread-self/ns/pid"));
  close(fd);
}

static char stack[65536];
static int runs(void *unused) {
  return unused != NULL;
}

static void unshared(void) {
  links("for children, before");
  value("unshare", SYS_1(SYS_unshare, CLONE_NEWPID));
  who();
  links("for children, before there are any");
  value("again", SYS_1(SYS_unshare, CLONE_NEWPID));
  value("a child in another", fork_into(CLONE_NEWPID));
  value("a thread", SYS_5(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FS | CLONE_FILES,
                          stack + 60000, 0, 0, 0));
  int fds[2];
  if (pipe(fds)) return;
  int pid = fork();
  if (pid == 0) {
    char c;
    who();
    links("of the child");
    int first = fork();
    if (first == 0) {
      who();
      _exit(1);
    }
    reaped("its child", first);
    close(fds[1]);
    (void)!read(fds[0], &c, 1);
    _exit(2);
  }
  close(fds[0]);
  milliseconds(150);
  yes_no("the child has a number here", pid > 1);
  links("for children, while there is one");
  int second = fork();
  if (second == 0) {
    close(fds[1]);
    who();
    for (;;)
      pause();
  }
  milliseconds(60);
  close(fds[1]);
  // The first has ended when the second is waited for.
  reaped("the second", second);
  reaped("the first", pid);
  value("fork after the init's end", SYS_0(SYS_fork));
  value("vfork", SYS_0(SYS_vfork));
  links("for children, after its end");
}

static void flags(void) {
  value("a thread in a new one",
        SYS_5(SYS_clone, CLONE_NEWPID | CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, stack + 60000, 0, 0, 0));
  value("a sibling of the init", fork_into(CLONE_NEWPID | CLONE_PARENT));
  int maker = fork();
  if (maker == 0) {
    int sibling = fork_into(CLONE_NEWPID | CLONE_PARENT);
    if (sibling == 0) {
      milliseconds(60);
      who();
      _exit(3);
    }
    value("a sibling in a new one", sibling);
    value("it is not its maker's", waitpid(sibling, NULL, 0) < 0 ? -errno : 0);
    _exit(0);
  }
  reaped("its maker", maker);
  reaped("the sibling", -1);
  int pid = clone(runs, stack + sizeof stack, CLONE_NEWPID | CLONE_VM | SIGCHLD, NULL);
  yes_no("with the same memory", pid > 0);
  reaped("it", pid);
  pid = clone(runs, stack + sizeof stack, CLONE_NEWPID | CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
  yes_no("as vfork", pid > 0);
  reaped("it", pid);
}

static void not_of_the_mighty(void) {
  if (setuid(1000)) return;
  value("unshare", SYS_1(SYS_unshare, CLONE_NEWPID));
  value("clone", fork_into(CLONE_NEWPID));
  int fd = open_ns("self/ns/pid");
  value("setns", SYS_2(SYS_setns, fd, CLONE_NEWPID));
}

// As many as there may be below each other: not all of them may be there where this runs.
static void deeper(void) {
  int depth = 0;
  for (;;) {
    int pid = fork_into(CLONE_NEWPID);
    if (pid == 0) {
      depth++;
      continue;
    }
    if (pid < 0) {
      value("at the end", pid);
      yes_no("a matter of tens", depth > 20 && depth < 33);
      value("unshare there", SYS_1(SYS_unshare, CLONE_NEWPID));
      value("pid there", getpid());
      who();
      _exit(3);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid) _exit(4);
    if (depth > 0) _exit(WEXITSTATUS(status));
    value("through all of them", WEXITSTATUS(status));
    return;
  }
}

// ---- Entering ----

static void entering(void) {
  int own = open_ns("self/ns/pid");
  int fds[2];
  if (pipe(fds)) return;
  // It gives its namespace's file, since this proc is that of a namespace above.
  int fd = 100;
  int init = fork_into(CLONE_NEWPID | CLONE_FILES);
  if (init == 0) {
    char c;
    int mine = open_ns("self/ns/pid");
    value("the namespace above", SYS_2(SYS_setns, own, 0));
    dup2(mine, fd);
    (void)!read(fds[0], &c, 1);
    _exit(5);
  }
  while (fcntl(fd, F_GETFD) < 0)
    milliseconds(1);
  value("its type", ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWPID);
  int parent = ioctl(fd, NS_GET_PARENT);
  yes_no("its parent is this one", number(parent) == number(own));
  value("of this one there is none to see", ioctl(own, NS_GET_PARENT) < 0 ? -errno : 0);
  int owner = ioctl(fd, NS_GET_USERNS);
  yes_no("its owner", number(owner) == number_of("self/ns/user"));
  yes_no("a number of it here", ioctl(fd, NS_GET_PID_FROM_PIDNS, 1) == init);
  yes_no("and of a process", ioctl(fd, NS_GET_TGID_FROM_PIDNS, 1) == init);
  value("one of here there", ioctl(fd, NS_GET_PID_IN_PIDNS, init));
  value("a process there", ioctl(fd, NS_GET_TGID_IN_PIDNS, init));
  value("this one there", ioctl(fd, NS_GET_PID_IN_PIDNS, getpid()) < 0 ? -errno : 0);
  value("nobody", ioctl(fd, NS_GET_PID_FROM_PIDNS, 77) < 0 ? -errno : 0);
  int other = open_ns("self/ns/mnt");
  value("of another kind", ioctl(other, NS_GET_PID_IN_PIDNS, 1) < 0 ? -errno : 0);

  value("as another kind", SYS_2(SYS_setns, fd, CLONE_NEWNET));
  value("setns", SYS_2(SYS_setns, fd, CLONE_NEWPID));
  who();
  yes_no("for children it is that one", number_of("self/ns/pid_for_children") == number(fd));
  int pid = fork();
  if (pid == 0) {
    who();
    value("back from within", SYS_2(SYS_setns, own, 0));
    value("where it is", SYS_2(SYS_setns, fd, 0));
    int orphan = fork();
    if (orphan == 0) {
      int before = getppid();
      while (getppid() == before)
        milliseconds(1);
      milliseconds(60);
      value("who takes an orphan", getppid());
      _exit(0);
    }
    milliseconds(60);
    _exit(6);
  }
  reaped("the one that was put there", pid);
  milliseconds(150);
  value("back", SYS_2(SYS_setns, own, CLONE_NEWPID));
  pid = fork();
  if (pid == 0) {
    yes_no("children are here again", getppid() != 0);
    _exit(0);
  }
  reaped("that child", pid);
  int pidfd = SYS_2(SYS_pidfd_open, init, 0);
  value("by a descriptor of a process", SYS_2(SYS_setns, pidfd, CLONE_NEWPID));
  pid = fork();
  if (pid == 0) {
    say("pid %d", getpid());
    _exit(0);
  }
  reaped("its child", pid);
  close(fds[1]);
  reaped("the init", init);
  value("a child in what is over", SYS_0(SYS_fork));
  value("entered once more", SYS_2(SYS_setns, fd, CLONE_NEWPID));
  value("a child", SYS_0(SYS_fork));
  value("a process that is gone", SYS_2(SYS_setns, pidfd, CLONE_NEWPID));
}

// ---- Numbers by choice ----

static long numbered(unsigned long flags, const int *numbers, unsigned long count) {
  struct clone_args a = {
      .flags = flags, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)numbers, .set_tid_size = count};
  long pid = SYS_2(SYS_clone3, &a, sizeof a);
  if (pid == 0) {
    milliseconds(60); // its parent says what it has made
    who();
    _exit(0);
  }
  return pid;
}

static void chosen(void) {
  int n[40] = {300, 400};
  value("300", numbered(0, n, 1));
  reaped("it", 300);
  value("300 again", numbered(0, n, 1));
  reaped("it", 300);
  int one = 1, none = 0, minus = -3, many = 1 << 22;
  value("1", numbered(0, &one, 1));
  value("0", numbered(0, &none, 1));
  value("-3", numbered(0, &minus, 1));
  value("too large", numbered(0, &many, 1));
  value("no numbers", numbered(0, n, 0));
  value("nowhere", numbered(0, NULL, 1));
  value("a bad address", numbered(0, (void *)8, 1));
  value("too many", numbered(0, n, 33));
  value("more than levels", numbered(0, n, 32));
  int pair[2] = {1, 555}, bad[2] = {2, 556};
  value("in a new one", numbered(CLONE_NEWPID, pair, 2));
  reaped("it", 555);
  value("not as its first", numbered(CLONE_NEWPID, bad, 2));
  value("next", fork() ?: (_exit(0), 0));
  while (wait(NULL) > 0)
    ;
  if (setuid(1000)) return;
  value("not of the mighty", numbered(0, n, 1));
  value("nor wrong ones", numbered(0, &none, 1));
}

static void pointers(void) {
  static int parent_tid, child_tid, pidfd = -1;
  struct clone_args a = {.flags = CLONE_NEWPID | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_PIDFD,
                         .exit_signal = SIGCHLD,
                         .parent_tid = (uintptr_t)&parent_tid,
                         .child_tid = (uintptr_t)&child_tid,
                         .pidfd = (uintptr_t)&pidfd};
  long pid = SYS_2(SYS_clone3, &a, sizeof a);
  if (pid == 0) {
    milliseconds(60);
    value("the child's", child_tid);
    _exit(0);
  }
  value("the result", pid);
  value("the parent's", parent_tid);
  yes_no("a descriptor", pidfd >= 0);
  siginfo_t info = {0};
  value("waitid", SYS_5(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED, 0));
  value("si_pid", info.si_pid);
}

int main(void) {
  inside("by clone", cloned);
  inside("by unshare", unshared);
  inside("flags", flags);
  inside("without rights", not_of_the_mighty);
  inside("entering", entering);
  inside("numbers by choice", chosen);
  inside("where numbers go", pointers);
  say("-- depth");
  in_child("depth", deeper);
  return 0;
}
