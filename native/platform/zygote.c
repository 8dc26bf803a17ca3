// The zygote's socket: the supervisor has it make stub processes, and reap them. It waits for its answer to none of that
// (platform/zygote_requests.ts).
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

// Sends a request with `count` descriptors from the scratch area (i32s): 0 or a negative errno. It waits for nobody.
static int32_t send_request(int32_t socket, const struct zygote_message *m, int32_t count) {
  struct iovec iov = {(void *)m, sizeof *m};
  RIGHTS_CONTROL(control, SPAWN_GROUPS_MAX);
  struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
  if (count < 0 || count > SPAWN_GROUPS_MAX) return -EINVAL;
  if (count > 0) rights_attach(&h, control, (const int *)rf_scratch, (size_t)count);
  return sendmsg(socket, &h, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

// Leaves an answer in the scratch area: 0 or a negative errno.
static int32_t receive_answer(int32_t socket, int flags) {
  struct zygote_message *m = (struct zygote_message *)rf_scratch;
  ssize_t n;
  do
    n = recv(socket, m, sizeof *m, flags);
  while (n < 0 && errno == EINTR);
  if (n < 0) return -errno;
  return n == sizeof *m ? 0 : -EPIPE;
}

/* Introduces the zygote to so many kernel threads, whose kernel page and doorbells stand in the scratch area (i32s), and waits
   for what it says: there are no guests yet. `catches`: enum zygote_catch. The answer is a struct zygote_message in the
   scratch area; 0 or a negative errno. */
RF_EXPORT int32_t rf_zygote_hello(int32_t socket, int32_t threads, uint32_t catches) {
  const struct zygote_message m = {.request = ZYGOTE_HELLO,
                                   .value = (int64_t)((uint64_t)catches << 32 | (uint32_t)threads)};
  int32_t error;
  // Too many descriptors of this host user's processes are on their way: they arrive.
  for (int tries = 0; (error = send_request(socket, &m, 1 + threads)) == -ETOOMANYREFS && tries < 5000;
       tries++)
    poll(0, 0, 1);
  if (error == 0) error = receive_answer(socket, 0);
  return error == 0 && *(uint32_t *)rf_scratch != ZYGOTE_HELLO ? -EPIPE : error;
}

/* Sends a request with `count` descriptors from the scratch area (i32s), of SPAWN also the name. 0 or a negative errno; -EAGAIN:
   not now. */
RF_EXPORT int32_t rf_zygote_send(int32_t socket, uint32_t request, uint32_t sequence, uint32_t low,
                                 uint32_t high, int32_t count) {
  struct zygote_message m = {
      .request = request, .sequence = sequence, .value = (int64_t)((uint64_t)high << 32 | low)};
  if (request == ZYGOTE_SPAWN) memcpy(m.more, rf_scratch + NAME_AT, SPAWN_NAME_SIZE);
  int32_t error = send_request(socket, &m, count);
  return error == -ETOOMANYREFS || error == -EINTR ? -EAGAIN : error;
}

/* The next answer, a struct zygote_message in the scratch area: 0, -EAGAIN when there is none yet, or another negative errno when
   there will be none. */
RF_EXPORT int32_t rf_zygote_receive(int32_t socket) {
  return receive_answer(socket, MSG_DONTWAIT);
}

/* Takes a descriptor of the zygote's, close-on-exec: the new one or a negative errno. */
RF_EXPORT int32_t rf_take_descriptor(int32_t pid, int32_t fd) {
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0) return -errno;
  int32_t taken = result_of(syscall(SYS_pidfd_getfd, pidfd, fd, 0));
  close(pidfd);
  return taken;
}
