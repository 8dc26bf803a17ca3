// What keeper and maker begin with, as processes that are forked and not executed.
#ifndef RINGFENCE_ALONE_H
#define RINGFENCE_ALONE_H

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Keeps the channel, as descriptor 0, and `other`, as 1, where it is not -1.
static inline void alone_with(int channel, int other, const char *name) {
  prctl(PR_SET_NAME, name);
  setsid();
  if (other >= 0) {
    other = fcntl(other, F_DUPFD_CLOEXEC, 2); // the channel may be 1
    if (other < 0) _exit(1);
  }
  dup2(channel, 0);
  if (other >= 0) dup2(other, 1);
  syscall(SYS_close_range, other >= 0 ? 2 : 1, ~0u, 0);
}

#endif
