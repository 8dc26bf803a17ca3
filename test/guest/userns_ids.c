// Ids as they are told in a user namespace: of files, peers, senders of messages and signals, children, System V objects.
//@ needs: credentials fork files proc sockets signals sysv pidfd
//@ args: root
//@ args: user
#include "user_namespace.h"
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static int is_root;
static char directory[] = "/tmp/userns.XXXXXX";

static void of_file(const char *name) {
  struct stat s;
  struct statx x;
  if (stat(name, &s)) {
    say("%s: %s", name, strerrorname_np(errno));
    return;
  }
  statx(AT_FDCWD, name, 0, STATX_ALL, &x);
  say("%s is of %u %u, statx %u %u", name, s.st_uid, s.st_gid, x.stx_uid, x.stx_gid);
}

static void message(int fd, const char *what) {
  char byte, control[256];
  struct iovec v = {&byte, 1};
  struct msghdr m = {
      .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(fd, &m, MSG_DONTWAIT) != 1) {
    say("%s: %s", what, strerrorname_np(errno));
    return;
  }
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
    if (c->cmsg_type == SCM_CREDENTIALS) {
      struct ucred *u = (struct ucred *)CMSG_DATA(c);
      say("%s: sent by %u %u, pid is %s", what, u->uid, u->gid, u->pid ? "told" : "0");
    }
}

static long send_as(int fd, unsigned uid, unsigned gid) {
  char byte = 0, control[CMSG_SPACE(sizeof(struct ucred))];
  struct iovec v = {&byte, 1};
  struct msghdr m = {
      .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_CREDENTIALS;
  c->cmsg_len = CMSG_LEN(sizeof(struct ucred));
  struct ucred u = {getpid(), uid, gid};
  memcpy(CMSG_DATA(c), &u, sizeof u);
  return sendmsg(fd, &m, 0) < 0 ? -errno : 0;
}

static int pair[2];

static void peers(void) {
  struct ucred u;
  socklen_t n = sizeof u;
  getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &u, &n);
  say("the peer is %u %u", u.uid, u.gid);
  value("send as 0", send_as(pair[1], 0, 0));
  message(pair[0], "by itself");
  value("send as who is not mapped", send_as(pair[1], 9999, 0));
  value("send as 1", send_as(pair[1], 1, 1));
  message(pair[0], "by itself");
  unsigned groups[8];
  n = sizeof groups;
  value("SO_PEERGROUPS", getsockopt(pair[0], SOL_SOCKET, SO_PEERGROUPS, groups, &n) ? -errno : (long)n);
}

static void handler(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)context;
  say("a signal of user %u, code %d", info->si_uid, info->si_code);
}

static void child_of(const char *what, unsigned uid) {
  int pid = fork();
  if (pid == 0) {
    if (uid) SYS_3(SYS_setresuid, uid, uid, uid);
    _exit(3);
  }
  siginfo_t info;
  waitid(P_PID, pid, &info, WEXITED);
  say("%s: a child of user %u", what, info.si_uid);
}

static void objects(void) {
  struct shmid_ds shm;
  struct semid_ds sem;
  struct msqid_ds msg;
  int shmid = shmget(IPC_PRIVATE, 4096, 0600), semid = semget(IPC_PRIVATE, 1, 0600),
      msgid = msgget(IPC_PRIVATE, 0600);
  shmctl(shmid, IPC_STAT, &shm);
  semctl(semid, 0, IPC_STAT, &sem);
  msgctl(msgid, IPC_STAT, &msg);
  say("shm %u %u %u %u", shm.shm_perm.uid, shm.shm_perm.gid, shm.shm_perm.cuid, shm.shm_perm.cgid);
  say("sem %u %u %u %u", sem.sem_perm.uid, sem.sem_perm.gid, sem.sem_perm.cuid, sem.sem_perm.cgid);
  say("msg %u %u %u %u", msg.msg_perm.uid, msg.msg_perm.gid, msg.msg_perm.cuid, msg.msg_perm.cgid);
  msg.msg_perm.uid = 9999;
  value("to who is not mapped", msgctl(msgid, IPC_SET, &msg) ? -errno : 0);
  msg.msg_perm.uid = 0;
  value("to 0", msgctl(msgid, IPC_SET, &msg) ? -errno : 0);
  sem.sem_perm.gid = 9999;
  value("to a group that is not mapped", semctl(semid, 0, IPC_SET, &sem) ? -errno : 0);
  shmctl(shmid, IPC_RMID, NULL);
  semctl(semid, 0, IPC_RMID);
  msgctl(msgid, IPC_RMID, NULL);
}

static void status(void) {
  FILE *f = fopen("/proc/self/status", "r");
  char line[512];
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, "Uid:", 4) || !strncmp(line, "Gid:", 4) || !strncmp(line, "Groups:", 7)) {
      line[strcspn(line, "\n")] = 0;
      say("%s", line);
    }
  fclose(f);
}

static void lists(void) {
  // A list of the owner, the user 1, the group, a mask and the others, by hand.
  unsigned char acl[4 + 5 * 8] = {2};
  unsigned short entries[5][2] = {{1, 6}, {2, 4}, {4, 4}, {16, 6}, {32, 0}};
  for (int i = 0; i < 5; i++) {
    unsigned id = i == 1 ? 1 : 0xffffffff;
    memcpy(acl + 4 + 8 * i, entries[i], 4);
    memcpy(acl + 8 + 8 * i, &id, 4);
  }
  value("a list", setxattr("of-0", "system.posix_acl_access", acl, sizeof acl, 0) ? -errno : 0);
  unsigned other = 9999;
  memcpy(acl + 8 + 8, &other, 4);
  value("of who is not mapped", setxattr("of-0", "system.posix_acl_access", acl, sizeof acl, 0) ? -errno : 0);
  ssize_t n = getxattr("of-0", "system.posix_acl_access", acl, sizeof acl);
  memcpy(&other, acl + 8 + 8, 4);
  say("%zd bytes, of user %d", n, n > 0 ? (int)other : 0);
}

static void all_inside(void) {
  ids("inside");
  status();
  of_file(".");
  of_file("of-0");
  of_file("of-1");
  of_file("of-9999");
  of_file("/");
  of_file("/proc/self");
  of_file("/dev/null");
  int fd = open("new", O_CREAT | O_EXCL | O_WRONLY, 0644);
  value("new", fd < 0 ? -errno : 0);
  of_file("new");
  value("chown to 1", chown("new", 1, 1) ? -errno : 0);
  of_file("new");
  value("chown to who is not mapped", chown("new", 9999, -1) ? -errno : 0);
  value("chgrp to who is not mapped", chown("new", -1, 9999) ? -errno : 0);
  value("chown of another's", chown("of-9999", 0, 0) ? -errno : 0);
  value("chmod of another's", chmod("of-9999", 0777) ? -errno : 0);
  value("unlink of another's", access("of-9999", W_OK) ? -errno : 0);
  value("times of another's", utimensat(AT_FDCWD, "of-9999", NULL, 0) ? -errno : 0);
  lists();
  peers();
  struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &act, NULL);
  kill(getpid(), SIGUSR1);
  union sigval v = {0};
  sigqueue(getpid(), SIGUSR1, v);
  child_of("as 0", 0);
  child_of("as 1", 1);
  objects();
  errno = 0;
  getpriority(PRIO_USER, 0);
  say("priority of 0: %s", strerrorname_np(errno));
  errno = 0;
  getpriority(PRIO_USER, 9999);
  say("priority of who is not mapped: %s", strerrorname_np(errno));
}

// What those outside are told of who is inside.
static int outside_pair[2];

static void sender(void) {
  kill(getppid(), SIGUSR2);
  send_as(outside_pair[1], 0, 0);
  if (is_root) SYS_3(SYS_setresuid, 1, 1, 1);
}

static void on_usr2(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)context;
  say("from inside: a signal of user %u", info->si_uid);
}

int main(int argc, char **argv) {
  is_root = argc < 2 || strcmp(argv[1], "user") != 0;
  umask(022);
  mkdtemp(directory);
  chdir(directory);
  unsigned uid = is_root ? 50000 : SOMEBODY, gid = is_root ? 60000 : HIS_GROUP;
  static const struct {
    const char *name;
    unsigned add;
  } files[] = {{"of-0", 0}, {"of-1", 1}, {"of-9999", 9999}};
  chown(".", uid, gid);
  for (int i = 0; i < 3; i++) {
    close(open(files[i].name, O_CREAT | O_WRONLY, 0600));
    chown(files[i].name, uid + files[i].add, gid + files[i].add);
  }
  int one = 1;
  socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
  socketpair(AF_UNIX, SOCK_DGRAM, 0, outside_pair);
  setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
  setsockopt(outside_pair[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
  int cleaner = fork();
  if (cleaner == 0) {
    if (!is_root) become_open(SOMEBODY, HIS_GROUP);
    struct sigaction act = {.sa_sigaction = on_usr2, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR2, &act, NULL);
    const char *uids = is_root ? "0 0 1\n1 50000 1000" : "0 1234 1";
    const char *gids = is_root ? "0 0 1\n1 60000 1000" : "0 5678 1";
    if (!is_root) {
      int pid = fork();
      if (pid == 0) {
        if (!unshare_as_root(0)) all_inside();
        _exit(0);
      }
      reaped("inside", pid);
      pid = fork();
      if (pid == 0) {
        if (!unshare_as_root(0)) sender();
        _exit(0);
      }
      reaped("the sender", pid);
    } else {
      mapped_child("inside", uids, gids, 0, all_inside);
      mapped_child("the sender", uids, gids, 0, sender);
    }
    message(outside_pair[0], "outside");
    of_file("new");
    _exit(0);
  }
  reaped("all", cleaner);
  for (int i = 0; i < 3; i++)
    unlink(files[i].name);
  unlink("new");
  chdir("/");
  value("rmdir", rmdir(directory) ? -errno : 0);
  return 0;
}
