// The memory that a stack is followed in: what is read of a guest is read once for each stack, in few large pieces, and only where it
// is private anonymous memory that nothing changes right now (docs/hardening.md, F12).

import { TWO_32 } from "../../shared/abi/struct.ts";
import type { AddressSpace } from "../mem/address_space.ts";
import { VM_SHARED } from "../mem/vma.ts";
import type { Native } from "../native.ts";

const WORD = 8;
export const PIECE = 16_384;
/** Pieces of one stack: frames lie far from each other, and signals have stacks of their own. */
const PIECES_MAX = 6;
/** What is asked for later may lie so far before what was asked for first. */
const BEFORE = 512;

export class StackMemory {
  readonly #native: Pick<Native, "processRead" | "scratch">;
  readonly #bytes = new Uint8Array(PIECE * PIECES_MAX);
  readonly #view = new DataView(this.#bytes.buffer);
  /** Addresses of the pieces, and where they end. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #space: AddressSpace | null = null;
  #pid = 0;

  constructor(native: Pick<Native, "processRead" | "scratch">) {
    this.#native = native;
  }

  /** Another stack: of a stub, from its stack pointer on. */
  begin({ space, readablePid }: { space: AddressSpace; readablePid: number }, from: number): void {
    this.#starts.length = 0;
    this.#ends.length = 0;
    this.#pid = readablePid;
    this.#space = space.locks.size > 0 ? null : space;
    this.#read(from, 0);
  }

  /** What it knows of the process is let go. */
  end(): void {
    this.#space = null;
  }

  /** The word at an address, as an unsigned number, exact below 2^53; -1: it cannot be read. */
  readonly word = (address: number): number => {
    let piece = this.#pieceAt(address);
    if (piece < 0) {
      this.#read(address, BEFORE);
      piece = this.#pieceAt(address);
      if (piece < 0) return -1;
    }
    const at = piece * PIECE + (address - this.#starts[piece]!);
    return this.#view.getUint32(at + 4, true) * TWO_32 + this.#view.getUint32(at, true);
  };

  #pieceAt(address: number): number {
    for (let i = 0; i < this.#starts.length; i++)
      if (address >= this.#starts[i]! && address + WORD <= this.#ends[i]!) return i;
    return -1;
  }

  #read(address: number, before: number): void {
    const piece = this.#starts.length;
    const space = this.#space;
    if (space === null || piece >= PIECES_MAX || !Number.isSafeInteger(address)) return;
    const vma = space.vmas.find(address);
    if (vma === null || vma.backing !== null || (vma.flags & VM_SHARED) !== 0) return;
    const start = Math.max(vma.start, address - before);
    const native = this.#native;
    const length = native.processRead(this.#pid, start, Math.min(PIECE, vma.end - start));
    // Also one that cannot be read counts.
    this.#starts.push(start);
    this.#ends.push(start + Math.max(0, length));
    if (length > 0) this.#bytes.set(native.scratch.subarray(0, length), piece * PIECE);
  }
}
