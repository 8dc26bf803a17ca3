// Privileges and limits: see privileges.h.
#include "privileges.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "report.h"
#include "ringfence/bpf.h"
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

static uint64_t permitted(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) < 0) fail_errno(EXIT_RINGFENCE, "looking at capabilities");
  return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

bool privileges_has(unsigned capability) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) < 0) fail_errno(EXIT_RINGFENCE, "looking at capabilities");
  return data[capability / 32].effective >> capability % 32 & 1;
}

void privileges_become_root(void) {
  setgroups(0, NULL); // refused where setgroups was given up
  // EINVAL: no such user.
  if ((setresgid(0, 0, 0) < 0 && errno != EINVAL) || (setresuid(0, 0, 0) < 0 && errno != EINVAL))
    fail_errno(EXIT_RINGFENCE, "becoming user 0 of the sandbox's user namespace");
  // A change of ids takes it away, and with it what is the process's own in /proc.
  if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) fail_errno(EXIT_RINGFENCE, "keeping a process's own files");
}

static void set_filter(struct bpf_program *program) {
  struct sock_fprog text = {.len = program->length, .filter = program->code};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &text) < 0)
    fail_errno(EXIT_RINGFENCE, "setting a seccomp filter");
}

// Lets those calls by; what follows is about the others, whose number is loaded.
static void begin_filter(struct bpf_program *program, const unsigned *calls, size_t count) {
  bpf_match_architecture(program, SECCOMP_RET_KILL_PROCESS);
  bpf_load_nr(program);
  for (size_t i = 0; i < count; i++)
    bpf_match_call(program, calls[i], SECCOMP_RET_ALLOW);
}

void privileges_common(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail_errno(EXIT_RINGFENCE, "setting no_new_privs");
  drop_bounding(node_set());
  // Every architecture has this number; x32 adds bit 30.
  struct bpf_program program = {0};
  bpf_load_nr(&program);
  bpf_emit(&program, BPF_ALU | BPF_AND | BPF_K, 0xbfffffff, 0, 0);
  bpf_match_call(&program, SYS_io_uring_setup, SECCOMP_RET_ERRNO | ENOSYS);
  bpf_return(&program, SECCOMP_RET_ALLOW);
  set_filter(&program);
}

void privileges_node(void) {
  set_capabilities(node_set(), node_set());
  for (size_t i = 0; i < sizeof node_capabilities / sizeof node_capabilities[0]; i++)
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, node_capabilities[i], 0, 0) < 0)
      fail_errno(EXIT_RINGFENCE, "raising capability %u", node_capabilities[i]);
}

// Node may trace what its user namespace holds, so that it can reach the memory of stubs; but init has executed no program
// in there, and what is not dumpable it may then not touch. (Nor may a caller without privilege, who needs init's
// namespaces for `exec`.)
void privileges_init(bool caller_traces) {
  if (caller_traces && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
    fail_errno(EXIT_RINGFENCE, "protecting a process's memory");
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

void privileges_watcher(void) {
  set_capabilities(0, 0);
  struct bpf_program program = {0};
  begin_filter(&program, watcher_calls, sizeof watcher_calls / sizeof watcher_calls[0]);
  // What tcsetattr consists of, in old C libraries and new ones; not TIOCSTI, which types for the caller.
  static const unsigned requests[] = {TCGETS, TCSETS, TCGETS2, TCSETS2};
  unsigned left = sizeof requests / sizeof requests[0];
  bpf_jump(&program, BPF_JEQ, SYS_ioctl, 0, left + 1);
  bpf_load_low(&program, 1);
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
    bpf_jump(&program, BPF_JEQ, requests[i], left--, 0);
  bpf_return(&program, SECCOMP_RET_KILL_PROCESS);
  bpf_return(&program, SECCOMP_RET_ALLOW);
  set_filter(&program);
}

// All that the nursery does, its zygotes until they have a filter of their own, and stubs behind that.
#define SYS_token RF_NR_TOKEN
#define SYS_gift RF_NR_GIFT
#define RULE(name, ...) SYS_##name,
static const unsigned nursery_calls[] = {
    SYS_poll,      SYS_recvfrom, SYS_socketpair, SYS_sendmsg,      SYS_recvmsg,         SYS_wait4,
    SYS_setsid,    SYS_fcntl,    SYS_dup2,       SYS_close_range,  SYS_close,           SYS_prlimit64,
    SYS_execve,    SYS_execveat, SYS_openat,     SYS_read,         SYS_seccomp,         SYS_getpid,
    SYS_gettid,    SYS_tgkill,   SYS_kill,       SYS_rt_sigaction, SYS_set_tid_address, SYS_set_robust_list,
    SYS_signalfd4,
#include "../stub/filter.def"
};

// Other calls reach nobody: they are the host's ENOSYS, unless the stubs' own filter catches them (RET_TRAP comes first, and who
// traces sees both as one), those of the other architecture as well.
void privileges_nursery(void) {
  const uint32_t none = SECCOMP_RET_TRACE;
  static struct bpf_program program;
  bpf_match_architecture(&program, none);
  bpf_load_nr(&program);
  for (size_t i = 0; i < sizeof nursery_calls / sizeof nursery_calls[0]; i++)
    bpf_match_call(&program, nursery_calls[i], SECCOMP_RET_ALLOW);
  bpf_return(&program, none);
  set_filter(&program);
}

// What the keeper, the viewer and the maker do alike.
static const unsigned network_calls[] = {
    SYS_poll,           SYS_sendmsg,      SYS_sendto,          SYS_recvmsg, SYS_recvfrom,
    SYS_close,          SYS_exit,         SYS_exit_group,      SYS_getpid,  SYS_rt_sigaction,
    SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_restart_syscall,
};

// A process that stays in a network namespace of the host: its capabilities, families of sockets, and calls beside those.
struct network_role {
  uint64_t capabilities;
  unsigned family_count, call_count;
  int families[4];
  unsigned calls[4];
};

// That directory becomes its root, and no call is left that needs files or processes, or memory that could be executed. Who
// is not root may have every capability, in a user namespace of the sandbox's own, or none, in his caller's.
static void in_network(const char *empty, const struct network_role *role) {
  uint64_t has = permitted();
  bool enters = geteuid() == 0 || (has & 1ull << CAP_SYS_CHROOT);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) fail_errno(EXIT_RINGFENCE, "protecting a process's memory");
  if (chdir(empty) < 0 || (enters && chroot(".") < 0))
    fail_errno(EXIT_RINGFENCE, "entering the empty directory");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail_errno(EXIT_RINGFENCE, "setting no_new_privs");
  if (has & 1ull << CAP_SETPCAP) drop_bounding(0);
  set_capabilities(has & role->capabilities, 0);
  struct bpf_program program = {0};
  begin_filter(&program, network_calls, sizeof network_calls / sizeof network_calls[0]);
  for (unsigned i = 0; i < role->call_count; i++)
    bpf_match_call(&program, role->calls[i], SECCOMP_RET_ALLOW);
  unsigned left = role->family_count;
  if (left > 0) {
    bpf_jump(&program, BPF_JEQ, SYS_socket, 0, left + 2);
    bpf_load_low(&program, 0);
    for (unsigned i = 0; left-- > 0; i++)
      bpf_jump(&program, BPF_JEQ, (uint32_t)role->families[i], left, left == 0);
    bpf_return(&program, SECCOMP_RET_ALLOW);
  }
  bpf_return(&program, SECCOMP_RET_KILL_PROCESS);
  set_filter(&program);
}

void privileges_keeper(const char *empty) {
  static const struct network_role role = {
      .capabilities = 1ull << CAP_NET_ADMIN | 1ull << CAP_NET_RAW | 1ull << CAP_NET_BIND_SERVICE,
      .families = {AF_PACKET, AF_NETLINK, AF_INET, AF_INET6},
      .family_count = 4,
      .calls = {SYS_bind, SYS_setsockopt, SYS_listen, SYS_connect},
      .call_count = 4,
  };
  in_network(empty, &role);
}

void privileges_viewer(const char *empty) {
  static const struct network_role role = {0};
  in_network(empty, &role);
}

// Whether a guest may have a raw socket or a low port is the kernel's question, not the maker's.
void privileges_maker(const char *empty) {
  static const struct network_role role = {
      .capabilities = 1ull << CAP_NET_BIND_SERVICE | 1ull << CAP_NET_RAW,
      .families = {AF_INET, AF_INET6},
      .family_count = 2,
      .calls = {SYS_bind},
      .call_count = 1,
  };
  in_network(empty, &role);
}

void privileges_connector(void) {
  uint64_t has = permitted();
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) fail_errno(EXIT_RINGFENCE, "protecting a process's memory");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail_errno(EXIT_RINGFENCE, "setting no_new_privs");
  if (has & 1ull << CAP_SETPCAP) drop_bounding(0);
  set_capabilities(has & (1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH), 0);
  static const unsigned calls[] = {
      SYS_recvfrom, SYS_sendmsg,    SYS_connect,      SYS_close,
      SYS_exit,     SYS_exit_group, SYS_rt_sigreturn, SYS_restart_syscall,
  };
  struct bpf_program program = {0};
  begin_filter(&program, calls, sizeof calls / sizeof calls[0]);
  bpf_jump(&program, BPF_JEQ, SYS_socket, 0, 3);
  bpf_load_low(&program, 0);
  bpf_jump(&program, BPF_JEQ, AF_UNIX, 0, 1);
  bpf_return(&program, SECCOMP_RET_ALLOW);
  bpf_return(&program, SECCOMP_RET_KILL_PROCESS);
  set_filter(&program);
}

void privileges_none(void) {
  drop_bounding(0);
  set_capabilities(0, 0);
}

void privileges_server(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail_errno(EXIT_RINGFENCE, "setting no_new_privs");
  if (privileges_has(CAP_SETPCAP)) drop_bounding(0);
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
