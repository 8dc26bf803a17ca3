// A sender that is killed in the middle of a long message: what it has sent, a file among it, arrives.
//@ needs: sockets fork signals
#include "guest.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static char data[4 << 20];

static void send_all(int socket) {
  int fd = open("/proc/self/exe", O_RDONLY);
  struct iovec iov = {data, sizeof data};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr header;
  } control = {0};
  struct msghdr message = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  control.header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
  sendmsg(socket, &message, 0);
  _exit(1);
}

int main(void) {
  int pair[2], fd = -1, status;
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  pid_t child = fork();
  if (child == 0) send_all(pair[1]);
  close(pair[1]);
  char buffer[4096];
  struct iovec iov = {buffer, sizeof buffer};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr header;
  } control = {0};
  struct msghdr message = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  recv(pair[0], buffer, 1, MSG_PEEK); // it has begun
  usleep(20000);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  value("killed by", WTERMSIG(status));
  value("received", recvmsg(pair[0], &message, 0));
  memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
  value("file", read(fd, buffer, 4));
  say("%.3s", buffer + 1);
  value("close", close(fd));
  value("close again", SYS_1(SYS_close, fd));
  ssize_t n;
  size_t total = 0;
  while ((n = read(pair[0], buffer, sizeof buffer)) > 0)
    total += n;
  yes_no("more, and an end", total > 10000 && n == 0);
  return 0;
}
