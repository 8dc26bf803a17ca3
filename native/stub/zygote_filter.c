// Compiles filter.def into a classic BPF program and installs it with a notification listener.
// One filter for all stubs, set once by the zygote (a second listener in one chain is EBUSY).
#include "zygote.h"
#include <ringfence/bpf.h>

enum verdict {
  ALLOW = SECCOMP_RET_ALLOW,
  NOTIFY = SECCOMP_RET_USER_NOTIF,
  TRAP = SECCOMP_RET_TRAP,
  REFUSE = SECCOMP_RET_ERRNO | 1 /* EPERM */,
};
enum {
  HIGH_STUB = RF_STUB_TEXT >> 32,
  HIGH_ZYGOTE = RF_ZYGOTE_TEXT >> 32,
  HIGH_WINDOW = RF_WINDOW_BASE >> 32,
  HIGH_WINDOW_END = RF_WINDOW_END >> 32,
  HIGH_CHUNKS = RF_CHUNKS >> 32,
  HIGH_VSYSCALL = -1,
  HIGH_LIMIT = 0x8000,
};
_Static_assert((RF_CHUNKS + RF_CHUNKS_PER_SPACE * (u64)RF_CHUNK_SIZE - 1) >> 32 == HIGH_CHUNKS,
               "one high word tells all chunks of an address space");

enum { OUTSIDE_ = BPF_OWN, IN_WINDOW_, NOT_IN_WINDOW_, IN_CHUNKS_, IS_ZYGOTE_ };

// clang-format off
#define ANY {BPF_ANY, 0, 0, 0, 0}
#define EQ(arg, value) {BPF_EQ, arg, 0, value, 0}
#define LOW(arg, value) {BPF_LOW, arg, 0, value, 0}
#define BELOW(arg, value) {BPF_BELOW, arg, 0, value, 0}
#define BETWEEN(arg, low, high) {BPF_BETWEEN, arg, 0, low, high}
#define MASKED(arg, mask, value) {BPF_MASKED, arg, 0, mask, value}
#define OUTSIDE(addr, length) {OUTSIDE_, addr, length, 0, 0}
#define IN_WINDOW(addr) {IN_WINDOW_, addr, 0, 0, 0}
#define NOT_IN_WINDOW(addr) {NOT_IN_WINDOW_, addr, 0, 0, 0}
#define IN_CHUNKS(addr) {IN_CHUNKS_, addr, 0, 0, 0}
#define IS_ZYGOTE(addr) {IS_ZYGOTE_, addr, 0, 0, 0}
// clang-format on
#define NR_token RF_NR_TOKEN
#define NR_gift RF_NR_GIFT
#define RULE(name, verdict, ...) {NR_##name, (uint32_t)verdict, {__VA_ARGS__}},
static const struct bpf_rule rules[] = {
#include "filter.def"
};

// What the zygote itself goes on to do from its own text.
static const u32 zygote_calls[] = {NR_recvmsg, NR_sendmsg,    NR_clone, NR_close,
                                   NR_wait4,   NR_exit_group, NR_write};

// How it names itself, and so the stub that it makes next.
enum { PR_SET_NAME = 15 };
static const struct bpf_rule zygote_name = {NR_prctl, (uint32_t)ALLOW, {EQ(0, PR_SET_NAME)}};

static struct bpf_program program;

static void emit_test(const struct bpf_test *test) {
  switch (test->condition) {
  case OUTSIDE_:
    // With H the high words, the range ends at most in word H(addr) + H(length) + 1. It must end
    // below the window, or begin behind it and end below 2^47.
    bpf_load_high(&program, test->other);
    bpf_jump(&program, BPF_JGE, HIGH_LIMIT, BPF_LEAVE, 0);
    bpf_emit(&program, BPF_MISC | BPF_TAX, 0, 0, 0);
    bpf_load_high(&program, test->arg);
    bpf_jump(&program, BPF_JGE, HIGH_LIMIT, BPF_LEAVE, 0);
    bpf_jump(&program, BPF_JGE, HIGH_WINDOW_END, 2, 0);
    bpf_emit(&program, BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0);
    bpf_jump(&program, BPF_JGE, HIGH_WINDOW - 1, BPF_LEAVE, 1);
    bpf_emit(&program, BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0);
    bpf_jump(&program, BPF_JGE, HIGH_LIMIT, BPF_LEAVE, 0);
    break;
  case IN_WINDOW_:
    bpf_load_high(&program, test->arg);
    bpf_jump(&program, BPF_JGE, HIGH_WINDOW, 0, BPF_LEAVE);
    bpf_jump(&program, BPF_JGE, HIGH_WINDOW_END, BPF_LEAVE, 0);
    break;
  case NOT_IN_WINDOW_:
    bpf_load_high(&program, test->arg);
    bpf_jump(&program, BPF_JGE, HIGH_WINDOW_END, 1, 0);
    bpf_jump(&program, BPF_JGE, HIGH_WINDOW, BPF_LEAVE, 0);
    break;
  case IN_CHUNKS_:
    bpf_load_high(&program, test->arg);
    bpf_jump(&program, BPF_JEQ, HIGH_CHUNKS, 0, BPF_LEAVE);
    break;
  case IS_ZYGOTE_:
    bpf_load_high(&program, test->arg);
    bpf_jump(&program, BPF_JEQ, HIGH_ZYGOTE, 0, BPF_LEAVE);
    bpf_load_low(&program, test->arg);
    bpf_jump(&program, BPF_JEQ, (u32)RF_ZYGOTE_TEXT, 0, BPF_LEAVE);
    break;
  default:
    bpf_test(&program, test);
    break;
  }
}

static void emit_rule(const struct bpf_rule *rule) {
  u32 begin = bpf_rule_begin(&program, rule->nr);
  for (u32 j = 0; j < BPF_CONDITIONS_MAX; j++)
    emit_test(&rule->tests[j]);
  bpf_rule_end(&program, begin, rule->verdict);
}

// Calls that a tracer could not lead to the stub's entry trap always: those of the other architecture, whose
// instruction has another length, and of the vsyscall page, where the host lets nobody change the address.
static void compile(u32 caught) {
  bpf_match_architecture(&program, TRAP);
  bpf_load(&program, offsetof(struct seccomp_data, instruction_pointer) + 4);
  bpf_jump(&program, BPF_JEQ, HIGH_STUB, 4, 0);
  bpf_jump(&program, BPF_JEQ, HIGH_ZYGOTE, 4, 0);
  bpf_jump(&program, BPF_JEQ, HIGH_VSYSCALL, 0, 1);
  bpf_return(&program, TRAP);
  bpf_return(&program, caught);
  u32 to_rules = program.length;
  bpf_emit(&program, BPF_JMP | BPF_JA, 0, 0, 0);
  bpf_load_nr(&program);
  for (u32 i = 0; i < sizeof zygote_calls / sizeof *zygote_calls; i++)
    bpf_match_call(&program, zygote_calls[i], ALLOW);
  emit_rule(&zygote_name);
  bpf_return(&program, REFUSE);
  program.code[to_rules].k = program.length - to_rules - 1;
  bpf_load_nr(&program);
  for (u32 i = 0; i < sizeof rules / sizeof *rules; i++)
    emit_rule(&rules[i]);
  bpf_return(&program, REFUSE);
}

s64 install_filter(int traced) {
  compile(traced ? SECCOMP_RET_TRACE : TRAP);
  struct sock_fprog text = {.len = program.length, .filter = program.code};
  enum { PR_SET_NO_NEW_PRIVS = 38 };
  s64 error = zygote_syscall(NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
  if (error) return error;
  // SPEC_ALLOW: guest code is not slowed by speculation controls it did not ask for.
  return zygote_syscall(NR_seccomp, SECCOMP_SET_MODE_FILTER,
                        SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_NEW_LISTENER, (u64)&text, 0, 0,
                        0);
}
