// The seccomp listener: how the supervisor learns of new host tasks and donates descriptors
// (process-model: notifications and new host tasks).
#include "../host/host.h"

#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

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

/* Donates descriptor `fd` to the caller as number `target`, close-on-exec; `answers`: its call is over, with that number
   as its result. The caller is waited for until it has taken it. */
RF_EXPORT int32_t rf_notify_addfd(int32_t listener, uint32_t idLow, uint32_t idHigh, int32_t fd,
                                  int32_t target, int32_t answers) {
  uint32_t flags = SECCOMP_ADDFD_FLAG_SETFD | (answers ? SECCOMP_ADDFD_FLAG_SEND : 0);
  struct seccomp_notif_addfd a = {.id = (uint64_t)idHigh << 32 | idLow,
                                  .flags = flags,
                                  .srcfd = fd,
                                  .newfd = target,
                                  .newfd_flags = 02000000};
  if (!answers) return result_of(ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a));
  // Where a signal ends its wait the host has answered already, with 0, and there is nothing to ask again.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int32_t result = result_of(ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a));
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return result;
}
