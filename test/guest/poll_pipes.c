// poll, ppoll, select on pipes: what is ready, ends that are closed, time-outs, errors.
//@ needs: pipes poll
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/select.h>

static void show(const char *what, struct pollfd *p, int count, int timeout) {
  int r = poll(p, count, timeout);
  char line[128] = "";
  for (int i = 0; i < count; i++)
    sprintf(line + strlen(line), " %x", p[i].revents);
  say("%s: %d%s", what, r < 0 ? -errno : r, line);
}

int main(void) {
  int fds[2];
  if (pipe2(fds, O_NONBLOCK)) return 1;
  struct pollfd p[3] = {{fds[0], POLLIN, 0}, {fds[1], POLLOUT, 0}, {-1, POLLIN, 77}};
  show("empty", p, 3, 0);
  if (write(fds[1], "x", 1) != 1) return 1;
  show("one byte", p, 3, -1);
  char buffer[70000] = "";
  if (write(fds[1], buffer, sizeof buffer) < 0) return 1;
  show("full", p, 3, 0);
  p[0].events = 0;
  show("nothing asked of the reading end", p, 1, 10);
  p[0].events = POLLIN | POLLRDNORM | POLLPRI;
  show("more bits", p, 1, 0);
  close(fds[1]);
  p[1].fd = 99;
  show("writer closed, bad descriptor", p, 2, 0);
  if (read(fds[0], buffer, sizeof buffer) < 0) return 1;
  if (read(fds[0], buffer, sizeof buffer) < 0) return 1;
  show("drained and closed", p, 1, 0);
  int other[2];
  if (pipe(other)) return 1;
  close(other[0]);
  struct pollfd q = {other[1], POLLOUT, 0};
  show("reader closed", &q, 1, 0);
  show("no descriptors, 20 ms", NULL, 0, 20);
  value("bad address", SYS_3(SYS_poll, 8, 1, 0));
  value("too many", SYS_3(SYS_poll, p, 1 << 30, 0));
  struct timespec wrong = {0, -1}, soon = {0, 10000000};
  value("ppoll bad time", SYS_5(SYS_ppoll, p, 0, &wrong, 0, 8));
  value("ppoll time-out", SYS_5(SYS_ppoll, p, 0, &soon, 0, 8));
  fd_set r, w;
  FD_ZERO(&r);
  FD_ZERO(&w);
  FD_SET(fds[0], &r);
  FD_SET(other[1], &w);
  struct timeval t = {0, 10000};
  value("select", select(other[1] + 1, &r, &w, NULL, &t));
  say("readable %d writable %d", FD_ISSET(fds[0], &r), FD_ISSET(other[1], &w));
  FD_ZERO(&r);
  FD_SET(50, &r);
  value("select of a bad descriptor", select(51, &r, NULL, NULL, &t) < 0 ? -errno : 0);
  value("select -1", select(-1, NULL, NULL, NULL, &t) < 0 ? -errno : 0);
  t = (struct timeval){0, 10000};
  value("select of nothing", select(0, NULL, NULL, NULL, &t));
  return 0;
}
