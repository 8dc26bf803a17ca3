// Posting a request to a kernel thread and waiting for its reply: the stub's half of the protocol
// in slot_states.def. Only the stub writes RF_SLEEPING; only the kernel writes the reply line.
#include "stub.h"

typedef s64 (*clock_function)(u64, u64);
#define VDSO_CLOCK_GETTIME 2 // in RF_KP_VDSO, as mem/vdso.ts has them

// CLOCK_MONOTONIC by the host's vDSO, to a word of the slot, which stays as it is where the vDSO has no clock.
static void stamp(u64 at) {
  clock_function clock = (clock_function)get64(RF_KERNEL_PAGE + RF_KP_VDSO + VDSO_CLOCK_GETTIME * 8);
  u64 time[2];
  if (clock && clock(CLOCK_MONOTONIC_, (u64)time) == 0) put64(at, time[0] * 1000000000 + time[1]);
}

static void ring(u32 kernel_thread) {
  static const u64 one = 1;
  // EAGAIN (a full counter) means that the bell is rung already (F13).
  stub_syscall(NR_write, RF_DOORBELL_FD + kernel_thread, (u64)&one, 8, 0, 0, 0);
}

// A stub that shares its CPU with the kernel thread would spin in that thread's place.
static u32 spin_budget(u32 cpu, u64 thread) {
  return get32(thread + RF_KP_CPU) == cpu ? 0 : get32(RF_KERNEL_PAGE + RF_KP_SPIN);
}

static int answers(u32 reply, u32 sequence) {
  return reply >> 4 == sequence && (reply & 15) != REP_BLOCKED;
}

static u32 await(slot_t slot, u32 sequence, u32 budget) {
  for (u32 i = 0; i < budget; i++) {
    u32 reply = load32(slot + RF_REPLY);
    if (answers(reply, sequence)) return reply & 15;
    if (reply >> 4 == sequence) break; // BLOCKED
    __builtin_ia32_pause();
  }
  __atomic_exchange_n((u32 *)(slot + RF_SLEEPING), 1, __ATOMIC_SEQ_CST);
  u32 reply;
  for (;;) {
    reply = load32(slot + RF_REPLY);
    if (answers(reply, sequence)) break;
    stub_syscall(NR_futex, slot + RF_REPLY, FUTEX_WAIT, reply, 0, 0, 0);
  }
  __atomic_store_n((u32 *)(slot + RF_SLEEPING), 0, __ATOMIC_SEQ_CST);
  return reply & 15;
}

// Where a slot posts to a kernel thread.
static u64 record_of(slot_t slot, u32 kernel_thread) {
  u64 chunk = slot & ~(u64)(RF_CHUNK_SIZE - 1);
  return chunk + RF_REQUESTS + kernel_thread * RF_REQUESTS_STRIDE +
         (slot - chunk) / RF_SLOT_SIZE * RF_REQUEST_SIZE;
}

static u64 thread_record(u32 kernel_thread) {
  return RF_KERNEL_PAGE + RF_KP_THREAD + kernel_thread * RF_KP_THREAD_STRIDE;
}

// Publishes what stands in the slot as a request of that kind, for a kernel thread that may sleep; its sequence number.
static u32 publish(slot_t slot, u32 kind, u32 kernel_thread, u32 cpu) {
  u64 record = record_of(slot, kernel_thread);
  u32 last = get32(record + RF_REQUEST_WORD) >> 4;
  u32 sequence = (((last & -RF_SEQUENCE_STEP) + RF_SEQUENCE_STEP) & RF_SEQUENCE_MASK) | kernel_thread;
  put32(slot + RF_REQ_CPU, cpu);
  u64 request = (u64)get32(slot + RF_ORIG_RAX) << 32 | (sequence << 4 | kind);
  __atomic_exchange_n((u64 *)record, request, __ATOMIC_SEQ_CST);
  return sequence;
}

static void wake(u32 kernel_thread) {
  if (load32(thread_record(kernel_thread) + RF_KP_SLEEPING)) ring(kernel_thread);
}

/* Publishes what stands in the slot as a request of that kind and returns the reply's code. */
u32 post(slot_t slot, u32 kind, u32 kernel_thread) {
  u32 cpu = current_cpu();
  u32 sequence = publish(slot, kind, kernel_thread, cpu);
  wake(kernel_thread);
  return await(slot, sequence, spin_budget(cpu, thread_record(kernel_thread)));
}

/* Does what a kernel thread asks (lists, copy rounds), and tells that thread, until the reply leads back to the guest;
   returns that reply's code: RET, SIGNAL, SIGRETURN or RESUME. Without a signal frame (uc null) also that of a reply
   that takes one, which has not been begun. */
u32 serve_until_return(slot_t slot, struct ucontext_ *uc, u32 code) {
  for (;;) {
    u32 count = get32(slot + RF_REP_COUNT), thread = (count >> RF_REP_THREAD_SHIFT) % RF_KERNEL_THREADS_MAX;
    count &= RF_REP_COUNT_MASK;
    u64 bytes, total = 0;
    switch (code) {
    case REP_OPS:
      if (!uc && makes_task(slot, count)) return code;
      run_operations(slot, uc, count);
      code = post(slot, REQ_OPS_DONE, thread);
      break;
    case REP_OPS_RETURN:
      if (run_operations(slot, uc, count)) {
        // Nobody answers: the kernel keeps its hands off the reply until the next request, but for the flag, which it
        // takes back when somebody waits.
        publish(slot, REQ_OPS_DONE, thread, current_cpu());
        if (!(load32(slot + RF_REP_FLAGS) & RF_REP_QUIET)) wake(thread);
        return REP_RET;
      }
      code = post(slot, REQ_OPS_DONE, thread);
      break;
    case REP_COPY_IN_MORE:
    case REP_COPY_OUT_MORE:
      put64(slot + RF_REQ_VALUE, copy_pieces(slot, count, code == REP_COPY_OUT_MORE));
      code = post(slot, REQ_COPY_READY, thread);
      break;
    case REP_SAVE_FP:
      if (!uc) return code;
      save_fp(slot, uc);
      code = post(slot, REQ_COPY_READY, thread);
      break;
    case REP_LOAD_FP:
      if (!uc) return code;
      take_fp(slot, uc);
      code = post(slot, REQ_COPY_READY, thread);
      break;
    case REP_RET:
    case REP_SIGNAL:
      if (count == 0) return code;
      for (u32 i = 0; i < count && i < RF_PIECES_MAX; i++)
        total += get32(slot + RF_PIECES + i * RF_PIECE_SIZE + RF_PIECE_LENGTH);
      bytes = copy_pieces(slot, count, 1);
      if (bytes == total) return code;
      put64(slot + RF_REQ_VALUE, bytes);
      code = post(slot, REQ_OUT_FAULT, thread);
      break;
    case REP_EXIT:
      stub_syscall(get64(slot + RF_REP_RESULT) ? NR_exit_group : NR_exit, 0, 0, 0, 0, 0, 0);
      __builtin_trap();
    default:
      return code;
    }
  }
}

/* Posts a system call and carries out its reply, as post and serve_until_return do. */
u32 call_kernel(slot_t slot, struct ucontext_ *uc, u32 kind, u32 kernel_thread) {
  u32 timed = get32(thread_record(kernel_thread) + RF_KP_TIMED);
  if (__builtin_expect(timed, 0)) stamp(slot + RF_POSTED_AT);
  u32 code = serve_until_return(slot, uc, post(slot, kind, kernel_thread));
  if (__builtin_expect(timed, 0)) stamp(slot + RF_RESUMED_AT);
  return code;
}
