// Compiles filter.def into a classic BPF program and installs it with a notification listener.
// One filter for all stubs, set once by the zygote (a second listener in one chain is EBUSY).
#include "zygote.h"

struct bpf {
  u16 code;
  u8 jt, jf;
  u32 k;
};

enum { LD = 0x20 /* LD|W|ABS */, AND = 0x54, ADD_X = 0x0c, ADD = 0x04, TAX = 0x07, JEQ = 0x15, JGT = 0x25,
       JGE = 0x35, JA = 0x05, RET = 0x06 };
enum verdict { ALLOW = 0x7fff0000, NOTIFY = 0x7fc00000, TRAP = 0x00030000, REFUSE = 0x00050001 /* EPERM */ };
enum { OFFSET_NR = 0, OFFSET_ARCH = 4, OFFSET_IP = 8, OFFSET_ARGS = 16 };
enum { HIGH_STUB = RF_STUB_TEXT >> 32, HIGH_ZYGOTE = RF_ZYGOTE_TEXT >> 32, HIGH_WINDOW = RF_WINDOW_BASE >> 32,
       HIGH_WINDOW_END = RF_WINDOW_END >> 32, HIGH_CHUNKS = RF_CHUNKS >> 32, HIGH_LIMIT = 0x8000 };
_Static_assert((RF_CHUNKS + RF_CHUNKS_PER_SPACE * (u64)RF_CHUNK_SIZE - 1) >> 32 == HIGH_CHUNKS,
               "one high word tells all chunks of an address space");

enum { NR_FILTER_token = RF_NR_TOKEN };

enum condition { ANY_, EQ_, LOW_, BELOW_, BETWEEN_, MASKED_, OUTSIDE_, IN_WINDOW_, IN_CHUNKS_ };
struct test {
  u8 condition, arg, other;
  u32 a, b;
};
struct rule {
  u32 nr, verdict;
  struct test tests[4];
};

#define ANY {ANY_, 0, 0, 0, 0}
#define EQ(arg, value) {EQ_, arg, 0, value, 0}
#define LOW(arg, value) {LOW_, arg, 0, value, 0}
#define BELOW(arg, value) {BELOW_, arg, 0, value, 0}
#define BETWEEN(arg, low, high) {BETWEEN_, arg, 0, low, high}
#define MASKED(arg, mask, value) {MASKED_, arg, 0, mask, value}
#define OUTSIDE(addr, length) {OUTSIDE_, addr, length, 0, 0}
#define IN_WINDOW(addr) {IN_WINDOW_, addr, 0, 0, 0}
#define IN_CHUNKS(addr) {IN_CHUNKS_, addr, 0, 0, 0}
#define NR_token RF_NR_TOKEN
#define RULE(name, verdict, ...) {NR_##name, verdict, {__VA_ARGS__}},
static const struct rule rules[] = {
#include "filter.def"
};

// What the zygote itself goes on to do from its own text.
static const u32 zygote_calls[] = {NR_recvmsg, NR_sendmsg, NR_clone, NR_close, NR_wait4, NR_exit_group};

static struct bpf program[1024];
static u32 length;

static void emit(u16 code, u32 k, u8 jt, u8 jf) {
  if (length == sizeof program / sizeof *program) zygote_syscall(NR_exit_group, 120, 0, 0, 0, 0, 0);
  program[length++] = (struct bpf){code, jt, jf, k};
}
static void load(u32 offset) { emit(LD, offset, 0, 0); }
static u32 low(u32 arg) { return OFFSET_ARGS + arg * 8; }
static u32 high(u32 arg) { return OFFSET_ARGS + arg * 8 + 4; }

// A failed condition leaves the rule: such jumps are emitted with this mark and resolved when the
// rule's length is known (rules are short, so eight bits reach).
#define LEAVE 0xff

static void zero_high(u32 arg) {
  load(high(arg));
  emit(JEQ, 0, 0, LEAVE);
}

static void emit_test(const struct test *t) {
  switch (t->condition) {
  case EQ_:
    zero_high(t->arg);
    load(low(t->arg));
    emit(JEQ, t->a, 0, LEAVE);
    break;
  case LOW_:
    load(low(t->arg));
    emit(JEQ, t->a, 0, LEAVE);
    break;
  case BELOW_:
    zero_high(t->arg);
    load(low(t->arg));
    emit(JGE, t->a, LEAVE, 0);
    break;
  case BETWEEN_:
    zero_high(t->arg);
    load(low(t->arg));
    emit(JGE, t->a, 0, LEAVE);
    emit(JGT, t->b, LEAVE, 0);
    break;
  case MASKED_:
    zero_high(t->arg);
    load(low(t->arg));
    emit(AND, ~t->a, 0, 0);
    emit(JEQ, t->b, 0, LEAVE);
    break;
  case OUTSIDE_:
    // With H the high words, the range ends at most in word H(addr) + H(length) + 1. It must end
    // below the window, or begin behind it and end below 2^47.
    load(high(t->other));
    emit(JGE, HIGH_LIMIT, LEAVE, 0);
    emit(TAX, 0, 0, 0);
    load(high(t->arg));
    emit(JGE, HIGH_LIMIT, LEAVE, 0);
    emit(JGE, HIGH_WINDOW_END, 2, 0);
    emit(ADD_X, 0, 0, 0);
    emit(JGE, HIGH_WINDOW - 1, LEAVE, 1);
    emit(ADD_X, 0, 0, 0);
    emit(JGE, HIGH_LIMIT, LEAVE, 0);
    break;
  case IN_WINDOW_:
    load(high(t->arg));
    emit(JGE, HIGH_WINDOW, 0, LEAVE);
    emit(JGE, HIGH_WINDOW_END, LEAVE, 0);
    break;
  case IN_CHUNKS_:
    load(high(t->arg));
    emit(JEQ, HIGH_CHUNKS, 0, LEAVE);
    break;
  default:
    break;
  }
}

static void emit_rule(const struct rule *rule) {
  u32 start = length;
  emit(JEQ, rule->nr, 0, LEAVE);
  u32 first = length;
  for (u32 i = 0; i < 4; i++) emit_test(&rule->tests[i]);
  emit(RET, rule->verdict, 0, 0);
  // Leaving after the first condition has spoiled the accumulator: the number is loaded again.
  u32 reload = length;
  load(OFFSET_NR);
  for (u32 i = start; i < reload; i++) {
    u32 target = i < first ? reload + 1 : reload;
    if (program[i].code == RET) continue;
    if (program[i].jt == LEAVE) program[i].jt = target - i - 1;
    if (program[i].jf == LEAVE) program[i].jf = target - i - 1;
  }
}

static void compile(void) {
  load(OFFSET_ARCH);
  emit(JEQ, AUDIT_ARCH_X86_64_, 1, 0);
  emit(RET, TRAP, 0, 0);
  load(OFFSET_IP + 4);
  emit(JEQ, HIGH_STUB, 2, 0);
  emit(JEQ, HIGH_ZYGOTE, 2, 0);
  emit(RET, TRAP, 0, 0);
  u32 to_rules = length;
  emit(JA, 0, 0, 0);
  load(OFFSET_NR);
  for (u32 i = 0; i < sizeof zygote_calls / sizeof *zygote_calls; i++) {
    emit(JEQ, zygote_calls[i], 0, 1);
    emit(RET, ALLOW, 0, 0);
  }
  emit(RET, REFUSE, 0, 0);
  program[to_rules].k = length - to_rules - 1;
  load(OFFSET_NR);
  for (u32 i = 0; i < sizeof rules / sizeof *rules; i++) emit_rule(&rules[i]);
  emit(RET, REFUSE, 0, 0);
}

s64 install_filter(void) {
  struct {
    u16 length;
    struct bpf *program;
  } fprog;
  enum { PR_SET_NO_NEW_PRIVS = 38, SECCOMP_SET_MODE_FILTER = 1, SPEC_ALLOW = 4, NEW_LISTENER = 8 };
  compile();
  fprog.length = length;
  fprog.program = program;
  s64 error = zygote_syscall(NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
  if (error) return error;
  // SPEC_ALLOW: guest code is not slowed by speculation controls it did not ask for.
  return zygote_syscall(NR_seccomp, SECCOMP_SET_MODE_FILTER, SPEC_ALLOW | NEW_LISTENER, (u64)&fprog, 0, 0, 0);
}
