// The slot's state machine as data: request kinds, reply codes, operations and who may do what in
// which state. The same table as native/include/ringfence/slot_states.def, which says what each
// state allows; test/unit/slot_states.test.ts compares the two. Nothing is parsed at run time.

/** What a stub posts in the low four bits of its request word. */
export const Request = {
  SYSCALL: 1, // frame holds number (orig_rax) and arguments
  FAULT: 2, // memory, arithmetic or instruction fault; fault record valid
  TRAP: 3, // breakpoint or debug trap; fault record valid
  INTERRUPTED: 4, // a kick arrived while guest code ran
  STARTED: 5, // a new host task stands in its slot and can be kicked
  OPS_DONE: 6, // REQ_COUNT operations done, REQ_VALUE the last result
  OUT_FAULT: 7, // the out pieces of a RET faulted after REQ_VALUE bytes
  COPY_READY: 8, // a copy round is over, REQ_VALUE bytes moved
  PATCHED: 9, // as SYSCALL, from a patched site: nothing trapped
} as const;

/** What the kernel answers in the low four bits of the reply word. */
export const Reply = {
  RET: 1, // copy out REP_COUNT pieces, then rax = REP_RESULT
  BLOCKED: 2, // sleep, do not poll; another reply to the same request follows
  OPS: 3, // run REP_COUNT operations, post OPS_DONE
  COPY_IN_MORE: 4, // copy REP_COUNT pieces guest -> window, post COPY_READY
  COPY_OUT_MORE: 5, // copy REP_COUNT pieces window -> guest, post COPY_READY
  SIGNAL: 6, // copy out REP_COUNT pieces and the floating-point state, load the frame
  SIGRETURN: 7, // load registers and floating-point state from the slot
  SAVE_FP: 8, // store floating-point state at FP, post COPY_READY
  EXIT: 9, // leave: exit (REP_RESULT 0) or exit_group (1)
  RESUME: 10, // after FAULT, TRAP, INTERRUPTED: go back to the guest unchanged
  OPS_RETURN: 11, // as OPS; if all are done, post OPS_DONE, wait for nothing and go on as RET, rax = REP_RESULT
  LOAD_FP: 12, // take floating-point state from FP, post COPY_READY
} as const;

/** One entry of an operation list. */
export const Operation = {
  CALL: 1, // system call NR with six arguments
  COPY_TO: 2, // args: guest address, length, slot offset
  ZERO: 3, // args: guest address, length
  FORK: 4, // args: token; saves floating-point state at FP first
  THREAD: 5, // args: token, new slot's address; saves floating-point state at FP first
  CMPXCHG32: 6, // args: guest address, expected, new; result: the old value
  OP32: 7, // args: guest address, FUTEX_OP code, operand; result: the old value
  LOAD32: 8, // args: guest address; result: the value
  COPY_STRINGS: 9, // args: array of string pointers, slot offset, capacity; result: strings | ended << 32
  FUTEX: 10, // args: as futex(2), private; of waits arg 3 says whether DEADLINE holds; EINTR: a kick came
  TELL: 11, // as CALL, and the list goes on whatever becomes of it
  READ: 12, // args: as pread(2); the last of its list: its result becomes the call's, behind OPS_RETURN
} as const;

export type ReplyCode = (typeof Reply)[keyof typeof Reply];

/** Request and reply words are sequence * WORD_SEQUENCE + kind or code; a reply has its request's sequence. */
export const WORD_SEQUENCE = 16;

export const SLOT_STATES = ["RUNNING", "POSTED", "OWNED", "BLOCKED", "LIST", "DEAD"] as const;
export type SlotState = (typeof SLOT_STATES)[number];

/** Who causes an event; each writes only what `writes` names. */
export type SlotActor = "STUB" | "KERNEL" | "HOST";

export type SlotEvent =
  | "POST"
  | "CLAIM"
  | "REPLY_BLOCKED"
  | "REPLY_LIST"
  | "REPLY_FINAL"
  | "LET_GO"
  | "OUT_FAULT"
  | "DEATH";

export interface SlotTransition {
  readonly from: SlotState;
  readonly event: SlotEvent;
  readonly actor: SlotActor;
  readonly to: SlotState;
  /** What the actor writes, in order. */
  readonly writes: string;
}

function transition(
  from: SlotState,
  event: SlotEvent,
  actor: SlotActor,
  to: SlotState,
  writes: string,
): SlotTransition {
  return { from, event, actor, to, writes };
}

const POST = "then the request's record, doorbell if the thread sleeps";
const GIVE_BACK = "claim GUEST; then reply word, chunk marked, futex wake if sleeping";

// biome-ignore format: a table
export const SLOT_TRANSITIONS: readonly SlotTransition[] = [
  transition("RUNNING", "POST", "STUB", "POSTED", `request line, frame, in pieces; ${POST}`),
  transition("LIST", "POST", "STUB", "POSTED", `results, count, value; ${POST}`),
  transition("POSTED", "CLAIM", "KERNEL", "OWNED", "claim word GUEST -> OWNED; what it has seen of the record"),
  transition("OWNED", "REPLY_BLOCKED", "KERNEL", "BLOCKED", "reply word"),
  transition("OWNED", "REPLY_LIST", "KERNEL", "LIST", `operations or pieces, reply line; ${GIVE_BACK}`),
  transition("BLOCKED", "REPLY_LIST", "KERNEL", "LIST", `operations or pieces, reply line; ${GIVE_BACK}`),
  transition("OWNED", "REPLY_FINAL", "KERNEL", "RUNNING", `result, pieces, frame; ${GIVE_BACK}`),
  transition("BLOCKED", "REPLY_FINAL", "KERNEL", "RUNNING", `result, pieces, frame; ${GIVE_BACK}`),
  transition("OWNED", "LET_GO", "KERNEL", "RUNNING", "of OPS_DONE behind OPS_RETURN: claim GUEST, chunk marked; the stub has not waited, and may have posted again"),
  transition("RUNNING", "OUT_FAULT", "STUB", "POSTED", `bytes copied; ${POST}`),
  transition("RUNNING", "DEATH", "HOST", "DEAD", "nothing"),
  transition("POSTED", "DEATH", "HOST", "DEAD", "nothing"),
  transition("OWNED", "DEATH", "HOST", "DEAD", "nothing; the kernel thread learns of it by pidfd and cancels what it does for the slot"),
  transition("BLOCKED", "DEATH", "HOST", "DEAD", "nothing; waiters are cancelled"),
  transition("LIST", "DEATH", "HOST", "DEAD", "nothing; the list's continuation is cancelled"),
];
