// The seccomp listener and the zygote socket: how the supervisor learns of new host tasks and
// donates descriptors (process-model: notifications and new host tasks).
#include "host.h"

#include <linux/seccomp.h>
#include <poll.h>
#include <ringfence/layout.h>
#include <ringfence/zygote_protocol.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* Receives one notification into the scratch area as u32 words: id low, id high, pid, number, then
   six arguments low, high. Returns 0 or a negative errno; ENOENT says that the caller died. Call it
   only after POLLIN: it blocks otherwise. */
RF_EXPORT int32_t rf_notify_receive(int32_t listener) {
  struct seccomp_notif n;
  memset(&n, 0, sizeof n);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n)) return -errno;
  uint32_t *out = (uint32_t *)rf_scratch;
  out[0] = (uint32_t)n.id;
  out[1] = (uint32_t)(n.id >> 32);
  out[2] = n.pid;
  out[3] = (uint32_t)n.data.nr;
  memcpy(out + 4, n.data.args, sizeof n.data.args);
  return 0;
}

static int32_t respond(int32_t listener, uint64_t id, int32_t error, int64_t value, uint32_t flags) {
  struct seccomp_notif_resp r = {.id = id, .val = value, .error = error, .flags = flags};
  return result_of(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r));
}

/* Lets the call run. All arguments are in registers, so nothing can change under it. */
RF_EXPORT int32_t rf_notify_continue(int32_t listener, uint32_t idLow, uint32_t idHigh) {
  return respond(listener, (uint64_t)idHigh << 32 | idLow, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

/* Fails the call with errno `error` (positive). */
RF_EXPORT int32_t rf_notify_refuse(int32_t listener, uint32_t idLow, uint32_t idHigh, int32_t error) {
  return respond(listener, (uint64_t)idHigh << 32 | idLow, -error, 0, 0);
}

/* Answers the call with a value in place of running it. */
RF_EXPORT int32_t rf_notify_answer(int32_t listener, uint32_t idLow, uint32_t idHigh, uint32_t low,
                                   uint32_t high) {
  return respond(listener, (uint64_t)idHigh << 32 | idLow, 0, (int64_t)((uint64_t)high << 32 | low), 0);
}

/* Donates descriptor `fd` to the caller as number `target`, close-on-exec. */
RF_EXPORT int32_t rf_notify_addfd(int32_t listener, uint32_t idLow, uint32_t idHigh, int32_t fd,
                                  int32_t target) {
  struct seccomp_notif_addfd a = {.id = (uint64_t)idHigh << 32 | idLow,
                                  .flags = SECCOMP_ADDFD_FLAG_SETFD,
                                  .srcfd = fd,
                                  .newfd = target,
                                  .newfd_flags = 02000000};
  return result_of(ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a));
}

/* One exchange with the zygote: sends request and value with `count` descriptors from the scratch
   area (i32s), waits for the answer. Leaves the answer's value (two u32) and from word 4 on what else it says (i64s of
   enum zygote_use or zygote_hello) in the scratch area. Returns 0 or a negative errno. The zygote never waits for
   anybody else. */
RF_EXPORT int32_t rf_zygote_call(int32_t socket, uint32_t request, uint32_t low, uint32_t high,
                                 int32_t count) {
  struct zygote_message m = {.request = request, .value = (int64_t)((uint64_t)high << 32 | low)};
  struct iovec iov = {&m, sizeof m};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * (1 + RF_KERNEL_THREADS_MAX))];
  } control;
  struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
  if (count > 1 + RF_KERNEL_THREADS_MAX) return -EINVAL;
  if (count > 0) {
    h.msg_control = &control;
    h.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(&control.header), rf_scratch, sizeof(int) * count);
  }
  // Too many descriptors of this host user's processes are on their way: they arrive.
  for (int tries = 0; sendmsg(socket, &h, MSG_NOSIGNAL) < 0; tries++) {
    if (errno != ETOOMANYREFS || tries == 5000) return -errno;
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
