// What was sent and is not acknowledged: one entry for each packet's worth of bytes, in order of their numbers, with what is
// known of it: selectively acknowledged, lost, sent again. Entries lie in arrays that are rings; they are found by binary
// search, and stand in two lists besides: those under way in order of the time they were sent (what RACK looks at, RFC 8985),
// and those that are lost and wait to be sent again. Each acknowledgement costs what it newly tells, not what it repeats:
// the ranges that were told before are kept, as many as the bound says.

import type { Acknowledged, DeliveryListener } from "./acknowledged.ts";
import { type Entries, type EntriesPool, NO_ENTRIES } from "./entries.ts";
import { SequenceRanges } from "./ranges.ts";
import { after, before, later } from "./sequence.ts";

/** Flags of an entry. */
export const SACKED = 1;
/** It is not SACKED. */
export const LOST = 2;
/** It was sent again since it was lost. */
export const RETRANSMITTED = 4;
export const EVER_RETRANSMITTED = 8;
export const IS_FIN = 16;

const NONE = -1;
const SIZE_MIN = 8;
/** Ranges of a peer's selective acknowledgements that are kept; what comes beyond tells nothing. */
const RANGES_MAX = 1024;

export class Scoreboard {
  readonly #pool: EntriesPool;
  #entries = NO_ENTRIES;
  #seq = NO_ENTRIES.seq;
  #flags = NO_ENTRIES.flags;
  #sentUs = NO_ENTRIES.sentUs;
  #next = NO_ENTRIES.next;
  #previous = NO_ENTRIES.previous;
  #first = 0;
  /** Entries: what Linux calls packets_out, and of those how many are so. */
  count = 0;
  sackedOut = 0;
  lostOut = 0;
  retransOut = 0;
  /** The number behind the last entry. */
  end = 0;
  /** The highest number that was selectively acknowledged, if sackedOut; and that before the acknowledgement in hand. */
  highestSacked = 0;
  priorHighest = 0;
  #hadSacked = false;
  #timeFirst = NONE;
  #timeLast = NONE;
  #lostFirst = NONE;
  #lostLast = NONE;
  #ranges: SequenceRanges | null = null;

  constructor(pool: EntriesPool) {
    this.#pool = pool;
  }

  #use(entries: Entries): void {
    this.#entries = entries;
    this.#seq = entries.seq;
    this.#flags = entries.flags;
    this.#sentUs = entries.sentUs;
    this.#next = entries.next;
    this.#previous = entries.previous;
  }

  // Nothing is under way: others may have its arrays, but for short ones, which go with it to the next connection
  // (scoreboards.ts).
  #release(): void {
    this.#first = 0;
    this.#ranges = null;
    if (this.#seq.length <= SIZE_MIN) return;
    this.#pool.put(this.#entries);
    this.#use(NO_ENTRIES);
  }

  /** Nothing is under way any more. */
  clear(): void {
    this.#release();
    this.count = 0;
    this.sackedOut = 0;
    this.lostOut = 0;
    this.retransOut = 0;
    this.#timeFirst = NONE;
    this.#timeLast = NONE;
    this.#lostFirst = NONE;
    this.#lostLast = NONE;
  }

  #slot(index: number): number {
    return (this.#first + index) & (this.#seq.length - 1);
  }

  // ---- Entries by their place, 0 being the oldest ----

  seqAt(index: number): number {
    return this.#seq[this.#slot(index)]!;
  }

  endAt(index: number): number {
    return index + 1 < this.count ? this.#seq[this.#slot(index + 1)]! : this.end;
  }

  flagsAt(index: number): number {
    return this.#flags[this.#slot(index)]!;
  }

  sentUsAt(index: number): number {
    return this.#sentUs[this.#slot(index)]!;
  }

  /** The place of the entry that has that number; the number is one that was sent. */
  find(seq: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (after(this.#seq[this.#slot(middle)]!, seq)) high = middle - 1;
      else low = middle;
    }
    return low;
  }

  // ---- Lists ----

  #linkLast(slot: number, isTime: boolean): void {
    const last = isTime ? this.#timeLast : this.#lostLast;
    this.#previous[slot] = last;
    this.#next[slot] = NONE;
    if (last !== NONE) this.#next[last] = slot;
    else if (isTime) this.#timeFirst = slot;
    else this.#lostFirst = slot;
    if (isTime) this.#timeLast = slot;
    else this.#lostLast = slot;
  }

  #linkFirst(slot: number): void {
    const first = this.#lostFirst;
    this.#previous[slot] = NONE;
    this.#next[slot] = first;
    if (first !== NONE) this.#previous[first] = slot;
    else this.#lostLast = slot;
    this.#lostFirst = slot;
  }

  // Out of the list that it stands in, which its flags tell.
  #unlink(slot: number): void {
    const flags = this.#flags[slot]!;
    if ((flags & SACKED) !== 0) return;
    const isTime = (flags & LOST) === 0 || (flags & RETRANSMITTED) !== 0;
    const next = this.#next[slot]!;
    const previous = this.#previous[slot]!;
    if (previous !== NONE) this.#next[previous] = next;
    else if (isTime) this.#timeFirst = next;
    else this.#lostFirst = next;
    if (next !== NONE) this.#previous[next] = previous;
    else if (isTime) this.#timeLast = previous;
    else this.#lostLast = previous;
  }

  // Arrays of so many entries, which begin with the oldest.
  #resize(size: number): void {
    const old = this.#entries;
    const mask = old.seq.length - 1;
    const first = this.#first;
    const entries = this.#pool.take(size);
    const moved = (slot: number): number => (slot === NONE ? NONE : (slot - first) & mask);
    for (let i = 0; i < this.count; i++) {
      const from = (first + i) & mask;
      entries.seq[i] = old.seq[from]!;
      entries.flags[i] = old.flags[from]!;
      entries.sentUs[i] = old.sentUs[from]!;
      entries.next[i] = moved(old.next[from]!);
      entries.previous[i] = moved(old.previous[from]!);
    }
    this.#timeFirst = moved(this.#timeFirst);
    this.#timeLast = moved(this.#timeLast);
    this.#lostFirst = moved(this.#lostFirst);
    this.#lostLast = moved(this.#lostLast);
    this.#first = 0;
    this.#pool.put(old);
    this.#use(entries);
  }

  // ---- Sending ----

  /** An entry behind the others, which is sent now. */
  push(seq: number, end: number, flags: number, nowUs: number): void {
    if (this.count === this.#seq.length) this.#resize(Math.max(SIZE_MIN, this.count * 2));
    const slot = this.#slot(this.count++);
    this.#seq[slot] = seq;
    this.#flags[slot] = flags;
    this.#sentUs[slot] = nowUs;
    this.end = end;
    this.#linkLast(slot, true);
  }

  /** The entry is sent again. */
  resent(index: number, nowUs: number): void {
    const slot = this.#slot(index);
    const flags = this.#flags[slot]!;
    this.#unlink(slot);
    if ((flags & RETRANSMITTED) === 0) this.retransOut++;
    this.#flags[slot] = flags | RETRANSMITTED | EVER_RETRANSMITTED;
    this.#sentUs[slot] = nowUs;
    this.#linkLast(slot, true);
  }

  /** The bytes of an entry: its FIN is none. */
  bytesAt(index: number): number {
    const isFin = (this.flagsAt(index) & IS_FIN) !== 0;
    return ((this.endAt(index) - this.seqAt(index)) | 0) - (isFin ? 1 : 0);
  }

  // Where the run of entries ends that are alike but for a FIN, which is the last of all.
  #runEnd(index: number): number {
    const flags = this.flagsAt(index);
    let end = index + 1;
    while (end < this.count && (this.flagsAt(end) & ~IS_FIN) === flags) end++;
    return end;
  }

  // How many entries of at most so many bytes a run makes; -1: none of its entries has more, it stays as it is.
  #piecesOf(index: number, end: number, mss: number): number {
    let bytes = 0;
    let isLong = false;
    for (let i = index; i < end; i++) {
      const own = this.bytesAt(i);
      bytes += own;
      if (own > mss) isLong = true;
    }
    return isLong ? Math.ceil(bytes / mss) : -1;
  }

  /**
   * Segments hold no more than that from now on: runs of entries of which the same is known are cut anew where one has
   * more, so that there are about as many as the bytes make, however often that happens. False: there might be more than
   * `most`, all stays as it is.
   */
  resegment(mss: number, most = Number.POSITIVE_INFINITY): boolean {
    const { count } = this;
    if (count === 0) return true;
    if (count + ((this.end - this.seqAt(0)) | 0) / mss > most) return false;
    let wanted = 0;
    for (let i = 0; i < count; ) {
      const end = this.#runEnd(i);
      const pieces = this.#piecesOf(i, end, mss);
      wanted += pieces < 0 ? end - i : pieces;
      i = end;
    }
    let size = Math.max(SIZE_MIN, this.#seq.length);
    while (size < wanted) size *= 2;
    const old = this.#entries;
    const entries = this.#pool.take(size);
    // Where the first one stands that begins in an old one is noted in the list that is not walked below.
    const firstOf = old.previous;
    let to = 0;
    for (let i = 0; i < count; ) {
      const end = this.#runEnd(i);
      const isCut = this.#piecesOf(i, end, mss) >= 0;
      const runEnd = this.endAt(end - 1);
      const isFin = (this.flagsAt(end - 1) & IS_FIN) !== 0;
      const bytesEnd = isFin ? (runEnd - 1) | 0 : runEnd;
      let seq = this.seqAt(i);
      for (; i < end; i++) {
        const slot = this.#slot(i);
        firstOf[slot] = to;
        const entryEnd = this.endAt(i);
        const last = i === end - 1;
        if (!isCut) {
          this.#copyTo(entries, to++, slot, this.#seq[slot]!, this.#flags[slot]!);
          continue;
        }
        for (; before(seq, last ? bytesEnd : entryEnd); seq = (seq + mss) | 0) {
          const hasFin = isFin && !before((seq + mss) | 0, bytesEnd);
          this.#copyTo(entries, to++, slot, seq, (this.#flags[slot]! & ~IS_FIN) | (hasFin ? IS_FIN : 0));
        }
      }
    }
    const { next } = old;
    const mask = old.seq.length - 1;
    const [first, timeFirst, lostFirst] = [this.#first, this.#timeFirst, this.#lostFirst];
    this.#use(entries);
    this.#first = 0;
    this.count = to;
    this.#timeFirst = NONE;
    this.#timeLast = NONE;
    this.#lostFirst = NONE;
    this.#lostLast = NONE;
    // Those that begin in an entry stand in its place of the lists, one after the other.
    for (const isTime of [true, false])
      for (let slot = isTime ? timeFirst : lostFirst; slot !== NONE; slot = next[slot]!) {
        const isLast = ((slot - first) & mask) === count - 1;
        const stop = isLast ? to : firstOf[(slot + 1) & mask]!;
        for (let at = firstOf[slot]!; at < stop; at++) this.#linkLast(at, isTime);
      }
    this.#pool.put(old);
    this.#recount();
    return true;
  }

  #copyTo(entries: Entries, to: number, slot: number, seq: number, flags: number): void {
    entries.seq[to] = seq;
    entries.flags[to] = flags;
    entries.sentUs[to] = this.#sentUs[slot]!;
  }

  // Counts, by the entries' flags.
  #recount(): void {
    this.sackedOut = 0;
    this.lostOut = 0;
    this.retransOut = 0;
    for (let slot = 0; slot < this.count; slot++) {
      const flags = this.#flags[slot]!;
      if ((flags & SACKED) !== 0) this.sackedOut++;
      if ((flags & LOST) !== 0) this.lostOut++;
      if ((flags & RETRANSMITTED) !== 0) this.retransOut++;
    }
  }

  // ---- Losses ----

  /** The place of the next lost entry that is to be sent again; -1: there is none. */
  get nextLost(): number {
    const slot = this.#lostFirst;
    return slot === NONE ? -1 : (slot - this.#first) & (this.#seq.length - 1);
  }

  /** The place of the entry under way that was sent the longest ago; -1: there is none. */
  get oldest(): number {
    const slot = this.#timeFirst;
    return slot === NONE ? -1 : (slot - this.#first) & (this.#seq.length - 1);
  }

  /** The entry is lost (again). */
  markLost(index: number): void {
    const slot = this.#slot(index);
    const flags = this.#flags[slot]!;
    if ((flags & SACKED) !== 0) return;
    if ((flags & LOST) !== 0 && (flags & RETRANSMITTED) === 0) return;
    this.#unlink(slot);
    if ((flags & LOST) === 0) this.lostOut++;
    if ((flags & RETRANSMITTED) !== 0) this.retransOut--;
    this.#flags[slot] = (flags | LOST) & ~RETRANSMITTED;
    const first = this.#lostFirst;
    if (first !== NONE && before(this.#seq[slot]!, this.#seq[first]!)) this.#linkFirst(slot);
    else this.#linkLast(slot, false);
  }

  /** No entry counts as selectively acknowledged: the peer has taken its word back. */
  forgetSacked(): void {
    for (let i = 0; i < this.count; i++) {
      const slot = this.#slot(i);
      const flags = this.#flags[slot]!;
      if ((flags & SACKED) === 0) continue;
      this.#flags[slot] = (flags & ~(SACKED | RETRANSMITTED)) | LOST;
      this.lostOut++;
      this.#linkLast(slot, false);
    }
    this.sackedOut = 0;
    this.#ranges?.clear();
  }

  /** No entry counts as lost: it had been a mistake. */
  forgetLost(): void {
    for (let i = 0; i < this.count; i++) {
      const slot = this.#slot(i);
      const flags = this.#flags[slot]!;
      if ((flags & LOST) === 0) continue;
      this.#unlink(slot);
      this.#flags[slot] = flags & ~LOST;
      this.#linkLast(slot, true);
    }
    this.lostOut = 0;
  }

  // ---- Acknowledgements ----

  /** An acknowledgement is looked at: what it tells is compared with what was known before. */
  begin(): void {
    this.#hadSacked = this.sackedOut > 0;
    this.priorHighest = this.highestSacked;
  }

  /** All before that number is acknowledged. */
  acknowledge(una: number, result: Acknowledged, listener: DeliveryListener): void {
    while (this.count > 0) {
      const slot = this.#first;
      const end = this.endAt(0);
      if (after(end, una)) {
        if (before(this.#seq[slot]!, una)) this.#seq[slot] = una;
        break;
      }
      const flags = this.#flags[slot]!;
      const sentUs = this.#sentUs[slot]!;
      this.#unlink(slot);
      if ((flags & RETRANSMITTED) !== 0) this.retransOut--;
      if ((flags & LOST) !== 0) this.lostOut--;
      const wasResent = (flags & EVER_RETRANSMITTED) !== 0;
      if (wasResent) result.retransmittedAcked = true;
      else if ((flags & SACKED) === 0) {
        if (result.firstSentUs < 0) result.firstSentUs = sentUs;
        result.lastSentUs = sentUs;
        this.#reordered(this.#seq[slot]!, result);
        result.originalSacked = true;
      }
      if ((flags & SACKED) !== 0) this.sackedOut--;
      else {
        result.acked++;
        listener.delivered(sentUs, end, wasResent);
      }
      this.#first = (slot + 1) & (this.#seq.length - 1);
      this.count--;
    }
    if (this.count === 0) this.#release();
    else this.#ranges?.trim(una);
  }

  // What was acknowledged below what had been selectively acknowledged before came out of order.
  #reordered(seq: number, result: Acknowledged): void {
    if (!this.#hadSacked || !before(seq, this.priorHighest)) return;
    if (!result.hasReorder || before(seq, result.reorder)) result.reorder = seq;
    result.hasReorder = true;
  }

  /** What lies between two numbers has come. */
  sack(start: number, end: number, result: Acknowledged, listener: DeliveryListener): void {
    if (this.count === 0) return;
    this.#ranges ??= new SequenceRanges(RANGES_MAX);
    const ranges = this.#ranges;
    const first = this.#seq[this.#first]!;
    let at = later(start, first);
    const stop = after(end, this.end) ? this.end : end;
    if (!before(at, stop) || ranges.covers(at, stop)) return;
    // Whole entries alone are in the ranges.
    const from = this.#firstWhole(at);
    const to = this.#lastWhole(stop);
    if (!before(from, to) || !ranges.hasRoomFor(from, to)) return;
    let index = this.find(at);
    // An entry of which a part has come alone counts as not come.
    if (before(this.seqAt(index), at)) index++;
    while (index < this.count) {
      at = this.seqAt(index);
      const range = ranges.find(at);
      if (range < ranges.count && !before(at, ranges.startOf(range))) {
        // Known already, up to there.
        const known = ranges.endOf(range);
        if (!before(known, stop)) break;
        index = this.find(known);
        if (before(this.seqAt(index), known)) index++;
        continue;
      }
      if (after(this.endAt(index), stop)) break;
      this.#sackEntry(index, result, listener);
      index++;
    }
    ranges.add(from, to);
  }

  // The first number from there on at which an entry begins, and the last up to there at which one ends.
  #firstWhole(seq: number): number {
    const index = this.find(seq);
    return before(this.seqAt(index), seq) ? this.endAt(index) : seq;
  }

  #lastWhole(seq: number): number {
    if (seq === this.end) return seq;
    return this.seqAt(this.find(seq));
  }

  #sackEntry(index: number, result: Acknowledged, listener: DeliveryListener): void {
    const slot = this.#slot(index);
    const flags = this.#flags[slot]!;
    if ((flags & SACKED) !== 0) return;
    const sentUs = this.#sentUs[slot]!;
    const wasResent = (flags & EVER_RETRANSMITTED) !== 0;
    const end = this.endAt(index);
    this.#unlink(slot);
    if ((flags & LOST) !== 0) this.lostOut--;
    if ((flags & RETRANSMITTED) !== 0) this.retransOut--;
    if (!wasResent) {
      this.#reordered(this.#seq[slot]!, result);
      result.originalSacked = true;
      if (result.firstSackedUs < 0) result.firstSackedUs = sentUs;
      result.lastSackedUs = sentUs;
    }
    this.#flags[slot] = (flags & ~(LOST | RETRANSMITTED)) | SACKED;
    if (this.sackedOut === 0 || after(end, this.highestSacked)) this.highestSacked = end;
    this.sackedOut++;
    result.sacked++;
    listener.delivered(sentUs, end, wasResent);
  }
}
