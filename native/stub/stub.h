// What the parts of the stub share. Everything is reached through a pointer to the thread's slot;
// the stub has no data of its own (stub.ld asserts it).
#ifndef RINGFENCE_STUB_H
#define RINGFENCE_STUB_H

#include "host_call.h"
#include <ringfence/layout.h>

#define RF_REQUEST_KIND(name, value) REQ_##name = value,
enum request_kind {
#include <ringfence/slot_states.def>
};
#define RF_REPLY_CODE(name, value) REP_##name = value,
enum reply_code {
#include <ringfence/slot_states.def>
};
#define RF_OPERATION(name, value) OP_##name = value,
enum operation {
#include <ringfence/slot_states.def>
};

// A slot is addressed by the number that RF_... offsets are added to.
typedef u64 slot_t;

// clang-format off
static inline u32 load32(u64 at) { return __atomic_load_n((u32 *)at, __ATOMIC_SEQ_CST); }
static inline u64 get64(u64 at) { return *(volatile u64 *)at; }
static inline u32 get32(u64 at) { return *(volatile u32 *)at; }
static inline void put64(u64 at, u64 v) { *(volatile u64 *)at = v; }
static inline void put32(u64 at, u32 v) { *(volatile u32 *)at = v; }
// clang-format on

// Nothing in the window is the guest's to name: its pointers there are bad addresses.
static inline int in_window(u64 address) {
  return address >= RF_WINDOW_BASE && address < RF_WINDOW_END;
}

// The host's vDSO is in the window too, so no signal frame may show it (F9).
static inline int in_host_vdso(u64 rip) {
  return rip >> 32 == RF_HOST_VDSO >> 32;
}

// A handler runs on the alternate stack, which lies in the slot; masking finds the slot whatever
// the guest did to its registers.
static inline slot_t current_slot(void) {
  return (u64)__builtin_frame_address(0) & ~(u64)(RF_SLOT_SIZE - 1);
}

static inline int in_slot(slot_t slot, u64 address) {
  return address - slot < RF_SLOT_SIZE;
}

// The CPU this thread runs on: the kernel keeps it in the limit of segment 0x7b (vDSO getcpu).
static inline u32 current_cpu(void) {
  u32 p;
  __asm__ volatile("lsl %1, %0" : "=r"(p) : "r"(0x7b));
  return p & 0xfff;
}

// stub_entry.S
s64 stub_syscall(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5);
// Copies; returns the number of bytes that were not copied because of a fault.
u64 stub_copy(u64 to, u64 from, u64 length);
u64 stub_zero(u64 to, u64 length);
// Copies up to and including a NUL, at most `max` bytes; returns bytes copied, bit 63 set on a fault.
u64 stub_copy_string(u64 to, u64 from, u64 max);
// Loads, or compare-exchanges, a 32-bit word; returns the old value or -EFAULT.
s64 stub_load32(u64 at);
s64 stub_cmpxchg32(u64 at, u32 expected, u32 desired);
s64 stub_op32(u64 at, u32 code, u32 operand);
s64 stub_load64(u64 at, u64 *value);                // 0 or -EFAULT
s64 stub_store_pair(u64 at, u64 first, u64 second); // 0 or -EFAULT
// Makes a host process, or a thread on another slot's stub stack; the child goes to stub_new_task.
s64 stub_fork(u64 token);
s64 stub_thread(u64 token, u64 slot);
// Where a new host task traps on purpose, so that it stands in a signal frame like any other.
extern const char stub_started[];
void stub_restorer(void);
// stub_trampoline.S: the last steps of a patched call, which a kick repeats, and where it traps on purpose: to go on
// in a signal frame, and since the gs base is not the slot.
void stub_leave_handler(slot_t slot, u64 fpstate, u64 features) __attribute__((noreturn));
extern const char stub_traced[],
    stub_stepped[]; // where a tracer sends a caught call, and one that is stepped over
extern const char stub_leave[], stub_left[], stub_trapped[], stub_lost[];
// The way of a call that is answered with a word of the slot, and where a kick sends whoever is on it.
extern const char stub_number[], stub_numbered[], stub_again[];
// Loads all registers from the frame; a kick that finds it is seen at its start.
void stub_resume(void) __attribute__((noreturn));
extern const char stub_resuming[], stub_resumed[];
s64 stub_xsave(u64 at, u64 features);
s64 stub_xrstor(u64 at, u64 features);
extern const u64 stub_fixups[]; // pairs (instruction, continuation), ended by a zero

// stub_sleep.S
s64 stub_sleep(slot_t slot, u64 word, u32 op, u32 value, u64 time, u32 bits);
#define NOT_SLEPT 1
extern const char stub_sleep_look[], stub_slept[], stub_not_slept[];

// stub_futex.c
s64 sleep_on(slot_t slot, u64 word, u32 value, u32 clock_flag, u32 bits, int timed);
s64 read_deadline(slot_t slot, u64 time, int is_duration);
s64 do_futex(slot_t slot, u64 word, u32 op, u32 value, u64 value2, u64 word2, u32 value3);
int futex_here(slot_t slot, s64 *result);

// stub_nanosleep.c
int nanosleep_here(slot_t slot, u32 clock, u32 flags, u64 request, s64 *result);

// stub_request.c
u32 post(slot_t slot, u32 kind, u32 kernel_thread);
u32 serve_until_return(slot_t slot, struct ucontext_ *uc, u32 code);
u32 call_kernel(slot_t slot, struct ucontext_ *uc, u32 kind, u32 kernel_thread);

// stub_call.c
u64 flags_of_call(u64 rest, u64 number_and_flags);
u32 kind_of_call(u64 number_and_flags);

// stub_local.c
extern const u8 stub_local_calls[];
u32 local_entry(slot_t slot, u64 nr);
int may_answer_trapped(slot_t slot);
int answer(slot_t slot, u32 entry, s64 *result);
void was_answered(slot_t slot, s64 result, u32 call_flags);
// In RF_CALL_FLAGS.
#define ANSWERED_HERE 0x10000

// stub_resume.c
void resume(slot_t slot, u32 code, u64 eflags, u64 saved);

// stub_marshal.c
u32 copy_in_pieces(slot_t slot, u64 nr);
u64 copy_pieces(slot_t slot, u32 count, int to_guest);

#define USER_CS 0x33
#define USER_SS 0x2b
// Flags that a jump does not bring back: TF, DF. With NT there is no iretq.
#define EFLAGS_BY_SIGNAL 0x500
#define EFLAGS_NT 0x4000

// stub_operations.c
int makes_task(slot_t slot, u32 count);
int run_operations(slot_t slot, struct ucontext_ *uc, u32 count);

// stub_signals.c
void on_sigsys(int, void *, void *);
void on_fault(int, void *, void *);
void on_kick(int, void *, void *);
void hold_kicks(struct ucontext_ *uc);
void save_fp(slot_t slot, const struct ucontext_ *uc);
void take_fp(slot_t slot, const struct ucontext_ *uc);
#define SIGKICK 63

#endif
