// poll: as many pollfds as there may be, with the same descriptors again and again.
//@ needs: readiness
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

#define MOST 200000

static void on_alarm(int signo) {
  (void)signo;
}

static void count(const char *what, struct pollfd *all, int n, int result) {
  int found = 0, invalid = 0, readable = 0;
  for (int i = 0; i < n; i++) {
    found += all[i].revents != 0;
    invalid += (all[i].revents & POLLNVAL) != 0;
    readable += (all[i].revents & POLLIN) != 0;
  }
  say("%s: as many as are marked %d, some invalid %d, %d readable of ten thousand", what, result == found,
      invalid > 0, (int)(readable * 10000l / n));
}

int main(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max > MOST) limit.rlim_max = MOST;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int n = (int)limit.rlim_cur, ends[2], quiet[2];
  struct pollfd *all = calloc(n + 1, sizeof *all);
  if (pipe(ends) || pipe(quiet)) return 1;
  int path = open("/", O_PATH);
  const int fds[] = {ends[0], -1, quiet[0], ends[1], n - 1, path};
  for (int i = 0; i < n; i++)
    all[i] = (struct pollfd){fds[i % 6], i % 6 == 2 ? POLLPRI : POLLIN, 0x7777};
  count("nothing written", all, n, poll(all, n, -1));
  if (write(ends[1], "x", 1) != 1) return 1;
  count("a byte written", all, n, poll(all, n, -1));
  for (int i = 0; i < n; i++)
    all[i] = (struct pollfd){i % 2 ? -1 : quiet[0], POLLIN, 0x7777};
  value("nothing for 10 ms", poll(all, n, 10));
  struct timespec short_while = {0, 10000000};
  value("nothing by ppoll", ppoll(all, n, &short_while, NULL));
  value("nothing at once", poll(all, n, 0));
  signal(SIGALRM, on_alarm);
  alarm(1);
  value("a signal comes", SYS_3(SYS_poll, all, n, -1));
  if (fork() == 0) {
    usleep(50000);
    return write(quiet[1], "x", 1) != 1;
  }
  count("a byte from another", all, n, poll(all, n, -1));
  value("one more than there may be", SYS_3(SYS_poll, all, n + 1, 0));
  value("a bad address", SYS_3(SYS_poll, 4096, n, 0));
  value("half a bad address", SYS_3(SYS_poll, -PAGE, n, 0));
  return 0;
}
