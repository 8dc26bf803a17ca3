// Host tasks: descriptors of processes, and signals.
#include "../host/host.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

RF_EXPORT int32_t rf_pidfd_open(int32_t pid) {
  return result_of(syscall(SYS_pidfd_open, pid, 0));
}

RF_EXPORT int32_t rf_pidfd_send_signal(int32_t pidfd, int32_t signo) {
  return result_of(syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0));
}

/* Sends the kick to one host task. */
RF_EXPORT int32_t rf_tgkill(int32_t tgid, int32_t tid, int32_t signo) {
  return result_of(syscall(SYS_tgkill, tgid, tid, signo));
}
