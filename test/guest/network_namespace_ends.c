// Network namespaces of processes that end, by the names that others have for them: a zombie's, one whose first thread has
// ended, and files of /proc/PID/net that somebody has open still.
//@ cflags: -pthread
//@ needs: sockets files proc inet
#include "guest.h"
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

static char *attribute(char *at, int type, const void *bytes, int length) {
  struct rtattr *a = (void *)at;
  *a = (struct rtattr){.rta_len = RTA_LENGTH(length), .rta_type = type};
  memcpy(RTA_DATA(a), bytes, length);
  return at + RTA_ALIGN(a->rta_len);
}

// A dummy device, in the namespace of a process.
static void device_there(const char *what, int pid) {
  struct {
    struct nlmsghdr h;
    struct ifinfomsg i;
    char rest[100];
  } request = {
      .h = {.nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL}};
  char kind[32], answer[1024];
  int length = attribute(kind, IFLA_INFO_KIND, "dummy", 6) - kind;
  char *end = attribute(request.rest, IFLA_IFNAME, "d0", 3);
  end = attribute(end, IFLA_NET_NS_PID, &pid, sizeof pid);
  end = attribute(end, IFLA_LINKINFO, kind, length);
  request.h.nlmsg_len = end - (char *)&request;
  int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  send(s, &request, request.h.nlmsg_len, 0);
  recv(s, answer, sizeof answer, 0);
  value(what, *(int *)NLMSG_DATA((struct nlmsghdr *)answer));
  close(s);
}

static int ready[2], go[2];

// A child in a namespace of its own that goes on with `then`.
static pid_t elsewhere(void (*then)(void)) {
  pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNET)) say("no namespace");
    then();
    _exit(0);
  }
  return child;
}

static void tell(void) {
  write(ready[1], "x", 1);
}

static void hear(int *from) {
  char c;
  read(from[0], &c, 1);
}

static void of_a_zombie(void) {
  say("-- a zombie's");
  pid_t child = elsewhere(tell);
  siginfo_t info;
  waitid(P_PID, child, &info, WEXITED | WNOWAIT);
  hear(ready);
  int pidfd = SYS_2(SYS_pidfd_open, child, 0);
  value("setns", SYS_2(SYS_setns, pidfd, CLONE_NEWNET));
  device_there("a device for it", child);
  char path[64];
  sprintf(path, "/proc/%d/ns/net", child);
  value("its file", SYS_2(SYS_open, path, O_RDONLY));
  close(pidfd);
  waitpid(child, NULL, 0);
}

static pthread_t leader;

static void *outlive(void *unused) {
  pthread_join(leader, NULL);
  tell();
  pause();
  return unused;
}

static void leave(void) {
  leader = pthread_self();
  pthread_t other;
  pthread_create(&other, NULL, outlive, NULL);
  pthread_exit(NULL);
}

static void without_a_leader(void) {
  say("-- where the first thread has ended");
  pid_t child = elsewhere(leave);
  hear(ready);
  int pidfd = SYS_2(SYS_pidfd_open, child, 0);
  value("setns", SYS_2(SYS_setns, pidfd, CLONE_NEWNET));
  value("setns to others", SYS_2(SYS_setns, pidfd, CLONE_NEWNS | CLONE_NEWIPC));
  device_there("a device for it", child);
  close(pidfd);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

static void wait_to_go(void) {
  tell();
  hear(go);
}

static void rest_of(const char *name, int fd) {
  char text[4096];
  int n = read(fd, text, sizeof text - 1);
  text[n > 0 ? n : 0] = 0;
  int lines = 0;
  for (char *c = text; *c; c++)
    lines += *c == '\n';
  say("%s: %s, %d lines, lo: %s", name, n < 0 ? "an error" : "read", lines,
      strstr(text, "lo:") ? "yes" : "no");
}

static void open_files(void) {
  say("-- files that are open");
  pid_t child = elsewhere(wait_to_go);
  hear(ready);
  static const char *const names[] = {"dev", "tcp", "udp6", "unix", "packet"};
  enum { COUNT = sizeof names / sizeof *names };
  int fds[COUNT];
  for (int i = 0; i < COUNT; i++) {
    char path[64];
    sprintf(path, "/proc/%d/net/%s", child, names[i]);
    fds[i] = open(path, O_RDONLY);
  }
  write(go[1], "x", 1);
  waitpid(child, NULL, 0);
  for (int round = 0; round < 2; round++)
    for (int i = 0; i < COUNT; i++) {
      lseek(fds[i], 0, SEEK_SET);
      rest_of(names[i], fds[i]);
    }
  for (int i = 0; i < COUNT; i++)
    close(fds[i]);
}

int main(void) {
  unshare(CLONE_NEWNET);
  pipe(ready);
  pipe(go);
  of_a_zombie();
  without_a_leader();
  open_files();
  value("the network goes on", SYS_3(SYS_socket, AF_INET, SOCK_DGRAM, 0) < 0);
  return 0;
}
