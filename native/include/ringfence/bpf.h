// Classic BPF programs of seccomp filters (seccomp(2)), for all who set one: launcher and init, the sandbox
// process, and the zygote for the stubs. Instructions one by one, and rules of a table (filter.def). It needs
// no C library. A program that grows too long, or a jump too far, traps: both are known when it is compiled.
#ifndef RINGFENCE_BPF_H
#define RINGFENCE_BPF_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#define BPF_PROGRAM_MAX 1024

struct bpf_program {
  unsigned short length;
  struct sock_filter code[BPF_PROGRAM_MAX];
};

// ---- Instructions ----

static inline void bpf_emit(struct bpf_program *program, unsigned code, uint32_t k, unsigned jt,
                            unsigned jf) {
  if (program->length == BPF_PROGRAM_MAX) __builtin_trap();
  program->code[program->length++] = (struct sock_filter){(uint16_t)code, (uint8_t)jt, (uint8_t)jf, k};
}

static inline void bpf_load(struct bpf_program *program, size_t offset) {
  bpf_emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static inline void bpf_load_nr(struct bpf_program *program) {
  bpf_load(program, offsetof(struct seccomp_data, nr));
}

// The halves of an argument.
static inline void bpf_load_low(struct bpf_program *program, unsigned arg) {
  bpf_load(program, offsetof(struct seccomp_data, args) + 8 * arg);
}

static inline void bpf_load_high(struct bpf_program *program, unsigned arg) {
  bpf_load(program, offsetof(struct seccomp_data, args) + 8 * arg + 4);
}

// `op`: BPF_JEQ, BPF_JGT or BPF_JGE.
static inline void bpf_jump(struct bpf_program *program, unsigned op, uint32_t k, unsigned jt, unsigned jf) {
  bpf_emit(program, BPF_JMP | op | BPF_K, k, jt, jf);
}

static inline void bpf_return(struct bpf_program *program, uint32_t verdict) {
  bpf_emit(program, BPF_RET | BPF_K, verdict, 0, 0);
}

// Calls of another architecture get `verdict`.
static inline void bpf_match_architecture(struct bpf_program *program, uint32_t verdict) {
  bpf_load(program, offsetof(struct seccomp_data, arch));
  bpf_jump(program, BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0);
  bpf_return(program, verdict);
}

// With the number loaded: that call gets `verdict`, whatever its arguments.
static inline void bpf_match_call(struct bpf_program *program, uint32_t nr, uint32_t verdict) {
  bpf_jump(program, BPF_JEQ, nr, 0, 1);
  bpf_return(program, verdict);
}

// ---- Rules: a call, a verdict, and conditions that must all hold; else the next rule decides ----

#define BPF_CONDITIONS_MAX 4

enum bpf_condition {
  BPF_ANY,     // always
  BPF_EQ,      // all 64 bits of the argument equal a
  BPF_LOW,     // the low 32 bits equal a
  BPF_NOT,     // the low 32 bits differ from a
  BPF_SAME,    // (low 32 bits & a) == b
  BPF_MASKED,  // (argument & ~a) == b
  BPF_BELOW,   // the argument is below a
  BPF_BETWEEN, // a <= argument <= b
  BPF_OWN,     // the first that a table has for itself
};

struct bpf_test {
  uint8_t condition, arg, other;
  uint32_t a, b;
};

struct bpf_rule {
  uint32_t nr, verdict;
  struct bpf_test tests[BPF_CONDITIONS_MAX];
};

// A failed condition leaves its rule. Such jumps bear this mark until the rule's length is known; rules are
// short.
#define BPF_LEAVE 0xff

static inline void bpf_test_zero_high(struct bpf_program *program, unsigned arg) {
  bpf_load_high(program, arg);
  bpf_jump(program, BPF_JEQ, 0, 0, BPF_LEAVE);
}

static inline void bpf_test(struct bpf_program *program, const struct bpf_test *test) {
  if (test->condition == BPF_ANY) return;
  if (test->condition == BPF_EQ || test->condition >= BPF_MASKED) bpf_test_zero_high(program, test->arg);
  bpf_load_low(program, test->arg);
  switch (test->condition) {
  case BPF_NOT:
    bpf_jump(program, BPF_JEQ, test->a, BPF_LEAVE, 0);
    break;
  case BPF_SAME:
  case BPF_MASKED:
    bpf_emit(program, BPF_ALU | BPF_AND | BPF_K, test->condition == BPF_SAME ? test->a : ~test->a, 0, 0);
    bpf_jump(program, BPF_JEQ, test->b, 0, BPF_LEAVE);
    break;
  case BPF_BELOW:
    bpf_jump(program, BPF_JGE, test->a, BPF_LEAVE, 0);
    break;
  case BPF_BETWEEN:
    bpf_jump(program, BPF_JGE, test->a, 0, BPF_LEAVE);
    bpf_jump(program, BPF_JGT, test->b, BPF_LEAVE, 0);
    break;
  default:
    bpf_jump(program, BPF_JEQ, test->a, 0, BPF_LEAVE);
    break;
  }
}

// With the number loaded: the beginning of a rule, whose conditions follow. Returns what bpf_rule_end needs.
static inline unsigned bpf_rule_begin(struct bpf_program *program, uint32_t nr) {
  bpf_jump(program, BPF_JEQ, nr, 0, BPF_LEAVE);
  return program->length - 1u;
}

static inline void bpf_rule_end(struct bpf_program *program, unsigned begin, uint32_t verdict) {
  int spoiled = program->length > begin + 1;
  bpf_return(program, verdict);
  // A condition has loaded something else over the number.
  unsigned reload = program->length;
  if (spoiled) bpf_load_nr(program);
  for (unsigned i = begin; i < reload; i++) {
    struct sock_filter *at = &program->code[i];
    if (BPF_CLASS(at->code) != BPF_JMP) continue;
    unsigned distance = (i == begin ? program->length : reload) - i - 1;
    if (distance >= BPF_LEAVE) __builtin_trap();
    if (at->jt == BPF_LEAVE) at->jt = (uint8_t)distance;
    if (at->jf == BPF_LEAVE) at->jf = (uint8_t)distance;
  }
}

#endif
