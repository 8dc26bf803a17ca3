// A set of signals (sigset_t): 64 bits in two words, bit n-1 for signal n.

import { SIGKILL, SIGSTOP } from "../../shared/abi/signal.ts";

/** Bits of SIGKILL and SIGSTOP, which can be neither blocked nor caught. */
const UNBLOCKABLE_LOW = (1 << (SIGKILL - 1)) | (1 << (SIGSTOP - 1));

/** Bytes of a sigset_t as the kernel has it. */
export const SIGSET_SIZE = 8;

export class SignalSet {
  low: number;
  high: number;

  constructor(low = 0, high = 0) {
    this.low = low;
    this.high = high;
  }

  /** As it stands in guest memory. */
  static read(view: DataView, at: number): SignalSet {
    return new SignalSet(view.getInt32(at, true), view.getInt32(at + 4, true));
  }

  static of(...signals: number[]): SignalSet {
    const set = new SignalSet();
    for (const signo of signals) set.add(signo);
    return set;
  }

  write(view: DataView, at: number): void {
    view.setInt32(at, this.low, true);
    view.setInt32(at + 4, this.high, true);
  }

  copy(): SignalSet {
    return new SignalSet(this.low, this.high);
  }

  assign(other: SignalSet): void {
    this.low = other.low;
    this.high = other.high;
  }

  has(signo: number): boolean {
    return (((signo <= 32 ? this.low : this.high) >>> ((signo - 1) & 31)) & 1) !== 0;
  }

  add(signo: number): void {
    if (signo <= 32) this.low |= 1 << (signo - 1);
    else this.high |= 1 << (signo - 33);
  }

  remove(signo: number): void {
    if (signo <= 32) this.low &= ~(1 << (signo - 1));
    else this.high &= ~(1 << (signo - 33));
  }

  union(other: SignalSet): void {
    this.low |= other.low;
    this.high |= other.high;
  }

  subtract(other: SignalSet): void {
    this.low &= ~other.low;
    this.high &= ~other.high;
  }

  /** As a mask: SIGKILL and SIGSTOP are silently left out. */
  asMask(): SignalSet {
    this.low &= ~UNBLOCKABLE_LOW;
    return this;
  }

  /** Lowest signal of this set that is not in `blocked`, or 0. */
  firstOutside(blocked: SignalSet): number {
    const low = this.low & ~blocked.low;
    if (low !== 0) return 32 - Math.clz32(low & -low);
    const high = this.high & ~blocked.high;
    return high === 0 ? 0 : 64 - Math.clz32(high & -high);
  }

  intersects(other: SignalSet): boolean {
    return (this.low & other.low) !== 0 || (this.high & other.high) !== 0;
  }

  /** As /proc shows sets: 16 digits. */
  toHex(): string {
    return (this.high >>> 0).toString(16).padStart(8, "0") + (this.low >>> 0).toString(16).padStart(8, "0");
  }
}
