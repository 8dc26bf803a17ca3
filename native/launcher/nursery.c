// The nursery: see nursery.h. It has no more rights than a zygote, and never runs code that is not its own; that it was never
// executed in the sandbox's user namespace keeps Node from its memory, as from init's.
#include "nursery.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"
#include "ringfence/rights.h"

// `fd`: goes with it, unless it is -1.
static void say(int channel, struct nursery_said said, int fd) {
  RIGHTS_CONTROL(control, 1);
  struct iovec text = {.iov_base = &said, .iov_len = sizeof said};
  struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};
  if (fd >= 0) rights_attach(&message, control, &fd, 1);
  // Who does not listen learns of nothing.
  (void)!sendmsg(channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void make(int channel, void (*run)(void *context, int socket), void *context) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
    say(channel, (struct nursery_said){.event = NURSERY_BORN, .pid = -errno}, -1);
    return;
  }
  pid_t pid = fork();
  if (pid == 0) {
    close(channel);
    close(ends[0]);
    run(context, ends[1]);
    _exit(1);
  }
  close(ends[1]);
  say(channel, (struct nursery_said){.event = NURSERY_BORN, .pid = pid < 0 ? -errno : pid},
      pid < 0 ? -1 : ends[0]);
  close(ends[0]);
}

// What a zygote has left behind is in its process group, which nobody leaves who came of it (a stub's filter has no such call):
// also what no kernel knows, and what is being made at this moment (fork(2) fails for whom a signal awaits). Init reaps it.
static void reap(int channel) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    kill(-pid, SIGKILL);
    say(channel, (struct nursery_said){.event = NURSERY_ENDED, .pid = pid, .status = status}, -1);
  }
}

int ends_of_children(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_SETMASK, &set, NULL);
  int children = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (children < 0) fail_errno(EXIT_RINGFENCE, "making a signal descriptor");
  return children;
}

_Noreturn void nursery_run(int channel, void (*run)(void *context, int socket), void *context) {
  prctl(PR_SET_NAME, "nursery");
  int children = ends_of_children();
  for (;;) {
    struct pollfd polled[] = {{.fd = channel, .events = POLLIN}, {.fd = children, .events = POLLIN}};
    if (poll(polled, 2, -1) < 0) continue;
    if (polled[1].revents) {
      struct signalfd_siginfo info;
      (void)!read(children, &info, sizeof info);
      reap(channel);
    }
    if (!polled[0].revents) continue;
    char byte;
    ssize_t n = recv(channel, &byte, 1, MSG_DONTWAIT);
    if (n == 1) make(channel, run, context);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) _exit(0);
  }
}
