// What calls say of ids in a user namespace, of those that are mapped and of those that are not: run in containers of two
// runtimes, which must print the same. Its root has /own, /unmapped and /setid (a program that is another's); argument: an id that
// is not mapped.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SAY(call)                                                                                            \
  do {                                                                                                       \
    errno = 0;                                                                                               \
    long result = (long)(call);                                                                              \
    printf("%s = %ld %s\n", #call, result < 0 ? -1 : result, result < 0 ? strerrorname_np(errno) : "");      \
    fflush(stdout);                                                                                          \
  } while (0)

static unsigned other; // not mapped

// In a process of its own: what changes credentials.
#define APART(...)                                                                                           \
  do {                                                                                                       \
    if (fork() == 0) {                                                                                       \
      __VA_ARGS__;                                                                                           \
      fflush(stdout);                                                                                        \
      _exit(0);                                                                                              \
    }                                                                                                        \
    wait(NULL);                                                                                              \
  } while (0)

static void show_file(const char *path) {
  struct stat st;
  if (lstat(path, &st) < 0)
    printf("%s: %s\n", path, strerrorname_np(errno));
  else
    printf("%s: %u:%u %o\n", path, st.st_uid, st.st_gid, st.st_mode);
  struct statx stx;
  if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx) == 0)
    printf("%s: statx %u:%u\n", path, stx.stx_uid, stx.stx_gid);
}

static void show_text(const char *path) {
  char text[4096];
  int fd = open(path, O_RDONLY);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[n > 0 ? n : 0] = '\0';
  printf("%s: %s%s", path, text, n > 0 && text[n - 1] == '\n' ? "" : "\n");
}

static void show_status(void) {
  static const char *const names[] = {"Uid:", "Gid:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:"};
  FILE *file = fopen("/proc/self/status", "r");
  char line[4096];
  while (file && fgets(line, sizeof line, file))
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
      if (strncmp(line, names[i], strlen(names[i])) == 0) fputs(line, stdout);
  if (file) fclose(file);
}

static int write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY);
  if (fd < 0) return -1;
  ssize_t n = write(fd, text, strlen(text));
  int error = errno;
  close(fd);
  errno = error;
  return n < 0 ? -1 : 0;
}

static void set_ids(void) {
  APART(SAY(setuid(other)));
  APART(SAY(setgid(other)));
  APART(SAY(setreuid(-1, other)));
  APART(SAY(setreuid(other, -1)));
  APART(SAY(setregid(-1, other)));
  APART(SAY(setresuid(-1, -1, other)));
  APART(SAY(setresgid(1, other, 1)));
  APART(SAY(setfsuid(other)); SAY(setfsuid(-1)));
  APART(SAY(setfsgid(other)); SAY(setfsgid(-1)));
  APART(SAY(setgroups(2, (gid_t[]){1, other})); SAY(getgroups(0, NULL)));
  APART(SAY(setgroups(2, (gid_t[]){1, 2})); SAY(getgroups(0, NULL)));
  APART(SAY(setresuid(3, 4, 5)); show_status(); SAY(setuid(other)); SAY(setuid(0)));
  APART(SAY(syscall(SYS_setuid, -1)));
}

static void files(void) {
  static const char *const paths[] = {
      "/",     "/own",       "/unmapped", "/setid",        "/dev/null",         "/dev/pts/ptmx",
      "/proc", "/proc/self", "/sys",      "/proc/meminfo", "/proc/self/ns/user"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
    show_file(paths[i]);
  SAY(chown("/own", other, -1));
  SAY(chown("/own", -1, other));
  SAY(chown("/own", 1, 2));
  show_file("/own");
  SAY(chown("/own", 0, 0));
  SAY(chown("/unmapped", 0, 0));
  SAY(chown("/unmapped", -1, -1));
  SAY(chmod("/unmapped", 0600));
  SAY(open("/unmapped", O_WRONLY));
  SAY(access("/unmapped", W_OK));
  SAY(access("/unmapped", R_OK));
  SAY(utimensat(AT_FDCWD, "/unmapped", (struct timespec[]){{1, 0}, {1, 0}}, 0));
  SAY(setxattr("/unmapped", "user.a", "b", 1, 0));
  SAY(link("/unmapped", "/tmp/link"));
  SAY(unlink("/tmp/link"));
  SAY(chown("/dev/null", 0, 0));
  SAY(mknod("/tmp/zero", S_IFCHR | 0666, 0x105));
  SAY(mknod("/dev/shm/whiteout", S_IFCHR | 0666, 0));
  SAY(mknod("/tmp/fifo", S_IFIFO | 0666, 0));
  SAY(setxattr("/own", "trusted.a", "b", 1, 0));
  SAY(setxattr("/own", "user.a", "b", 1, 0));
  unlink("/tmp/new");
  APART(umask(0); SAY(setresgid(7, 7, 7)); SAY(setresuid(6, 6, 6));
        SAY(open("/tmp/new", O_CREAT | O_WRONLY, 0640) < 0); SAY(open("/unmapped", O_WRONLY)));
  show_file("/tmp/new");
}

static void acl(const char *what, uint32_t id) {
  struct {
    uint32_t version;
    struct {
      uint16_t tag, perm;
      uint32_t id;
    } entries[5];
  } list = {2, {{1, 6, -1u}, {2, 4, id}, {4, 4, -1u}, {16, 4, -1u}, {32, 0, -1u}}};
  errno = 0;
  int result = setxattr("/dev/shm/acl", "system.posix_acl_access", &list, sizeof list, 0);
  printf("a list with %s id: %d %s\n", what, result, result < 0 ? strerrorname_np(errno) : "");
}

static void shared_objects(void) {
  struct msqid_ds queue;
  int id = msgget(IPC_PRIVATE, 0600);
  SAY(msgctl(id, IPC_STAT, &queue));
  queue.msg_perm.uid = other;
  SAY(msgctl(id, IPC_SET, &queue));
  queue.msg_perm.uid = 3;
  SAY(msgctl(id, IPC_SET, &queue));
  msgctl(id, IPC_STAT, &queue);
  printf("queue of %u:%u\n", queue.msg_perm.uid, queue.msg_perm.cuid);
  msgctl(id, IPC_RMID, NULL);
}

static void messages(void) {
  int ends[2];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
  int on = 1;
  setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  const uint32_t uids[] = {other, 4};
  for (int i = 0; i < 2; i++) {
    union {
      char bytes[CMSG_SPACE(sizeof(struct ucred))];
      struct cmsghdr header;
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(struct ucred)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_CREDENTIALS}};
    struct ucred claim = {getpid(), uids[i], 0};
    memcpy(CMSG_DATA(&control.header), &claim, sizeof claim);
    struct iovec text = {"x", 1};
    struct msghdr message = {
        .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    SAY(sendmsg(ends[0], &message, 0));
  }
  char byte;
  struct iovec text = {&byte, 1};
  char control[256];
  struct msghdr message = {
      .msg_iov = &text, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(ends[1], &message, MSG_DONTWAIT) == 1) {
    struct ucred from;
    memcpy(&from, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof from);
    printf("from %u:%u\n", from.uid, from.gid);
  }
}

// What takes a capability of the initial user namespace, which nobody here has.
static void whole_system(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_max++;
  SAY(setrlimit(RLIMIT_NOFILE, &limit));
  APART(setrlimit(RLIMIT_NICE, &(struct rlimit){0, 0}); SAY(setpriority(PRIO_PROCESS, 0, -5)));
  SAY(sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){1}));
  SAY(syscall(SYS_ioprio_set, 1, 0, 1 << 13));
  SAY(write_text("/proc/self/oom_score_adj", "-1000"));
  APART(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, 0});
        void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); SAY(mlock(page, 4096)));
  SAY(mount("x", "/tmp", "tmpfs", 0, "mode=700,uid=70000"));
  SAY(mount("x", "/tmp", "tmpfs", 0, "mode=700,uid=7"));
  show_file("/tmp");
  SAY(umount("/tmp"));
  SAY(sethostname("other", 5));
  SAY(syscall(SYS_setns, open("/proc/self/ns/user", O_RDONLY), 0));
  SAY(write_text("/proc/self/uid_map", "0 0 1\n"));
  SAY(write_text("/proc/self/setgroups", "deny"));
}

int main(int count, char **arguments) {
  if (geteuid() != 0) { // this program, from /setid
    printf("set-user-ID: %u\n", geteuid());
    return 0;
  }
  other = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 70000;
  show_text("/proc/self/uid_map");
  show_text("/proc/self/gid_map");
  show_text("/proc/self/projid_map");
  show_text("/proc/self/setgroups");
  show_status();
  set_ids();
  files();
  close(open("/dev/shm/acl", O_CREAT | O_WRONLY, 0600));
  acl("a mapped", 9);
  acl("an unmapped", other);
  shared_objects();
  messages();
  whole_system();
  APART(SAY(setresuid(8, 8, 8)); execl("/setid", "/setid", NULL); SAY(-1));
  return 0;
}
