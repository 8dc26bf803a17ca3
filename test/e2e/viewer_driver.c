// What the viewer of a network can still do: each attempt in a process of its own that has a socket to rtnetlink, and what
// became of it in a line. Argument: an empty directory. With `roles` behind it: what capabilities keeper, viewer and maker
// are left with, of those that this program has.
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "privileges.h"

static const struct attempt {
  const char *what;
  long call, a, b, c;
} attempts[] = {
    {"socket of rtnetlink", SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE},
    {"socket of the packet filter", SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER},
    {"packet socket", SYS_socket, AF_PACKET, SOCK_RAW, 0},
    {"stream socket", SYS_socket, AF_INET, SOCK_STREAM, 0},
    {"local socket", SYS_socket, AF_UNIX, SOCK_STREAM, 0},
    {"bind", SYS_bind, 0, 0, 0},
    {"connect", SYS_connect, 0, 0, 0},
    {"listen", SYS_listen, 0, 1, 0},
    {"setsockopt", SYS_setsockopt, 0, SOL_SOCKET, SO_RCVBUFFORCE},
    {"ioctl", SYS_ioctl, 0, 0, 0},
    {"open", SYS_openat, AT_FDCWD, (long)"/", O_RDONLY},
    {"program", SYS_execve, (long)"/", 0, 0},
    {"process", SYS_clone, SIGCHLD, 0, 0},
    {"signal", SYS_kill, 1, 0, 0},
    {"ptrace", SYS_ptrace, 16, 1, 0},
    {"namespace", SYS_setns, 0, CLONE_NEWNET, 0},
    {"memory", SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC},
    {"poll", SYS_poll, 0, 0, 0},
};

// Asks rtnetlink for something: its answer, 0 or a negative errno.
static int ask(int fd, void *request, unsigned length) {
  char answer[1024];
  if (send(fd, request, length, 0) < 0) return -1;
  if (recv(fd, answer, sizeof answer, 0) < (ssize_t)sizeof(struct nlmsghdr)) return -1;
  struct nlmsghdr *header = (struct nlmsghdr *)answer;
  return header->nlmsg_type == NLMSG_ERROR ? ((struct nlmsgerr *)NLMSG_DATA(header))->error : 0;
}

static int link_request(int fd, int type, int flags) {
  struct {
    struct nlmsghdr header;
    struct ifinfomsg body;
  } request = {.header = {.nlmsg_len = sizeof request, .nlmsg_type = (unsigned short)type},
               .body = {.ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP}};
  request.header.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags);
  return ask(fd, &request, sizeof request);
}

static int child(const char *empty, const struct attempt *attempt, int way) {
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  privileges_viewer(empty);
  if (way == 1) return -link_request(fd, RTM_GETLINK, 0);
  if (way == 2) return -link_request(fd, RTM_NEWLINK, NLM_F_ACK);
  return syscall(attempt->call, attempt->a, attempt->b, attempt->c, 0, -1, 0) < 0;
}

static void tell(const char *what, const char *empty, const struct attempt *attempt, int way) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) _exit(child(empty, attempt, way));
  int status;
  waitpid(pid, &status, 0);
  if (WIFSIGNALED(status))
    printf("%s: %s\n", what, WTERMSIG(status) == SIGSYS ? "killed" : "died");
  else
    printf("%s: %s\n", what, WEXITSTATUS(status) == 0 ? "done" : strerror(WEXITSTATUS(status)));
}

static void tell_capabilities(const char *name, void (*take)(const char *), const char *empty) {
  fflush(stdout);
  int ready[2];
  if (pipe(ready) < 0) return;
  pid_t pid = fork();
  if (pid == 0) {
    dup2(ready[1], 0);
    syscall(SYS_close_range, 3, ~0u, 0);
    take(empty);
    close(0);
    for (;;)
      poll(NULL, 0, -1);
  }
  close(ready[1]);
  char path[64], line[256];
  if (read(ready[0], line, 1) != 0) return;
  close(ready[0]);
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *status = fopen(path, "r");
  while (status && fgets(line, sizeof line, status))
    if (strncmp(line, "CapPrm:", 7) == 0 || strncmp(line, "CapBnd:", 7) == 0) printf("%s %s", name, line);
  if (status) fclose(status);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[2], "roles") == 0) {
    tell_capabilities("keeper", privileges_keeper, argv[1]);
    tell_capabilities("viewer", privileges_viewer, argv[1]);
    tell_capabilities("maker", privileges_maker, argv[1]);
    return 0;
  }
  if (argc != 2) return 1;
  for (unsigned i = 0; i < sizeof attempts / sizeof attempts[0]; i++)
    tell(attempts[i].what, argv[1], &attempts[i], 0);
  tell("looking at lo", argv[1], NULL, 1);
  tell("changing lo", argv[1], NULL, 2);
  return 0;
}
