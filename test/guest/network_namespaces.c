// Network namespaces (network_namespaces(7)) by unshare, clone and setns: what is of each of them, their files, who may
// enter which, and what keeps one.
//@ needs: sockets files proc inet
#include "guest.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/wait.h>

static int open_ns(const char *kind) {
  char path[64];
  sprintf(path, "/proc/thread-self/ns/%s", kind);
  return open(path, O_RDONLY | O_CLOEXEC);
}

static ino_t number(int fd) {
  struct stat s;
  return fstat(fd, &s) ? 0 : s.st_ino;
}

static ino_t current(const char *kind) {
  int fd = open_ns(kind);
  ino_t ino = number(fd);
  close(fd);
  return ino;
}

static int lo_is_up(void) {
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  struct ifreq r = {.ifr_name = "lo"};
  ioctl(fd, SIOCGIFFLAGS, &r);
  close(fd);
  return (r.ifr_flags & IFF_UP) != 0;
}

static void set_up(int socket) {
  struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  value("lo goes up", SYS_3(SYS_ioctl, socket, SIOCSIFFLAGS, &r));
}

static int listens_at(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in a = {AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
  if (bind(fd, (void *)&a, sizeof a) || listen(fd, 5)) {
    close(fd);
    return -1;
  }
  return fd;
}

static void connects(const char *what, int fd, int port) {
  struct sockaddr_in a = {AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
  value(what, SYS_3(SYS_connect, fd, &a, sizeof a));
}

static void setting(const char *what, const char *name) {
  char path[100], text[64] = "";
  sprintf(path, "/proc/sys/net/%s", name);
  int fd = open(path, O_RDONLY);
  int n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n > 0 && text[n - 1] == '\n') text[n - 1] = 0;
  say("%s: %s %s", what, name, text);
}

static void set(const char *name, const char *text) {
  char path[100];
  sprintf(path, "/proc/sys/net/%s", name);
  int fd = open(path, O_WRONLY);
  value(name, SYS_3(SYS_write, fd, text, strlen(text)));
  close(fd);
}

static int abstract(const char *name) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  strcpy(a.sun_path + 1, name);
  int error =
      bind(fd, (void *)&a, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)) || listen(fd, 5);
  value("bind of an abstract name", error ? -errno : 0);
  return fd;
}

static void reaches(const char *what, int fd, const char *name) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  strcpy(a.sun_path + 1, name);
  value(what, SYS_3(SYS_connect, fd, &a, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)));
}

static void each_has_its_own(void) {
  say("-- each has its own");
  int first = open_ns("net");
  int name = abstract("ringfence-a-name");
  int unix_socket = socket(AF_UNIX, SOCK_STREAM, 0);
  int before = socket(AF_INET, SOCK_STREAM, 0);
  value("unshare", SYS_1(SYS_unshare, CLONE_NEWNET));
  say("another: %d, ours: %d", number(first) != current("net"), current("net") != 0);
  say("lo is up: %d", lo_is_up());
  int dead = socket(AF_INET, SOCK_STREAM, 0);
  connects("while lo is down", dead, 4000);
  // A socket goes on in the namespace that it was made in.
  struct ifreq r = {.ifr_name = "lo"};
  ioctl(before, SIOCGIFFLAGS, &r);
  say("an older socket's lo is up: %d", (r.ifr_flags & IFF_UP) != 0);
  set_up(dead);
  int listener = listens_at(4000);
  say("listens: %d", listener >= 0);
  connects("in the same", dead, 4000);
  connects("from the first", before, 4000);
  reaches("an abstract name of the first, by a new socket", socket(AF_UNIX, SOCK_STREAM, 0),
          "ringfence-a-name");
  reaches("and by an old one", unix_socket, "ringfence-a-name");
  int same = abstract("ringfence-a-name");
  set("ipv4/ip_default_ttl", "77");
  setting("here", "ipv4/ip_default_ttl");
  set("core/somaxconn", "12");
  pid_t child = fork();
  if (child == 0) {
    value("back in the first", SYS_2(SYS_setns, first, CLONE_NEWNET));
    setting("there", "ipv4/ip_default_ttl");
    setting("there", "core/somaxconn");
    say("the port is free: %d", listens_at(4000) >= 0);
    int ttl;
    socklen_t size = sizeof ttl;
    getsockopt(dead, IPPROTO_IP, IP_TTL, &ttl, &size);
    say("the other's socket says %d", ttl);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  setting("still here", "ipv4/ip_default_ttl");
  value("back", SYS_2(SYS_setns, first, 0));
  say("the first: %d", number(first) == current("net"));
  int fds[] = {first, name, unix_socket, before, dead, listener, same};
  for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++)
    close(fds[i]);
}

static void files(void) {
  say("-- files");
  int first = open_ns("net");
  struct statfs fs;
  value("fstatfs", SYS_2(SYS_fstatfs, first, &fs));
  say("nsfs: %d", fs.f_type == 0x6e736673);
  struct stat s;
  fstat(first, &s);
  say("mode %o, links %d, size %d, of %d", s.st_mode, (int)s.st_nlink, (int)s.st_size, (int)s.st_uid);
  say("type: %d", ioctl(first, NS_GET_NSTYPE) == CLONE_NEWNET);
  char link[64] = "", path[64], wanted[64];
  sprintf(path, "/proc/self/fd/%d", first);
  int n = readlink(path, link, sizeof link - 1);
  link[n > 0 ? n : 0] = 0;
  sprintf(wanted, "net:[%lu]", s.st_ino);
  say("its name: %d", strcmp(link, wanted) == 0);
  char c;
  value("read", SYS_3(SYS_read, first, &c, 1));
  value("to write", SYS_2(SYS_open, "/proc/self/ns/net", O_WRONLY));
  value("lseek", SYS_3(SYS_lseek, first, 0, SEEK_SET));
  int again = open("/proc/self/ns/net", O_RDONLY);
  say("the same: %d", number(again) == number(first));
  close(again);
  int ipc = open_ns("ipc"), mnt = open_ns("mnt");
  struct stat other;
  fstat(ipc, &other);
  say("one file system: %d", other.st_dev == s.st_dev);
  value("setns to another kind", SYS_2(SYS_setns, ipc, CLONE_NEWNET));
  value("setns without a kind", SYS_2(SYS_setns, ipc, 0));
  value("setns to ipc", SYS_2(SYS_setns, ipc, CLONE_NEWIPC));
  value("setns to mnt", SYS_2(SYS_setns, mnt, CLONE_NEWNS));
  value("setns to something else", SYS_2(SYS_setns, 0, CLONE_NEWNET));
  value("setns to nothing", SYS_2(SYS_setns, 99, CLONE_NEWNET));
  for (int i = 0; i < 5; i++) {
    const char *names[] = {"uts", "pid", "cgroup", "time", "user"};
    int fd = open_ns(names[i]);
    value(names[i], SYS_2(SYS_setns, fd, 0));
    close(fd);
  }
  close(first);
  close(ipc);
  close(mnt);
}

static int in_child(void *unused) {
  (void)unused;
  say("lo is up: %d", lo_is_up());
  return 0;
}

static void by_clone(void) {
  say("-- clone");
  static char stack[65536];
  pid_t child = clone(in_child, stack + sizeof stack, CLONE_NEWNET | SIGCHLD, NULL);
  waitpid(child, NULL, 0);
  say("cloned: %d", child > 0);
  value("unshare of what is not known", SYS_1(SYS_unshare, 0x10));
}

// A process that waits, in a namespace of its own.
static pid_t elsewhere(int *pidfd) {
  int ready[2];
  pipe(ready);
  pid_t child = fork();
  if (child == 0) {
    unshare(CLONE_NEWNET);
    write(ready[1], "x", 1);
    pause();
    _exit(0);
  }
  char c;
  read(ready[0], &c, 1);
  close(ready[0]);
  close(ready[1]);
  *pidfd = syscall(SYS_pidfd_open, child, 0);
  return child;
}

static void by_pidfd(void) {
  say("-- by a process");
  int first = open_ns("net"), pidfd;
  pid_t child = elsewhere(&pidfd);
  value("without a kind", SYS_2(SYS_setns, pidfd, 0));
  value("with what is no kind", SYS_2(SYS_setns, pidfd, CLONE_VM));
  value("net and ipc", SYS_2(SYS_setns, pidfd, CLONE_NEWNET | CLONE_NEWIPC));
  char path[64];
  sprintf(path, "/proc/%d/ns/net", child);
  int its = open(path, O_RDONLY);
  say("there: %d", number(its) == current("net") && number(its) != number(first));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  value("of one that has ended", SYS_2(SYS_setns, pidfd, CLONE_NEWNET));
  say("its file lasts: %d", number(its) == current("net"));
  value("back", SYS_2(SYS_setns, first, CLONE_NEWNET));
  value("and there again", SYS_2(SYS_setns, its, CLONE_NEWNET));
  value("back", SYS_2(SYS_setns, first, CLONE_NEWNET));
  close(first);
  close(its);
  close(pidfd);
}

static void without_rights(void) {
  say("-- without rights");
  pid_t child = fork();
  if (child == 0) {
    int fd = open_ns("net");
    setgid(1000);
    setuid(1000);
    value("unshare", SYS_1(SYS_unshare, CLONE_NEWNET));
    value("setns", SYS_2(SYS_setns, fd, 0));
    int unix_socket = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct ifreq r = {.ifr_name = "lo", .ifr_flags = 0};
    value("lo down", SYS_3(SYS_ioctl, unix_socket, SIOCSIFFLAGS, &r));
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

// A file of a namespace can be mounted, and keeps it; one of a mount namespace not in itself.
static void mounted(void) {
  say("-- mounted");
  if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) return;
  char directory[] = "/tmp/ringfence-ns-XXXXXX", file[64];
  mkdtemp(directory);
  sprintf(file, "%s/net", directory);
  close(open(file, O_CREAT | O_RDONLY, 0));
  int first = open_ns("net");
  unshare(CLONE_NEWNET);
  ino_t ino = current("net");
  value("mount", SYS_5(SYS_mount, "/proc/self/ns/net", file, "none", MS_BIND, NULL));
  value("back", SYS_2(SYS_setns, first, 0));
  int fd = open(file, O_RDONLY);
  say("the same: %d", number(fd) == ino);
  value("enter", SYS_2(SYS_setns, fd, 0));
  say("there: %d", current("net") == ino);
  close(fd);
  struct stat s;
  stat(file, &s);
  say("by its path: %d", s.st_ino == ino);
  value("back", SYS_2(SYS_setns, first, 0));
  value("umount", SYS_2(SYS_umount2, file, MNT_DETACH));
  stat(file, &s);
  say("an empty file again: %d", s.st_ino != ino && s.st_size == 0);
  value("its own tree", SYS_5(SYS_mount, "/proc/self/ns/mnt", file, "none", MS_BIND, NULL));
  unlink(file);
  rmdir(directory);
  close(first);
}

int main(void) {
  // Natively lo of a new one, and nothing of the machine's.
  unshare(CLONE_NEWNET);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  set_up(fd);
  close(fd);
  each_has_its_own();
  files();
  by_clone();
  by_pidfd();
  without_rights();
  mounted();
  return 0;
}
