// Messages between the sandbox process and the zygote on their SOCK_SEQPACKET pair. Both ends
// belong to the sandbox; the layout is native.
#ifndef RINGFENCE_ZYGOTE_PROTOCOL_H
#define RINGFENCE_ZYGOTE_PROTOCOL_H

#include <stdint.h>

// clang-format off
enum zygote_request {
  ZYGOTE_HELLO = 1,  // value: kernel threads n, and from bit 32 on enum zygote_catch; descriptors: kernel page
                     // (read-only), n doorbells
  ZYGOTE_SPAWN = 2,  // value: the new task's token, more: the name that the host knows it by (SPAWN_NAME_SIZE bytes);
                     // descriptors: files of control groups that it puts itself in (tasks or cgroup.procs), before it
                     // does anything else; what refuses it leaves it where it is. Answer: its pid or a negative errno
  ZYGOTE_REAP = 3,   // value: pid of a stub that has ended; answer: its wait status or a negative errno, and its use
};
// clang-format on

// Control groups that a stub is put in.
#define SPAWN_GROUPS_MAX 32

// TASK_COMM_LEN.
#define SPAWN_NAME_SIZE 16

// How the filter catches calls of guest code: by a signal, or for a tracer.
enum zygote_catch { CATCH_TRAP, CATCH_TRACE };

// What a stub has used (getrusage(2)), in the answer to REAP.
enum zygote_use { USE_MAXRSS, USE_MINFLT, USE_MAJFLT, USE_NVCSW, USE_NIVCSW, USE_COUNT };

// In the answer to HELLO.
// clang-format off
enum zygote_hello {
  HELLO_PID,      // the zygote's
  HELLO_LISTENER, // the seccomp listener among its descriptors, which Node takes from there (pidfd_getfd): sent along
                  // it would be one of those that a host user has on their way, which are bounded by the
                  // sender's RLIMIT_NOFILE for all of the user's processes together
  HELLO_ENTRY,    // stub_traced: where a tracer sends caught calls
};
// clang-format on

struct zygote_message {
  uint32_t request;
  uint32_t sequence; // the answer has its request's
  int64_t value;
  int64_t more[USE_COUNT]; // by enum zygote_use or zygote_hello, or a name
};

// The answer to HELLO: value is the address of the host's vDSO image in the stub window (0: none) or a negative errno.

#endif
