// Plays a container engine's shim for tests: engine_driver PID_FILE SOCKET COMMAND...
// It is the subreaper, runs COMMAND (a `create` or `exec --detach`), and then waits for the process of
// PID_FILE, which COMMAND's end has made its child. With a SOCKET that is not "-" it listens there for a
// terminal first, and couples that to its own standard streams.
//
// Events, one a line on standard error:  code N       how COMMAND ended
//                                        pid N        the process of PID_FILE
//                                        status N     its wait status
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what) {
  perror(what);
  exit(2);
}

static int listen_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0) die("listen");
  return fd;
}

static int take_terminal(int listening) {
  char name[64], control[CMSG_SPACE(sizeof(int))];
  struct iovec text = {.iov_base = name, .iov_len = sizeof name};
  struct msghdr message = {
      .msg_iov = &text, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  int fd = accept(listening, NULL, NULL);
  if (fd < 0 || recvmsg(fd, &message, MSG_CMSG_CLOEXEC) < 0 || !CMSG_FIRSTHDR(&message)) die("recvmsg");
  int terminal;
  memcpy(&terminal, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof terminal);
  return terminal;
}

static void copy(int from, int to, struct pollfd *polled) {
  char bytes[4096];
  ssize_t n = read(from, bytes, sizeof bytes);
  if (n <= 0 || write(to, bytes, (size_t)n) != n) polled->fd = -1;
}

static int run(char **command) {
  pid_t pid = fork();
  if (pid == 0) {
    execvp(command[0], command);
    die(command[0]);
  }
  int status;
  if (waitpid(pid, &status, 0) != pid) die("waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t read_pid(const char *path) {
  int pid = 0;
  FILE *file = fopen(path, "r");
  if (!file || fscanf(file, "%d", &pid) != 1) die(path);
  fclose(file);
  return pid;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  signal(SIGPIPE, SIG_IGN);
  int listening = strcmp(argv[2], "-") == 0 ? -1 : listen_at(argv[2]);
  int code = run(argv + 3);
  dprintf(2, "code %d\n", code);
  if (code != 0) return 1;
  pid_t pid = read_pid(argv[1]);
  dprintf(2, "pid %d\n", pid);
  int terminal = listening < 0 ? -1 : take_terminal(listening);
  int process = (int)syscall(SYS_pidfd_open, pid, 0);
  if (process < 0) die("pidfd_open");
  struct pollfd polled[] = {{.fd = process, .events = POLLIN},
                            {.fd = terminal, .events = POLLIN},
                            {.fd = terminal < 0 ? -1 : 0, .events = POLLIN}};
  for (;;) {
    if (poll(polled, 3, -1) < 0 && errno != EINTR) die("poll");
    if (polled[1].revents) copy(terminal, 1, &polled[1]);
    if (polled[2].revents) copy(0, terminal, &polled[2]);
    if (polled[0].revents && !polled[1].revents) break;
  }
  int status;
  if (waitpid(pid, &status, 0) != pid) die("not a child");
  dprintf(2, "status %d\n", status);
  return 0;
}
