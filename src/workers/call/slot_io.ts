// What a call reads from its slot and writes to it: in pieces, out pieces, copy rounds, operation lists and
// replies. Everything read is hostile: it is bounded here, and read once (slot.ts).
//
// A slot's byte views last as long as its task: they are made once, so that no call makes any.

import { EFAULT, ENAMETOOLONG } from "../../shared/abi/errno.ts";
import { chunkOfSlot, type GuestMemory, slotInChunk } from "../../shared/ring/guest_memory.ts";
import * as L from "../../shared/ring/layout.ts";
import { Frame, highWord, type Slots } from "../../shared/ring/slot.ts";
import { Reply, type ReplyCode } from "../../shared/ring/slot_states.ts";
import type { Native } from "../native.ts";
import { isGuestRange } from "./guest_range.ts";
import type { Wakes } from "./wakes.ts";

const IN_FAULTED = 0x80000000;

/** What access to slots needs of a kernel. */
export interface SlotContext {
  readonly slots: Slots;
  readonly memory: GuestMemory;
  readonly native: Native;
  readonly wakes: Wakes;
}

export class SlotIo {
  /** Number of the slot in the guest SAB (guest_memory.ts). */
  readonly slot: number;
  /** Byte view of the slot's chunk; the slot begins at `base`. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly base: number;
  readonly frame = new Frame();
  /** Sequence of the request that is being handled. */
  sequence = 0;
  /** The kernel owns the slot. */
  owned = false;
  /** What the call answers when its out pieces faulted after so many bytes (F20); EFAULT by default. */
  outFault: ((copied: number) => number) | null = null;
  /** Out pieces are delivered with an error as well (what is left of a sleep). */
  outOnError = false;
  readonly #slots: Slots;
  readonly #wakes: Wakes;
  /** The chunk's bytes once more, as what makes strings of them; made with the first. */
  #text: Buffer | null = null;
  #pieces = 0;
  #outBytes = 0;
  #outEnd: number = L.WINDOW;
  #badPointer = false;
  #setFs = false;

  constructor({ slots, memory, wakes }: SlotContext, slot: number) {
    this.#slots = slots;
    this.#wakes = wakes;
    this.slot = slot;
    this.bytes = memory.chunkBytes(chunkOfSlot(slot));
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    this.base = slotInChunk(slot) * L.SLOT_SIZE;
  }

  get chunk(): number {
    return chunkOfSlot(this.slot);
  }

  // ---- In pieces: what the stub copied into the window before it posted ----

  /** Bytes of in piece 0 or 1 that arrived. */
  inLength(piece: number): number {
    return this.#slots.word(this.slot, L.REQ_IN_LENGTH + 4 * piece) & 0x7fffffff;
  }

  /** Whether all of `wanted` bytes of the piece arrived; a handler answers EFAULT otherwise. */
  inComplete(piece: number, wanted: number): boolean {
    // A fault behind what is wanted (the stub copies by the register's 64 bits) does not matter.
    return this.inLength(piece) >= wanted;
  }

  /** The C string of an in piece, one char a byte; -EFAULT or -ENAMETOOLONG. */
  inString(piece: 0 | 1): string | number {
    const word = this.#slots.word(this.slot, L.REQ_IN_LENGTH + 4 * piece);
    if ((word & IN_FAULTED) !== 0) return -EFAULT;
    const length = Math.min(word & 0x7fffffff, L.CSTRING_MAX);
    if (length === 0) return -EFAULT; // a null pointer
    const at = this.base + (piece === 0 ? L.WINDOW : L.WINDOW_SECOND);
    // One copy out of shared memory, then only the copy is looked at. What stands behind its NUL is cut off.
    this.#text ??= Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    const text = this.#text.toString("latin1", at, at + length);
    const end = text.indexOf("\0");
    return end < 0 ? -ENAMETOOLONG : text.slice(0, end);
  }

  // ---- Out pieces: what the stub copies back with the result ----

  /**
   * Room in the window for `length` bytes that go to a guest address when the call returns; the
   * result is their offset in `bytes`. In pieces must have been read before. An address that no
   * guest memory can have makes the call end in EFAULT.
   */
  out(address: number, length: number): number {
    const offset = this.#outEnd;
    this.#outEnd = (offset + length + 7) & ~7;
    if (this.#outEnd > L.WINDOW + L.WINDOW_SIZE) throw new RangeError("out pieces do not fit the window");
    this.outAt(address, length, offset);
    return this.base + offset;
  }

  /** As out(), for bytes that stand, or are to stand, at an offset of the slot. */
  outAt(address: number, length: number, offset: number): void {
    const valid = isGuestRange(address, length);
    if (!valid) this.#badPointer = true;
    // A round with a bad address moves nothing of that piece, which its caller takes for a fault.
    this.#slots.setPiece(this.slot, this.#pieces++, address, valid ? length : 0, offset);
    this.#outBytes += length;
  }

  /** The call returns with a new fs base: the slot frame's. */
  setFsBase(): void {
    this.#setFs = true;
  }

  /** The frame is about to be loaded whole: a new fs base stands in it. */
  fsBaseComesWithFrame(): void {
    this.#setFs = false;
  }

  /** Pieces that stand in the slot to go out with the call's result. */
  get outPieces(): number {
    return this.#pieces;
  }

  /** Bytes of those pieces. */
  get outBytes(): number {
    return this.#outBytes;
  }

  /** A piece has an address that no guest memory can have. */
  get hasBadPointer(): boolean {
    return this.#badPointer;
  }

  /** Whether the call has something to copy out with that result. */
  hasOut(result: number): boolean {
    return this.#pieces > 0 && (result >= 0 || this.outOnError);
  }

  /** What the call answers when its out pieces faulted after so many bytes. */
  resultOfFault(copied: number): number {
    return this.outFault === null ? -EFAULT : this.outFault(copied);
  }

  /** Nothing goes out any more. */
  dropOut(): void {
    this.#pieces = 0;
    this.#outEnd = L.WINDOW;
    this.#outBytes = 0;
    this.#badPointer = false;
  }

  // ---- Copy rounds and lists, in the middle of a call ----

  copyRound(
    code:
      | typeof Reply.COPY_IN_MORE
      | typeof Reply.COPY_OUT_MORE
      | typeof Reply.SAVE_FP
      | typeof Reply.LOAD_FP,
  ): void {
    const count = this.#pieces;
    this.dropOut();
    this.replyList(code, count);
  }

  /** Copies the pieces set by outAt() from guest memory to the slot; bytes before the first fault. */
  *copyInRound(): Generator<void, number, void> {
    this.copyRound(Reply.COPY_IN_MORE);
    yield;
    return this.roundBytes();
  }

  /** Copies the pieces set by outAt() to guest memory in the middle of a call. */
  *copyOutRound(): Generator<void, number, void> {
    this.copyRound(Reply.COPY_OUT_MORE);
    yield;
    return this.roundBytes();
  }

  /** What the stub says it moved: bounded, as everything from a slot. */
  roundBytes(): number {
    return Math.min(this.#slots.unsigned(this.slot, L.REQ_VALUE), L.SLOT_SIZE);
  }

  /** Has the stub run what stands in the slot. */
  replyList(code: ReplyCode, count: number): void {
    if (!this.owned) return;
    this.owned = false;
    if (this.#slots.replyList(this.slot, this.sequence, code, count)) this.#wake();
  }

  /**
   * As replyList, of operations behind which the stub goes back to its guest with a result, if all of them are done.
   */
  protected replyListAndResult(count: number, result: number, isQuiet: boolean): void {
    if (this.#slots.replyListAndResult(this.slot, this.sequence, count, result, isQuiet)) this.#wake();
  }

  /** Replies nothing: the stub does not wait. */
  protected letGo(): void {
    if (!this.owned) return;
    this.#release();
    this.#slots.letGo(this.slot);
  }

  /** Operations of the last list that were done, and the last result, as the stub tells. */
  get listDone(): number {
    return this.#slots.word(this.slot, L.REQ_COUNT) >>> 0;
  }

  /** The result of one operation of it. */
  resultOf(index: number): number {
    return this.#slots.signed(this.slot, L.OPS + index * L.OP_SIZE + L.OP_RESULT);
  }

  get listResult(): number {
    return this.#slots.signed(this.slot, L.REQ_VALUE);
  }

  // ---- Replies ----

  /** RET, with the result and the out pieces; a bad pointer among them changes the result. */
  protected replyResult(given: number): void {
    let result = given;
    if (this.#badPointer && (result >= 0 || this.outOnError)) result = this.resultOfFault(0);
    const pieces = result < 0 && result > -4096 && !this.outOnError ? 0 : this.#pieces;
    this.#release();
    const slots = this.#slots;
    slots.setWord(this.slot, L.REP_FLAGS, this.#setFs ? L.REP_SET_FS : 0);
    this.#setFs = false;
    if (slots.replyRet(this.slot, this.sequence, result | 0, highWord(result), pieces)) this.#wake();
  }

  /** A final reply whose fields stand in the slot; `report`: the stub posts INTERRUPTED before guest code. */
  protected replyPrepared(code: ReplyCode, report: boolean): void {
    this.#slots.setWord(this.slot, L.REP_FLAGS, report ? L.REP_REPORT : 0);
    this.#release();
    if (this.#slots.replyFinal(this.slot, this.sequence, code)) this.#wake();
  }

  /** SIGNAL, with the frame as a piece. */
  protected replyFrame(report: boolean): void {
    this.#slots.setWord(this.slot, L.REP_FLAGS, report ? L.REP_REPORT : 0);
    const pieces = this.#pieces;
    this.#release();
    if (this.#slots.replyList(this.slot, this.sequence, Reply.SIGNAL, pieces)) this.#wake();
  }

  /** Tells the stub to sleep, not to poll: the answer takes its time. */
  replyBlocked(): void {
    if (this.owned) this.#slots.replyBlocked(this.slot, this.sequence);
  }

  #release(): void {
    this.dropOut();
    this.owned = false;
    this.outOnError = false;
  }

  #wake(): void {
    this.#slots.wakes++;
    this.#wakes.wake(this.chunk, this.base + L.REPLY);
  }
}
