// Debug registers of a traced thread (Intel SDM volume 3, 17.2), which the host does not lend: the thread is stepped while
// they are on, and the kernel looks behind each instruction whether what they watch has changed. So they tell of writes that
// change something, which is what debuggers show; reads are seen by nobody, and such watchpoints are refused (EINVAL).

import { EINVAL, EIO } from "../../shared/abi/errno.ts";
import { isGuestRange } from "../call/guest_range.ts";

export const DEBUG_REGISTERS = 8;
const POINTS = 4;
const DR_STATUS = 6;
const DR_CONTROL = 7;

const ON_EXECUTION = 0;
const ON_WRITE = 1;
const ALIGNMENTS = [1, 2, 8, 4] as const;

/** Bits of DR6 that are always one. */
const STATUS_RESERVED = 0xffff0ff0;
/** A single step. */
const STATUS_STEP = 1 << 14;

/** One that is on. */
export interface WatchPoint {
  readonly index: number;
  readonly address: number;
  /** Bytes; 0: it is an instruction that is about to be executed. */
  readonly length: number;
  /** What stood there; null: it was not read yet, or cannot be. */
  before: Uint8Array | null;
}

export class DebugRegisters {
  readonly #addresses = new Array<number>(POINTS).fill(0);
  #status = 0;
  #control = 0;
  #points: WatchPoint[] = [];

  get points(): readonly WatchPoint[] {
    return this.#points;
  }

  get isOn(): boolean {
    return this.#points.length > 0;
  }

  get(index: number): number {
    if (index < POINTS) return this.#addresses[index]!;
    if (index === DR_STATUS) return (this.#status | STATUS_RESERVED) >>> 0;
    return index === DR_CONTROL ? this.#control : 0;
  }

  /** 0 or a negative errno. */
  set(index: number, value: number): number {
    if (index < POINTS) {
      if (value !== 0 && !isGuestRange(value, 8)) return -EINVAL;
      const before = this.#addresses[index]!;
      this.#addresses[index] = value;
      const error = this.#apply(this.#control);
      if (error < 0) this.#addresses[index] = before;
      return error;
    }
    if (index === DR_STATUS) {
      this.#status = value >>> 0;
      return 0;
    }
    return index === DR_CONTROL ? this.#apply(value >>> 0) : -EIO;
  }

  #apply(control: number): number {
    const points: WatchPoint[] = [];
    for (let index = 0; index < POINTS; index++) {
      if (((control >>> (2 * index)) & 3) === 0) continue;
      const kind = (control >>> (16 + 4 * index)) & 3;
      const length = ALIGNMENTS[(control >>> (18 + 4 * index)) & 3]!;
      const address = this.#addresses[index]!;
      if (kind === ON_EXECUTION) {
        if (length !== 1) return -EINVAL;
        points.push({ index, address, length: 0, before: null });
      } else if (kind === ON_WRITE) {
        if (address % length !== 0) return -EINVAL;
        points.push({ index, address, length, before: null });
      } else return -EINVAL;
    }
    this.#control = control;
    this.#points = points;
    return 0;
  }

  /** Of these the thread is told, and whether a step has ended as well. */
  hit(indexes: readonly number[], isStep: boolean): void {
    this.#status = isStep ? STATUS_STEP : 0;
    for (const index of indexes) this.#status |= 1 << index;
  }
}
