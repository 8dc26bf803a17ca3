// The zygote's socket: the supervisor has it make stub processes, and reap them.
#include "../host/host.h"

#include <poll.h>
#include <ringfence/layout.h>
#include <ringfence/rights.h>
#include <ringfence/zygote_protocol.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* Where the name of a process that is to be made stands in the scratch area, behind the descriptors. */
#define NAME_AT 1024

/* One exchange with the zygote: sends request and value with `count` descriptors from the scratch
   area (i32s), waits for the answer. Leaves the answer's value (two u32) and from word 4 on what else it says
   (i64s of enum zygote_use or zygote_hello) in the scratch area. Returns 0 or a negative errno. The zygote
   never waits for anybody else. */
RF_EXPORT int32_t rf_zygote_call(int32_t socket, uint32_t request, uint32_t low, uint32_t high,
                                 int32_t count) {
  struct zygote_message m = {.request = request, .value = (int64_t)((uint64_t)high << 32 | low)};
  if (request == ZYGOTE_SPAWN) memcpy(m.more, rf_scratch + NAME_AT, SPAWN_NAME_SIZE);
  struct iovec iov = {&m, sizeof m};
  RIGHTS_CONTROL(control, SPAWN_GROUPS_MAX);
  struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
  if (count < 0 || count > SPAWN_GROUPS_MAX) return -EINVAL;
  if (count > 0) rights_attach(&h, control, (const int *)rf_scratch, (size_t)count);
  // Too many descriptors of this host user's processes are on their way: they arrive.
  const int most = request == ZYGOTE_HELLO ? 5000 : 5;
  for (int tries = 0; sendmsg(socket, &h, MSG_NOSIGNAL) < 0; tries++) {
    if (errno != ETOOMANYREFS || tries == most) return errno == ETOOMANYREFS ? -EAGAIN : -errno;
    poll(0, 0, 1);
  }
  ssize_t n;
  do
    n = recv(socket, &m, sizeof m, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0) return -errno;
  if (n != sizeof m || m.request != request) return -EPIPE;
  memcpy(rf_scratch, &m.value, sizeof m.value);
  memcpy(rf_scratch + 16, m.more, sizeof m.more);
  return 0;
}

/* Takes a descriptor of the zygote's, close-on-exec: the new one or a negative errno. */
RF_EXPORT int32_t rf_take_descriptor(int32_t pid, int32_t fd) {
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0) return -errno;
  int32_t taken = result_of(syscall(SYS_pidfd_getfd, pidfd, fd, 0));
  close(pidfd);
  return taken;
}
