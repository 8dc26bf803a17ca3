// Bytes from one descriptor to another, as far as the second takes them: a terminal's, which is one file for both
// directions, where engines have a FIFO for each.

import { closeSync } from "node:fs";
import { EAGAIN } from "../../shared/abi/errno.ts";
import type { PollHandle } from "../host.ts";
import { type Addon, READABLE, WRITABLE } from "./addon.ts";

const PIECE = 32 * 1024;

export class Relay {
  readonly #addon: Addon;
  readonly #from: number;
  readonly #to: number;
  readonly #piece = Buffer.allocUnsafeSlow(PIECE);
  readonly ended: Promise<void>;
  #resolve!: () => void;
  #poll: PollHandle | null = null;
  /** What was read and is not written yet. */
  #start = 0;
  #end = 0;
  #isOpen = true;

  /** Owns both descriptors, which do not wait, from now on. */
  constructor(addon: Addon, from: number, to: number) {
    this.#addon = addon;
    this.#from = from;
    this.#to = to;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#wait(from, READABLE);
  }

  /** Ends it with what has been read so far. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#stop();
    closeSync(this.#from);
    closeSync(this.#to);
    this.#resolve();
  }

  #stop(): void {
    if (this.#poll !== null) this.#addon.pollStop(this.#poll);
    this.#poll = null;
  }

  #wait(fd: number, events: number): void {
    this.#stop();
    this.#poll = this.#addon.pollStart(fd, events, () => this.#step(events));
  }

  #step(events: number): void {
    if (events === READABLE && !this.#read()) return;
    if (!this.#write()) return;
    if (events === WRITABLE) this.#wait(this.#from, READABLE);
  }

  /** False: there is nothing to be written now. */
  #read(): boolean {
    const n = this.#addon.read(this.#from, this.#piece);
    if (n === -EAGAIN) return false;
    // A terminal whose other side is closed gives EIO.
    if (n <= 0) {
      this.close();
      return false;
    }
    this.#start = 0;
    this.#end = n;
    return true;
  }

  /** False: the rest has to wait, or is wanted by nobody. */
  #write(): boolean {
    while (this.#start < this.#end) {
      const n = this.#addon.write(this.#to, this.#piece, this.#start, this.#end);
      if (n === -EAGAIN) {
        this.#wait(this.#to, WRITABLE);
        return false;
      }
      if (n < 0) {
        this.close();
        return false;
      }
      this.#start += n;
    }
    return true;
  }
}
