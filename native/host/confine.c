// Confining the sandbox process, when all that it needs of files is loaded and before any guest runs: its
// root becomes an empty directory, and filter.def what it can ask of the host. Both hold for every thread:
// the root because threads share it, the filter because it is installed in all of them at once.
#include "host.h"

#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ringfence/bpf.h>

// Younger than some C libraries' headers.
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef SECCOMP_FILTER_FLAG_TSYNC_ESRCH
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH (1UL << 4)
#endif

#define ALLOW SECCOMP_RET_ALLOW
#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))
// clang-format off
#define ANY {BPF_ANY, 0, 0, 0, 0}
#define EQ(arg, value) {BPF_EQ, arg, 0, value, 0}
#define LOW(arg, value) {BPF_LOW, arg, 0, (uint32_t)(value), 0}
#define NOT(arg, value) {BPF_NOT, arg, 0, value, 0}
#define SAME(arg, mask, value) {BPF_SAME, arg, 0, mask, value}
// clang-format on
#define RULE(name, verdict, ...) {SYS_##name, verdict, {__VA_ARGS__}},
static const struct bpf_rule network_rules[] = {
#include "filter_network.def"
};

static const struct bpf_rule group_rules[] = {
#include "filter_group.def"
};

static const struct bpf_rule traced_group_rules[] = {
#include "filter_traced_group.def"
};

static const struct bpf_rule rules[] = {
#include "filter.def"
};

static void add_rules(struct bpf_program *program, const struct bpf_rule *table, size_t count) {
  for (size_t i = 0; i < count; i++) {
    unsigned begin = bpf_rule_begin(program, table[i].nr);
    for (int j = 0; j < BPF_CONDITIONS_MAX; j++)
      bpf_test(program, &table[i].tests[j]);
    bpf_rule_end(program, begin, table[i].verdict);
  }
}

// Parts of the filter that not every sandbox has.
enum { HAS_HOST_NETWORK = 1, HAS_KERNELS = 2, TRACES_KERNELS = 4 };

static void compile(struct bpf_program *program, int32_t parts) {
  bpf_match_architecture(program, SECCOMP_RET_KILL_PROCESS);
  bpf_load_nr(program);
  if (parts & HAS_HOST_NETWORK)
    add_rules(program, network_rules, sizeof network_rules / sizeof network_rules[0]);
  if (parts & HAS_KERNELS) add_rules(program, group_rules, sizeof group_rules / sizeof group_rules[0]);
  if (parts & TRACES_KERNELS)
    add_rules(program, traced_group_rules, sizeof traced_group_rules / sizeof traced_group_rules[0]);
  add_rules(program, rules, sizeof rules / sizeof rules[0]);
  bpf_return(program, SECCOMP_RET_KILL_PROCESS);
}

/* Installs the final filter in every thread of the process; later ones inherit it. */
int32_t rf_install_filter(int32_t parts) {
  struct bpf_program program = {0};
  compile(&program, parts);
  struct sock_fprog text = {.len = program.length, .filter = program.code};
  // Without SPEC_ALLOW older hosts slow the whole process by speculation controls.
  unsigned long flags =
      SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  return result_of(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &text));
}

/* Confines the process. The root is changed by init, which shares it with this process (init.c), so that
   no thread here ever has the privilege. `init` is the boot socket, and closed. `parts`: 1, the caller gave a network of
   the host; 2, several kernels share the process; 4, and are traced. 0 or a negative errno. */
RF_EXPORT int32_t rf_confine(int32_t init, int32_t parts) {
  char byte = 0;
  ssize_t n = send(init, &byte, 1, MSG_NOSIGNAL);
  if (n == 1) do
      n = recv(init, &byte, 1, 0);
    while (n < 0 && errno == EINTR);
  int error = n < 0 ? errno : EPIPE;
  close(init);
  return n == 1 ? rf_install_filter(parts) : -error;
}
