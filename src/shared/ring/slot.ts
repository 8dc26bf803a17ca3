// One kernel thread's access to slots: reading what a stub posted, writing what it is to do, and
// the reply. A slot is named by its number (guest_memory.ts), a request by number and sequence.
//
// Reading: every field is hostile. Methods read each word once and return plain numbers; the
// caller validates them and reads no field twice. Registers that belong together are copied into
// the thread's own Frame first.
//
// Replying, in this order (slot_states.def): operations, pieces, frame and result; claim GUEST; reply
// word, exchanged, since the stub's sleeping flag may be read only behind it; the flag, which is never written; the
// chunk marked. A reply method returns true when the stub must be woken by futex on its reply word.

import { TWO_32 } from "../abi/struct.ts";
import type { ActiveChunks } from "./active.ts";
import type { Claims } from "./claims.ts";
import { chunkOfSlot, slotWord } from "./guest_memory.ts";
import * as L from "./layout.ts";
import { Reply, type ReplyCode, WORD_SEQUENCE } from "./slot_states.ts";

const FRAME_WORDS = L.FRAME_SIZE >>> 2;

/** The upper 32 bits of a number between -2^53 and 2^53. */
export function highWord(value: number): number {
  const low = value | 0;
  return low === value ? low >> 31 : Math.floor(value / TWO_32) | 0;
}

/** Registers of the six arguments of a system call, in order. */
const ARGUMENT_REGISTERS = [L.RDI, L.RSI, L.RDX, L.R10, L.R8, L.R9] as const;
const ARGUMENT_OFFSETS = Int32Array.from(ARGUMENT_REGISTERS, (register) => (register - L.FRAME) >>> 2);

/** Of the arguments of a system call, low and high halves. */
export const ARGUMENT_WORDS = 2 * ARGUMENT_REGISTERS.length;

/** A thread's own copy of a slot's registers: user_regs_struct as little-endian pairs of words. */
export class Frame {
  readonly words = new Int32Array(FRAME_WORDS);

  /** Low 32 bits of a register, signed; the registers are named by layout.ts (RAX, ...). */
  low(register: number): number {
    return this.words[(register - L.FRAME) >>> 2]!;
  }

  high(register: number): number {
    return this.words[(register - L.FRAME + 4) >>> 2]!;
  }

  /** As an unsigned number; exact below 2^53, and above that still above it. */
  unsigned(register: number): number {
    return (this.high(register) >>> 0) * TWO_32 + (this.low(register) >>> 0);
  }

  /** As a signed number; exact between -2^53 and 2^53. */
  signed(register: number): number {
    return this.high(register) * TWO_32 + (this.low(register) >>> 0);
  }

  set(register: number, low: number, high: number): void {
    this.words[(register - L.FRAME) >>> 2] = low;
    this.words[(register - L.FRAME + 4) >>> 2] = high;
  }

  /** From a number between -2^53 and 2^53. */
  setNumber(register: number, value: number): void {
    this.set(register, value | 0, highWord(value));
  }

  /** Copies the arguments of a system call, ARGUMENT_WORDS words. */
  getArguments(to: Int32Array, at: number): void {
    for (const [index, word] of ARGUMENT_OFFSETS.entries()) {
      to[at + 2 * index] = this.words[word]!;
      to[at + 2 * index + 1] = this.words[word + 1]!;
    }
  }

  setArguments(from: Int32Array): void {
    for (const [index, word] of ARGUMENT_OFFSETS.entries()) {
      this.words[word] = from[2 * index]!;
      this.words[word + 1] = from[2 * index + 1]!;
    }
  }

  argumentLow(index: number): number {
    return this.words[ARGUMENT_OFFSETS[index]!]!;
  }

  argumentHigh(index: number): number {
    return this.words[ARGUMENT_OFFSETS[index]! + 1]!;
  }

  argumentUnsigned(index: number): number {
    return (this.argumentHigh(index) >>> 0) * TWO_32 + (this.argumentLow(index) >>> 0);
  }

  argumentSigned(index: number): number {
    return this.argumentHigh(index) * TWO_32 + (this.argumentLow(index) >>> 0);
  }
}

export class Slots {
  /** Requests that were not answered at once. */
  blocked = 0;
  /** Stubs that slept and were woken. */
  wakes = 0;
  readonly #words: Int32Array;
  readonly #claims: Claims;
  readonly #active: ActiveChunks;
  readonly #thread: number;
  /** Stands beside the number of pieces or operations: to whom the stub posts what comes of them. */
  readonly #replier: number;

  constructor(guestWords: Int32Array, claims: Claims, active: ActiveChunks, thread: number) {
    this.#words = guestWords;
    this.#claims = claims;
    this.#active = active;
    this.#thread = thread;
    this.#replier = thread << L.REP_THREAD_SHIFT;
  }

  // ---- What the stub posted ----

  /** Any 32-bit field of a slot, by its byte offset in layout.ts. */
  word(number: number, offset: number): number {
    return this.#words[slotWord(number) + (offset >>> 2)]!;
  }

  /** Any 64-bit field, unsigned; exact below 2^53. */
  unsigned(number: number, offset: number): number {
    const at = slotWord(number) + (offset >>> 2);
    return (this.#words[at + 1]! >>> 0) * TWO_32 + (this.#words[at]! >>> 0);
  }

  /** Any 64-bit field, signed; exact between -2^53 and 2^53. */
  signed(number: number, offset: number): number {
    const at = slotWord(number) + (offset >>> 2);
    return this.#words[at + 1]! * TWO_32 + (this.#words[at]! >>> 0);
  }

  setWord(number: number, offset: number, value: number): void {
    this.#words[slotWord(number) + (offset >>> 2)] = value;
  }

  set64(number: number, offset: number, low: number, high: number): void {
    const at = slotWord(number) + (offset >>> 2);
    this.#words[at] = low;
    this.#words[at + 1] = high;
  }

  /** Writes a number between -2^53 and 2^53. */
  setNumber(number: number, offset: number, value: number): void {
    this.set64(number, offset, value | 0, highWord(value));
  }

  /** Copies all registers, the only reading of them. */
  readFrame(number: number, frame: Frame): void {
    const from = slotWord(number) + (L.FRAME >>> 2);
    const to = frame.words;
    for (let word = 0; word < FRAME_WORDS; word++) to[word] = this.#words[from + word]!;
  }

  /** Copies the first `count` arguments of a system call, and no other register: they fill one cache line. */
  readArguments(number: number, frame: Frame, count: number): void {
    const from = slotWord(number) + (L.FRAME >>> 2);
    const to = frame.words;
    const words = this.#words;
    for (let index = 0; index < count; index++) {
      const word = ARGUMENT_OFFSETS[index]!;
      to[word] = words[from + word]!;
      to[word + 1] = words[from + word + 1]!;
    }
  }

  writeFrame(number: number, frame: Frame): void {
    const to = slotWord(number) + (L.FRAME >>> 2);
    const from = frame.words;
    for (let word = 0; word < FRAME_WORDS; word++) this.#words[to + word] = from[word]!;
  }

  // ---- What the stub is to do; by the owner, before a reply ----

  /** Entry of the operation list: its code and system call number. Arguments by setOperationArgument. */
  setOperation(number: number, index: number, code: number, nr: number): void {
    const at = slotWord(number) + ((L.OPS + index * L.OP_SIZE) >>> 2);
    this.#words[at + (L.OP_CODE >>> 2)] = code;
    this.#words[at + (L.OP_NR >>> 2)] = nr;
  }

  setOperationArgument(number: number, index: number, argument: number, low: number, high: number): void {
    this.set64(number, L.OPS + index * L.OP_SIZE + L.OP_ARGS + argument * 8, low, high);
  }

  /** Argument from a number between -2^53 and 2^53. */
  setOperationNumber(number: number, index: number, argument: number, value: number): void {
    this.setNumber(number, L.OPS + index * L.OP_SIZE + L.OP_ARGS + argument * 8, value);
  }

  /** Piece of a copy round: guest address, length, offset from the start of the slot. */
  setPiece(number: number, index: number, address: number, length: number, offset: number): void {
    const at = slotWord(number) + ((L.PIECES + index * L.PIECE_SIZE) >>> 2);
    this.#words[at] = address | 0;
    this.#words[at + 1] = highWord(address);
    this.#words[at + (L.PIECE_LENGTH >>> 2)] = length;
    this.#words[at + (L.PIECE_OFFSET >>> 2)] = offset;
  }

  // ---- Replies; by the owner ----

  /** Final: the system call's result. `pieces` were written before. */
  replyRet(number: number, sequence: number, low: number, high: number, pieces: number): boolean {
    const slot = slotWord(number);
    this.#words[slot + (L.REP_RESULT >>> 2)] = low;
    this.#words[slot + (L.REP_RESULT >>> 2) + 1] = high;
    this.#words[slot + (L.REP_COUNT >>> 2)] = pieces | this.#replier;
    return this.#giveBack(number, sequence, Reply.RET);
  }

  /** Final, for a result that is a small integer or a negative errno. */
  replyResult(number: number, sequence: number, result: number): boolean {
    return this.replyRet(number, sequence, result | 0, highWord(result), 0);
  }

  /** The stub is to run `count` operations or pieces, or save its state, and post the outcome. */
  replyList(number: number, sequence: number, code: ReplyCode, count: number): boolean {
    this.#words[slotWord(number) + (L.REP_COUNT >>> 2)] = count | this.#replier;
    return this.#giveBack(number, sequence, code);
  }

  /**
   * OPS_RETURN: the stub is to run `count` operations, post their outcome, and go back to its guest with the result.
   * Quiet: what comes of them, if all are done, wakes no kernel thread.
   */
  replyListAndResult(
    number: number,
    sequence: number,
    count: number,
    result: number,
    isQuiet: boolean,
  ): boolean {
    this.setWord(number, L.REP_FLAGS, isQuiet ? L.REP_QUIET : 0);
    this.setNumber(number, L.REP_RESULT, result);
    return this.replyList(number, sequence, Reply.OPS_RETURN, count);
  }

  /** Somebody waits for what comes of such a list. It may have come: who is about to sleep looks behind this. */
  endQuiet(number: number): void {
    Atomics.store(this.#words, slotWord(number) + (L.REP_FLAGS >>> 2), 0);
  }

  /** In place of a reply to what its stub has posted without waiting. */
  letGo(number: number): void {
    this.#claims.letGo(number);
    this.#active.mark(chunkOfSlot(number));
  }

  /** Final replies whose fields the caller has written: SIGNAL, SIGRETURN, EXIT, RESUME. */
  replyFinal(number: number, sequence: number, code: ReplyCode): boolean {
    return this.#giveBack(number, sequence, code);
  }

  /**
   * The thread is to sleep; the slot stays owned and another reply to the same request follows. No
   * wake-up: a stub that sleeps already has nothing to do.
   */
  replyBlocked(number: number, sequence: number): void {
    this.blocked++;
    this.#words[slotWord(number) + (L.REPLY >>> 2)] = (sequence * WORD_SEQUENCE + Reply.BLOCKED) | 0;
    this.#active.rest(chunkOfSlot(number), this.#thread);
  }

  #giveBack(number: number, sequence: number, code: number): boolean {
    const slot = slotWord(number);
    // Closed meanwhile: nobody waits for it, and the slot may soon be another's.
    if (!this.#claims.release(number, this.#thread, sequence)) return false;
    Atomics.exchange(this.#words, slot + (L.REPLY >>> 2), (sequence * WORD_SEQUENCE + code) | 0);
    const sleeping = this.#words[slot + (L.SLEEPING >>> 2)] !== 0;
    this.#active.mark(chunkOfSlot(number));
    return sleeping;
  }
}
