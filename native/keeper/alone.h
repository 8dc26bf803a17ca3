// What keeper and maker begin with, as processes that are forked and not executed.
#ifndef RINGFENCE_ALONE_H
#define RINGFENCE_ALONE_H

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Keeps the channel alone, as descriptor 0.
static inline void alone_with(int channel, const char *name) {
  prctl(PR_SET_NAME, name);
  setsid();
  dup2(channel, 0);
  syscall(SYS_close_range, 1, ~0u, 0);
}

#endif
