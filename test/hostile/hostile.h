// Helpers of hostile programs: guests that attack the sandbox through its own stub. They run in the
// sandbox only. Each must end in an error or in its own death, never in harm to anything else; a
// line that begins with BAD says that an attack got further than it may.
//
// Directive beside those of guest.h:
//   //@ ends: STATUS ...    how it may end; "any" for all ways, "deadline" if it may hang until it is
//                           killed from outside
//   //@ deadline: SECONDS   until that happens
//   //@ args-once: WORDS    as `args`, for a run that takes long and attacks what is the same whichever threads the
//                           kernel has and whatever catches calls: it is made in the first configuration only
#ifndef RINGFENCE_HOSTILE_H
#define RINGFENCE_HOSTILE_H

#include "../guest/guest.h"
#include <ringfence/layout.h>
#include <sched.h>

__attribute__((unused)) static void bad(const char *what, long result) {
  if (failed(result))
    say("BAD %s: %s", what, error_name(result));
  else
    say("BAD %s: %ld", what, result);
}

// System V objects outlive the process that made them: those of a program that calls at random go with its namespace.
__attribute__((unused)) static void leave_no_objects(void) {
  if (unshare(CLONE_NEWIPC)) bad("a namespace of its own", -errno);
}

__attribute__((unused)) static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

// Seconds that a flood lasts: what it fills is full, and whoever it keeps waiting is late, after a fraction of the first.
// And seconds that requests are forged at random, some thousands of them in each; more by `npm test -- --long`.
#define FLOOD_S 2.0
#define FORGE_S (getenv("RINGFENCE_TEST_LONG") ? 20.0 : 3.0)

// ---- The stub's own system call instruction ----

static const unsigned char *gadget;

// `syscall; ret` in the stub's text.
__attribute__((unused)) static void find_gadget(void) {
  const unsigned char *at = (const unsigned char *)RF_STUB_TEXT;
  for (int i = 0; i < 4000; i++)
    if (at[i] == 0x0f && at[i + 1] == 0x05 && at[i + 2] == 0xc3) {
      gadget = at + i;
      return;
    }
  say("no gadget in the stub");
  _exit(97);
}

// A host system call, as far as the stub's filter lets it pass: the result, or a negative errno.
__attribute__((unused)) static long host6(long nr, long a, long b, long c, long d, long e, long f) {
  if (!gadget) find_gadget();
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("sub $128, %%rsp\n call *%[gadget]\n add $128, %%rsp"
                   : "=a"(result)
                   : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9), [gadget] "r"(gadget)
                   : "rcx", "r11", "memory");
  return result;
}
#define HOST_0(n) host6(n, 0, 0, 0, 0, 0, 0)
#define HOST_1(n, a) host6(n, (long)(a), 0, 0, 0, 0, 0)
#define HOST_2(n, a, b) host6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define HOST_3(n, a, b, c) host6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define HOST_4(n, a, b, c, d) host6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define HOST_5(n, a, b, c, d, e) host6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define HOST_6(n, a, b, c, d, e, f) host6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

// ---- The slot ----

// Slot 0 of the first chunk: the first thread's.
#define SLOT (RF_CHUNKS + 0ul)

__attribute__((unused)) static volatile uint32_t *word_at(unsigned long offset) {
  return (volatile uint32_t *)(SLOT + offset);
}

__attribute__((unused)) static volatile uint64_t *quad_at(unsigned long offset) {
  return (volatile uint64_t *)(SLOT + offset);
}

// The sequence number that the slot's next request to the first kernel thread has.
__attribute__((unused)) static uint32_t next_sequence(void) {
  return ((*word_at(RF_REQUESTS) >> 4) + RF_SEQUENCE_STEP) & RF_SEQUENCE_MASK;
}

// Posts what stands in the slot as a request, as the stub does. Returns its sequence number.
__attribute__((unused)) static uint32_t forge(uint32_t kind) {
  uint32_t sequence = next_sequence();
  static const uint64_t one = 1;
  *word_at(RF_REQUESTS + RF_REQUEST_NR) = *word_at(RF_ORIG_RAX);
  __atomic_exchange_n(word_at(RF_REQUESTS), sequence << 4 | kind, __ATOMIC_SEQ_CST);
  HOST_3(SYS_write, RF_DOORBELL_FD, &one, 8);
  return sequence;
}

// As forge, to any kernel thread, with a number of its own.
__attribute__((unused)) static uint32_t forge_to(uint32_t thread, uint32_t kind, uint32_t nr) {
  static const uint64_t one = 1;
  volatile uint32_t *record = word_at(RF_REQUESTS + thread * RF_REQUESTS_STRIDE);
  uint32_t sequence = (((*record >> 4 & -RF_SEQUENCE_STEP) + RF_SEQUENCE_STEP) & RF_SEQUENCE_MASK) | thread;
  record[1] = nr;
  __atomic_exchange_n(record, sequence << 4 | kind, __ATOMIC_SEQ_CST);
  HOST_3(SYS_write, RF_DOORBELL_FD + thread, &one, 8);
  return sequence;
}

// Polls for a reply to a request: its code, or 0 after about `rounds` thousand looks.
__attribute__((unused)) static uint32_t reply_to(uint32_t sequence, int rounds) {
  for (long i = 0; i < rounds * 1000l; i++) {
    uint32_t reply = *word_at(RF_REPLY);
    if (reply >> 4 == sequence) return reply & 15;
    if (i % 64 == 63) HOST_0(SYS_sched_yield);
  }
  return 0;
}

// ---- Random numbers that a seed repeats (splitmix64) ----

static uint64_t random_state = 1;

__attribute__((unused)) static uint64_t next_random(void) {
  uint64_t z = random_state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

// Mostly values at which something changes: small ones, errors, powers of two, edges of address ranges.
__attribute__((unused)) static uint64_t nasty(void) {
  static const uint64_t edges[] = {0,
                                   1,
                                   2,
                                   3,
                                   4095,
                                   4096,
                                   4097,
                                   0x7fffffff,
                                   0x80000000,
                                   0xffffffff,
                                   0x100000000,
                                   RF_WINDOW_BASE,
                                   RF_WINDOW_END,
                                   RF_STUB_TEXT,
                                   RF_ZYGOTE_TEXT,
                                   RF_HOST_VDSO,
                                   RF_KERNEL_PAGE,
                                   RF_CHUNKS,
                                   RF_CHUNKS + RF_CHUNK_SIZE,
                                   RF_TASK_SIZE,
                                   1ul << 47,
                                   1ul << 63,
                                   -1ul,
                                   -4096ul,
                                   0xffffffffff600000};
  switch (next_random() % 4) {
  case 0:
    return next_random() % 64;
  case 1:
    return edges[next_random() % (sizeof edges / sizeof *edges)] + next_random() % 3 * 4096 - 4096;
  case 2:
    return 1ul << next_random() % 64;
  default:
    return next_random();
  }
}

#endif
