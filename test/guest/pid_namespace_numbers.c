// Numbers of processes, threads and process groups where calls take and give them: they are those of the caller's PID
// namespace, and 0 for who is not in it (pid_namespaces(7)).
//@ needs: fork signals pipes threads pidfd sockets locks sysv futex timers scheduler files
#include "pid_namespace.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#ifndef PIDFD_GET_INFO
#define PIDFD_GET_INFO _IOWR(0xFF, 11, struct pidfd_info)
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static int up[2], down[2];

// ---- Waiting and lookups, within ----

static volatile int from;

static void handler(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)context;
  from = info->si_pid;
}

static void catches(int signo) {
  struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(signo, &a, NULL);
}

static void lookups(void) {
  catches(SIGCHLD);
  int pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    for (;;)
      pause();
  }
  milliseconds(60);
  value("child", pid);
  value("getpgid", getpgid(pid));
  value("getpgid of nobody", SYS_1(SYS_getpgid, 77));
  value("setpgid of nobody", SYS_2(SYS_setpgid, 77, 0));
  value("getpriority", SYS_2(SYS_getpriority, PRIO_PROCESS, pid));
  value("of a group", SYS_2(SYS_getpriority, PRIO_PGRP, pid));
  value("of nobody", SYS_2(SYS_getpriority, PRIO_PROCESS, 77));
  value("sched_getscheduler", SYS_1(SYS_sched_getscheduler, pid));
  value("of nobody", SYS_1(SYS_sched_getscheduler, 77));
  value("prlimit", SYS_4(SYS_prlimit64, pid, RLIMIT_CORE, 0, 0));
  value("of nobody", SYS_4(SYS_prlimit64, 77, RLIMIT_CORE, 0, 0));
  value("ioprio_get", SYS_2(SYS_ioprio_get, 1, 77));
  unsigned long head, length;
  value("get_robust_list", SYS_3(SYS_get_robust_list, pid, &head, &length));
  value("of nobody", SYS_3(SYS_get_robust_list, 77, &head, &length));
  struct timespec t;
  value("CPU clock", SYS_2(SYS_clock_gettime, ~(unsigned)pid << 3 | 2, &t));
  value("of nobody", SYS_2(SYS_clock_gettime, ~77u << 3 | 2, &t));
  value("pidfd_open", SYS_2(SYS_pidfd_open, 77, 0));
  value("kill nobody", SYS_2(SYS_kill, 77, 0));
  value("kill a group", SYS_2(SYS_kill, -pid, SIGSTOP));
  siginfo_t info = {0};
  value("waitid", SYS_5(SYS_waitid, P_PGID, pid, &info, WSTOPPED | WNOWAIT, 0));
  value("si_pid", info.si_pid);
  value("of the signal", from);
  from = 0;
  value("wait4 of nobody", SYS_4(SYS_wait4, 77, 0, WNOHANG, 0));
  value("of no group", SYS_4(SYS_wait4, -77, 0, WNOHANG, 0));
  kill(pid, SIGKILL);
  int status;
  value("wait4", SYS_4(SYS_wait4, -pid, &status, 0, 0));
  told("it", status);
  value("of the signal", from);
  value("tgkill", SYS_3(SYS_tgkill, 1, 1, 0));
  value("another's thread", SYS_3(SYS_tgkill, 2, 1, 0));
}

static void *in_thread(void *at) {
  *(int *)at = SYS_0(SYS_gettid);
  return NULL;
}

static void *with_lock(void *lock) {
  pthread_mutex_lock(lock);
  return NULL;
}

static void words(void) {
  pthread_t t;
  int tid = 0;
  pthread_create(&t, NULL, in_thread, &tid);
  pthread_join(t, NULL);
  value("a thread", tid);
  value("set_tid_address", SYS_1(SYS_set_tid_address, &tid));
  static int pi;
  value("locked", SYS_6(SYS_futex, &pi, FUTEX_LOCK_PI, 0, 0, 0, 0));
  value("the word", pi & FUTEX_TID_MASK);
  int pid = fork();
  if (pid == 0) {
    value("not mine", SYS_6(SYS_futex, &pi, FUTEX_UNLOCK_PI, 0, 0, 0, 0));
    pi = 77;
    struct timespec soon = {0, 1000000};
    value("of nobody", SYS_6(SYS_futex, &pi, FUTEX_LOCK_PI, 0, &soon, 0, 0));
    pi = 2;
    value("its own", SYS_6(SYS_futex, &pi, FUTEX_LOCK_PI, 0, &soon, 0, 0));
    pi = 0;
    value("free", SYS_6(SYS_futex, &pi, FUTEX_LOCK_PI, 0, 0, 0, 0));
    value("the word", pi & FUTEX_TID_MASK);
    value("unlocked", SYS_6(SYS_futex, &pi, FUTEX_UNLOCK_PI, 0, 0, 0, 0));
    _exit(0);
  }
  reaped("it", pid);
  pthread_mutexattr_t robust;
  pthread_mutexattr_init(&robust);
  pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setprotocol(&robust, PTHREAD_PRIO_INHERIT);
  pthread_mutex_t lock;
  pthread_mutex_init(&lock, &robust);
  pthread_create(&t, NULL, with_lock, &lock);
  pthread_join(t, NULL);
  value("the owner is dead", pthread_mutex_lock(&lock) == EOWNERDEAD);
  timer_t timer;
  struct sigevent e = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
  e._sigev_un._tid = 1;
  value("a timer for this thread", SYS_3(SYS_timer_create, CLOCK_MONOTONIC, &e, &timer));
  e._sigev_un._tid = 77;
  value("for nobody", SYS_3(SYS_timer_create, CLOCK_MONOTONIC, &e, &timer));
}

// What threads may answer by themselves, and what another part of a kernel is told.
static void local(void) {
  int right = 0;
  for (int i = 0; i < 300; i++)
    right += SYS_0(SYS_getpid) == 1 && SYS_0(SYS_gettid) == 1 && SYS_0(SYS_getppid) == 0;
  value("getpid, gettid, getppid", right);
  int pid = fork();
  if (pid == 0) {
    right = 0;
    for (int i = 0; i < 300; i++)
      right += SYS_0(SYS_getpid) == 2 && SYS_0(SYS_gettid) == 2 && SYS_0(SYS_getppid) == 1;
    value("of a child", right);
    _exit(0);
  }
  reaped("it", pid);
  if (unshare(CLONE_NEWNET)) return;
  for (int i = 0; i < 3; i++) {
    int fd = socket(AF_NETLINK, SOCK_RAW, 0);
    struct {
      unsigned short family, pad;
      unsigned pid, groups;
    } a = {AF_NETLINK, 0, 0, 0};
    socklen_t length = sizeof a;
    value("bind", SYS_3(SYS_bind, fd, &a, sizeof a));
    getsockname(fd, (void *)&a, &length);
    say("a port that is %s", a.pid == 1 ? "the number" : "another");
  }
}

static void *executes(void *unused) {
  execl("/proc/self/exe", "pid_namespace_numbers", "exec", NULL);
  return unused;
}

// A thread takes its process's number by exec.
static void by_exec(void) {
  int pid = fork();
  if (pid == 0) {
    pthread_t t;
    pthread_create(&t, NULL, executes, NULL);
    for (;;)
      pause();
  }
  value("it", pid);
  reaped("it", pid);
}

static void owners(void) {
  int fds[2];
  if (pipe(fds)) return;
  value("F_SETOWN", fcntl(fds[0], F_SETOWN, 1));
  value("F_GETOWN", fcntl(fds[0], F_GETOWN));
  value("nobody", fcntl(fds[0], F_SETOWN, 77) < 0 ? -errno : 0);
  value("the group outside", fcntl(fds[0], F_SETOWN, -getpgrp()));
  int pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    value("a group", fcntl(fds[0], F_SETOWN, -2));
    _exit(0);
  }
  reaped("it", pid);
  value("the group", SYS_2(SYS_fcntl, fds[0], F_GETOWN));
}

// ---- From one namespace to another ----

static void credentials_of(const char *what, int fd) {
  char data[16], control[CMSG_SPACE(sizeof(struct ucred))];
  struct iovec v = {data, sizeof data};
  struct msghdr m = {
      .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(fd, &m, 0) < 0) {
    value(what, -errno);
    return;
  }
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  if (c == NULL || c->cmsg_type != SCM_CREDENTIALS) {
    say("%s: no credentials", what);
    return;
  }
  struct ucred u;
  memcpy(&u, CMSG_DATA(c), sizeof u);
  value(what, u.pid);
}

static long claims(int fd, int pid) {
  char control[CMSG_SPACE(sizeof(struct ucred))] = {0};
  struct iovec v = {"x", 1};
  struct msghdr m = {
      .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_CREDENTIALS, c->cmsg_len = CMSG_LEN(sizeof(struct ucred));
  struct ucred u = {pid, getuid(), getgid()};
  memcpy(CMSG_DATA(c), &u, sizeof u);
  return sendmsg(fd, &m, 0) < 0 ? -errno : 0;
}

static int connection[2], listener;

static struct ucred peer(int fd) {
  struct ucred u = {-1, 0, 0};
  socklen_t length = sizeof u;
  getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &length);
  return u;
}

static long peer_process(int fd) {
  int pidfd = -1;
  socklen_t length = sizeof pidfd;
  return getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) ? -errno : pidfd;
}

static void fdinfo(const char *what, int fd) {
  char path[64], text[512] = "";
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  int info = open(path, O_RDONLY);
  (void)!read(info, text, sizeof text - 1);
  close(info);
  char *pid = strstr(text, "Pid:"), *ns = strstr(text, "NSpid:");
  int outer = -2, all[3] = {-2, -2, -2};
  if (pid) sscanf(pid, "Pid: %d", &outer);
  int n = ns ? sscanf(ns, "NSpid: %d %d %d", &all[0], &all[1], &all[2]) : 0;
  say("%s: %s, and %d numbers, of which the last is %d", what,
      outer > 1   ? "a number"
      : outer < 0 ? "-1"
      : outer     ? "1"
                  : "0",
      n > 1 ? 2 : n, n > 0 && all[n - 1] < 100 ? all[n - 1] : 0);
}

static void sockets(void) {
  if (pipe(up) || pipe(down)) return;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, connection)) return;
  int on = 1, self = getpid();
  for (int i = 0; i < 2; i++)
    setsockopt(connection[i], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  struct sockaddr a = {AF_UNIX, {0}};
  bind(listener, &a, sizeof a.sa_family);
  listen(listener, 1);
  struct sockaddr_storage at;
  socklen_t length = sizeof at;
  getsockname(listener, (void *)&at, &length);
  int pid = fork_into(CLONE_NEWPID);
  if (pid == 0) {
    value("the peer of a pair", peer(connection[1]).pid);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    value("connected", connect(fd, (void *)&at, length));
    value("who listens", peer(fd).pid);
    outcome("its process", peer_process(fd));
    let(up);
    wait_for(down);
    credentials_of("from outside", connection[1]);
    value("as itself", claims(connection[1], 1));
    value("as nobody", claims(connection[1], 77));
    value("as who is outside", claims(connection[1], self));
    let(up);
    wait_for(down);
    _exit(0);
  }
  int fd = accept(listener, NULL, NULL);
  wait_for(up);
  yes_no("who has connected", peer(fd).pid == pid);
  long pidfd = peer_process(fd);
  outcome("its process", pidfd);
  fdinfo("seen from outside", pidfd);
  struct {
    unsigned long long mask, cgroup;
    unsigned pid, tgid, ppid, rest[20];
  } info = {.mask = 1};
  value("PIDFD_GET_INFO", ioctl(pidfd, _IOWR(0xff, 11, char[64]), &info) < 0 ? -errno : 0);
  yes_no("its number, and its parent's", info.pid == (unsigned)pid && info.ppid == (unsigned)self);
  send(connection[0], "x", 1, 0);
  let(down);
  wait_for(up);
  char data[16], control[64];
  struct iovec v = {data, sizeof data};
  struct msghdr m = {
      .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  value("received", recvmsg(connection[0], &m, 0));
  struct ucred u = {0};
  memcpy(&u, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof u);
  yes_no("its number here", u.pid == pid);
  let(down);
  reaped("the init", pid);
  fdinfo("when it is gone", pidfd);
}

static void file_locks(void) {
  int fd = memfd_create("locks", 0);
  struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};
  value("locked", fcntl(fd, F_SETLK, &l));
  if (pipe(up) || pipe(down)) return;
  int pid = fork_into(CLONE_NEWPID);
  if (pid == 0) {
    struct flock other = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};
    value("who has it", fcntl(fd, F_GETLK, &other));
    value("l_pid", other.l_pid);
    other.l_type = F_WRLCK, other.l_start = 20, other.l_pid = 0;
    value("locked", fcntl(fd, F_SETLK, &other));
    if (fork() == 0) {
      struct flock third = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 20, .l_len = 10};
      value("who has it", fcntl(fd, F_GETLK, &third));
      value("l_pid", third.l_pid);
      _exit(0);
    }
    wait(NULL);
    let(up);
    wait_for(down);
    _exit(0);
  }
  wait_for(up);
  struct flock other = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 20, .l_len = 10};
  value("who has the other", fcntl(fd, F_GETLK, &other));
  yes_no("it is the child", other.l_pid == pid);
  let(down);
  reaped("the init", pid);
}

static void system_v(void) {
  if (unshare(CLONE_NEWIPC)) return;
  int shm = shmget(IPC_PRIVATE, 4096, 0600), sem = semget(IPC_PRIVATE, 3, 0600),
      msg = msgget(IPC_PRIVATE, 0600);
  struct sembuf one = {0, 1, 0}, two = {1, 1, 0};
  semop(sem, &one, 1);
  struct {
    long type;
    char text[4];
  } m = {1, "abc"};
  msgsnd(msg, &m, 4, 0);
  if (pipe(up) || pipe(down)) return;
  struct shmid_ds s;
  struct msqid_ds q;
  int pid = fork_into(CLONE_NEWPID);
  if (pid == 0) {
    shmctl(shm, IPC_STAT, &s);
    say("made by %d, attached by %d", s.shm_cpid, s.shm_lpid);
    char *at = shmat(shm, NULL, 0);
    shmctl(shm, IPC_STAT, &s);
    say("made by %d, attached by %d", s.shm_cpid, s.shm_lpid);
    value("semaphore 0", semctl(sem, 0, GETPID));
    value("semaphore 2", semctl(sem, 2, GETPID));
    semop(sem, &two, 1);
    value("semaphore 1", semctl(sem, 1, GETPID));
    msgctl(msg, IPC_STAT, &q);
    say("sent by %d, received by %d", q.msg_lspid, q.msg_lrpid);
    msgrcv(msg, &m, 4, 0, 0);
    msgctl(msg, IPC_STAT, &q);
    say("sent by %d, received by %d", q.msg_lspid, q.msg_lrpid);
    if (fork() == 0) {
      semop(sem, &two, 1);
      msgsnd(msg, &m, 4, 0);
      _exit(0);
    }
    wait(NULL);
    value("who has ended", semctl(sem, 1, GETPID));
    msgctl(msg, IPC_STAT, &q);
    say("sent by %d, received by %d", q.msg_lspid, q.msg_lrpid);
    semop(sem, &two, 1);
    let(up);
    wait_for(down);
    shmdt(at);
    _exit(0);
  }
  wait_for(up);
  shmctl(shm, IPC_STAT, &s);
  yes_no("made here, and a child of it has detached it", s.shm_cpid == getpid() && s.shm_lpid > pid);
  yes_no("semaphores", semctl(sem, 0, GETPID) == getpid() && semctl(sem, 1, GETPID) == pid);
  msgctl(msg, IPC_STAT, &q);
  yes_no("messages", q.msg_lspid > pid && q.msg_lrpid == pid);
  let(down);
  reaped("the init", pid);
  shmctl(shm, IPC_RMID, NULL), semctl(sem, 0, IPC_RMID), msgctl(msg, IPC_RMID, NULL);
}

// ---- Terminals ----

static void terminals(void) {
  setsid();
  int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), number = 0, zero = 0;
  ioctl(master, TIOCSPTLCK, &zero);
  ioctl(master, TIOCGPTN, &number);
  char name[32];
  snprintf(name, sizeof name, "/dev/pts/%d", number);
  int fd = open(name, O_RDWR);
  int group = -1, session = -1;
  ioctl(fd, TIOCGPGRP, &group), ioctl(fd, TIOCGSID, &session);
  yes_no("its own", group == getpid() && session == getpid());
  signal(SIGTTOU, SIG_IGN);
  int pid = fork_into(CLONE_NEWPID);
  if (pid == 0) {
    value("TIOCGPGRP", ioctl(fd, TIOCGPGRP, &group) < 0 ? -errno : group);
    value("TIOCGSID", ioctl(fd, TIOCGSID, &session) < 0 ? -errno : session);
    int own = 1, nobody = 77;
    value("a group that is none", ioctl(fd, TIOCSPGRP, &nobody) < 0 ? -errno : 0);
    setpgid(0, 0);
    value("its own in the foreground", ioctl(fd, TIOCSPGRP, &own) < 0 ? -errno : 0);
    value("TIOCGPGRP", ioctl(fd, TIOCGPGRP, &group) < 0 ? -errno : group);
    catches(SIGINT);
    (void)!write(master, "\3", 1);
    milliseconds(60);
    value("an interrupt from", from);
    _exit(0);
  }
  reaped("it", pid);
}

// A parent's end, told to a child in the same namespace and in one below.
static void parents_end(void) {
  int fds[2];
  if (pipe(fds)) return;
  for (int i = 0; i < 2; i++) {
    int pid = fork();
    if (pid == 0) {
      int child = i ? fork_into(CLONE_NEWPID) : fork();
      if (child == 0) {
        from = -1;
        catches(SIGUSR1);
        prctl(PR_SET_PDEATHSIG, SIGUSR1);
        let(fds);
        while (from == -1)
          milliseconds(1);
        milliseconds(60);
        say("told by %d, and now the parent is %d", from, getppid());
        _exit(0);
      }
      wait_for(fds);
      _exit(0);
    }
    reaped("the parent", pid);
    reaped("an orphan", -1);
  }
}

int main(int argc, char **argv) {
  if (argc > 1) {
    say("%s: %d, %ld, %d", argv[1], getpid(), SYS_0(SYS_gettid), getppid());
    return 0;
  }
  inside("lookups", lookups);
  inside("words", words);
  inside("local answers", local);
  inside("by exec", by_exec);
  inside("owners", owners);
  say("-- sockets");
  in_child("sockets", sockets);
  in_child("locks", file_locks);
  in_child("System V", system_v);
  in_child("terminals", terminals);
  inside("a parent's end", parents_end);
  return 0;
}
