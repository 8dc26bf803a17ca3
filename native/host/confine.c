// Confining the sandbox process, when all that it needs of files is loaded and before any guest runs: its
// root becomes an empty directory, and filter.def what it can ask of the host. Both hold for every thread:
// the root because threads share it, the filter because it is installed in all of them at once.
#include "host.h"

#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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

#define CONDITIONS_MAX 3

enum condition { ANY_, EQ_, LOW_, NOT_, SAME_ };
struct test {
  uint8_t condition, arg;
  uint32_t mask, value;
};
struct rule {
  uint32_t nr, verdict;
  struct test tests[CONDITIONS_MAX];
};

#define ALLOW SECCOMP_RET_ALLOW
#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))
#define ANY                                                                                                  \
  { ANY_, 0, 0, 0 }
#define EQ(arg, value)                                                                                       \
  { EQ_, arg, ~0u, value }
#define LOW(arg, value)                                                                                      \
  { LOW_, arg, ~0u, (uint32_t)(value) }
#define NOT(arg, value)                                                                                      \
  { NOT_, arg, ~0u, value }
#define SAME(arg, mask, value)                                                                               \
  { SAME_, arg, mask, value }
#define RULE(name, verdict, ...) {SYS_##name, verdict, {__VA_ARGS__}},
static const struct rule rules[] = {
#include "filter.def"
};

struct program {
  unsigned short length;
  struct sock_filter code[1024];
};

// A failed condition leaves the rule: such jumps bear this mark until the rule's length is known.
#define LEAVE 0xff

static void emit(struct program *program, unsigned code, uint32_t k, unsigned jt, unsigned jf) {
  if (program->length == sizeof program->code / sizeof program->code[0]) __builtin_trap();
  program->code[program->length++] = (struct sock_filter){(uint16_t)code, (uint8_t)jt, (uint8_t)jf, k};
}

static void load(struct program *program, size_t offset) {
  emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void emit_test(struct program *program, const struct test *test) {
  if (test->condition == ANY_) return;
  size_t low = offsetof(struct seccomp_data, args) + 8 * test->arg;
  if (test->condition == EQ_) {
    load(program, low + 4);
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, LEAVE);
  }
  load(program, low);
  if (test->condition == SAME_) emit(program, BPF_ALU | BPF_AND | BPF_K, test->mask, 0, 0);
  if (test->condition == NOT_)
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, test->value, LEAVE, 0);
  else
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, test->value, 0, LEAVE);
}

static void emit_rule(struct program *program, const struct rule *rule) {
  unsigned start = program->length;
  emit(program, BPF_JMP | BPF_JEQ | BPF_K, rule->nr, 0, LEAVE);
  unsigned conditions = program->length;
  for (int i = 0; i < CONDITIONS_MAX; i++)
    emit_test(program, &rule->tests[i]);
  bool spoiled = program->length > conditions;
  emit(program, BPF_RET | BPF_K, rule->verdict, 0, 0);
  // A condition has loaded something else over the number.
  unsigned reload = program->length;
  if (spoiled) load(program, offsetof(struct seccomp_data, nr));
  for (unsigned i = start; i < reload; i++) {
    struct sock_filter *at = &program->code[i];
    if (BPF_CLASS(at->code) != BPF_JMP) continue;
    unsigned target = i == start ? program->length : reload;
    if (at->jt == LEAVE) at->jt = (uint8_t)(target - i - 1);
    if (at->jf == LEAVE) at->jf = (uint8_t)(target - i - 1);
  }
}

static void compile(struct program *program) {
  load(program, offsetof(struct seccomp_data, arch));
  emit(program, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
  emit(program, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
  load(program, offsetof(struct seccomp_data, nr));
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    emit_rule(program, &rules[i]);
  emit(program, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
}

/* Installs the final filter in every thread of the process; later ones inherit it. */
int32_t rf_install_filter(void) {
  struct program program = {0};
  compile(&program);
  struct sock_fprog text = {.len = program.length, .filter = program.code};
  // Without SPEC_ALLOW older hosts slow the whole process by speculation controls.
  unsigned long flags =
      SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  return result_of(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &text));
}

/* Confines the process. The root is changed by init, which shares it with this process (init.c), so that
   no thread here ever has the privilege. `init` is the boot socket, and closed. 0 or a negative errno. */
RF_EXPORT int32_t rf_confine(int32_t init) {
  char byte = 0;
  ssize_t n = send(init, &byte, 1, MSG_NOSIGNAL);
  if (n == 1) do
      n = recv(init, &byte, 1, 0);
    while (n < 0 && errno == EINTR);
  int error = n < 0 ? errno : EPIPE;
  close(init);
  return n == 1 ? rf_install_filter() : -error;
}
