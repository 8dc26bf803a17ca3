// How many pipes there may be: as many as descriptors; and how large those of a user are who has many.
//@ needs: pipes credentials rlimits
#include "guest.h"
#include <fcntl.h>
#include <sys/resource.h>

static void fill(const char *who, rlim_t limit) {
  struct rlimit r = {limit, limit};
  if (setrlimit(RLIMIT_NOFILE, &r) < 0) say("setrlimit: %s", strerrorname_np(errno));
  int p[2], count = 0, last = -1, size = 0, first[2] = {-1, -1};
  while (pipe(p) == 0) {
    if (first[0] < 0) first[0] = p[0], first[1] = p[1];
    int now = fcntl(p[0], F_GETPIPE_SZ);
    if (now != size) say("%s: from pipe %d on %d bytes", who, count, now), size = now;
    last = p[0];
    count++;
  }
  say("%s: %d pipes, then %s", who, count, strerrorname_np(errno));
  value("  last one larger", fcntl(last, F_SETPIPE_SZ, 65536));
  value("  last one as large", fcntl(last, F_SETPIPE_SZ, 8192));
  value("  last one smaller", fcntl(last, F_SETPIPE_SZ, 4096));
  for (int fd = 3; fd < (int)limit; fd++)
    if (fd != first[0] && fd != first[1]) close(fd);
  value("  when they are gone", fcntl(first[0], F_SETPIPE_SZ, 131072));
  close(first[0]);
  close(first[1]);
}

int main(void) {
  fill("root", 5000);
  setgid(54321);
  setuid(54321);
  fill("user", 3000);
  return 0;
}
