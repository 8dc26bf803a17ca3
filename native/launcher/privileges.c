// Privileges and limits: see privileges.h.
#include "privileges.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "report.h"
#include "ringfence/layout.h"

#define STUB_DESCRIPTORS 1024

// docs/process-model.md, "Who holds what"; there is no CAP_MKNOD, and it could not be used.
static const unsigned node_capabilities[] = {
    CAP_CHOWN,      CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_SETFCAP,
    CAP_SYS_PTRACE, // the memory of stubs, which are no descendants of Node
};

static uint64_t node_set(void) {
  uint64_t set = 0;
  for (size_t i = 0; i < sizeof node_capabilities / sizeof node_capabilities[0]; i++)
    set |= 1ull << node_capabilities[i];
  return set;
}

static void drop_bounding(uint64_t keep) {
  for (unsigned long capability = 0; capability < 64; capability++) {
    if (keep & 1ull << capability) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
      if (errno == EINVAL) return; // beyond the last one this kernel knows
      fail_errno(EXIT_RINGFENCE, "dropping capability %lu", capability);
    }
  }
}

static void set_capabilities(uint64_t set, uint64_t inheritable) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  for (int i = 0; i < 2; i++) {
    uint32_t half = (uint32_t)(set >> (32 * i));
    data[i] = (struct __user_cap_data_struct){
        .effective = half, .permitted = half, .inheritable = (uint32_t)(inheritable >> (32 * i))};
  }
  if (syscall(SYS_capset, &header, data) < 0) fail_errno(EXIT_RINGFENCE, "setting capabilities");
}

void privileges_common(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail_errno(EXIT_RINGFENCE, "setting no_new_privs");
  drop_bounding(node_set());
  // Every architecture has this number; x32 adds bit 30.
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xbfffffff),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0)
    fail_errno(EXIT_RINGFENCE, "setting the first seccomp filter");
}

void privileges_node(void) {
  set_capabilities(node_set(), node_set());
  for (size_t i = 0; i < sizeof node_capabilities / sizeof node_capabilities[0]; i++)
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, node_capabilities[i], 0, 0) < 0)
      fail_errno(EXIT_RINGFENCE, "raising capability %u", node_capabilities[i]);
}

// Node may trace what its user namespace holds, so that it can reach the memory of stubs; but neither init
// nor a waiter has executed a program in there, and what is not dumpable it may then not touch. (Nor may a
// caller without privilege, who needs their namespaces for `exec`.)
static void untouchable(void) {
  if (geteuid() == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
    fail_errno(EXIT_RINGFENCE, "protecting a process's memory");
}

void privileges_init(void) {
  untouchable();
  drop_bounding(0);
  set_capabilities(1ull << CAP_SYS_CHROOT, 0);
}

// All that init and the waiter do once they watch, besides restoring a terminal's modes. Where the sandbox
// has no user namespace of its own, Node could write to their memory: then this is what it would gain.
static const unsigned watcher_calls[] = {
    SYS_poll,           SYS_read,         SYS_write,           SYS_sendto, SYS_recvfrom,   SYS_close,
    SYS_wait4,          SYS_kill,         SYS_getpid,          SYS_gettid, SYS_prlimit64,  SYS_rt_sigaction,
    SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_restart_syscall, SYS_exit,   SYS_exit_group,
};
#define WATCHER_CALLS (sizeof watcher_calls / sizeof watcher_calls[0])

void privileges_watcher(void) {
  untouchable();
  set_capabilities(0, 0);
  struct sock_filter code[4 + 2 * WATCHER_CALLS + 8] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
  };
  unsigned short length = 4;
  for (size_t i = 0; i < WATCHER_CALLS; i++) {
    code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, watcher_calls[i], 0, 1);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  // What tcsetattr consists of, in old C libraries and new ones; not TIOCSTI, which types for the caller.
  const struct sock_filter end[] = {
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCGETS, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCSETS, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCGETS2, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCSETS2, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  memcpy(code + length, end, sizeof end);
  struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0)
    fail_errno(EXIT_RINGFENCE, "setting a seccomp filter");
}

void privileges_none(void) {
  drop_bounding(0);
  set_capabilities(0, 0);
}

void limits_raise(void) {
  for (int number = 0; number < RLIM_NLIMITS; number++) {
    struct rlimit limit;
    if (number == RLIMIT_STACK || number == RLIMIT_CORE || getrlimit((__rlimit_resource_t)number, &limit) < 0)
      continue;
    limit.rlim_cur = limit.rlim_max;
    setrlimit((__rlimit_resource_t)number, &limit);
  }
}

void limits_zygote(void) {
  // 1, not 0: a core_pattern that is a pipe gets cores of any size unless the limit is exactly 1.
  setrlimit(RLIMIT_CORE, &(struct rlimit){.rlim_cur = 1, .rlim_max = 1});
  struct rlimit files = {.rlim_cur = STUB_DESCRIPTORS, .rlim_max = STUB_DESCRIPTORS};
  _Static_assert(RF_DOORBELL_FD + RF_KERNEL_THREADS_MAX <= STUB_DESCRIPTORS, "doorbells must fit");
  if (setrlimit(RLIMIT_NOFILE, &files) < 0)
    fail_errno(EXIT_RINGFENCE, "the hard limit of open files is below %d", STUB_DESCRIPTORS);
}
