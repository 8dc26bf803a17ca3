// What stat told about a host file, believed for a short while, so that a walk does not ask the host at
// every step. Of a directory it also tells when names may have changed: its times say so, unless they are so
// young that a later change would not show in them.

import type { Attributes } from "../vfs/inode.ts";
import type { LentInode } from "../vfs/loan.ts";

/** How long what the host said counts. */
export const BELIEVED_NS = 100e6;
/** Host file systems stamp files with a clock that ticks every few milliseconds. */
const TICK_MS = 20;

export class AttributeCache {
  #attributes: Attributes | null = null;
  #untilNs = 0;
  /** A file that was opened shows nothing old, but may be opened again by what was known of it. */
  #isOpened = false;
  #young = false;
  /** Other kernel threads write to the file; null: none does. */
  lent: LentInode | null = null;
  /** Counts the times that names of the directory may have changed. */
  version = 0;

  /** What is believed at this time of the monotonic clock, or null. */
  get(nowNs: number): Attributes | null {
    this.#heed();
    return nowNs < this.#untilNs && !this.#isOpened ? this.#attributes : null;
  }

  /** ... whether or not the file was opened meanwhile. */
  believed(nowNs: number): Attributes | null {
    this.#heed();
    return nowNs < this.#untilNs ? this.#attributes : null;
  }

  #heed(): void {
    if (this.lent?.takeWritten() === true) this.forget();
  }

  /** What was told last, however long ago. */
  get last(): Attributes | null {
    return this.#attributes;
  }

  /** The file was opened. */
  opened(): void {
    this.#isOpened = true;
  }

  set(attributes: Attributes, nowNs: number): void {
    const before = this.#attributes;
    const { mtime, ctime } = attributes;
    const same =
      before !== null &&
      before.mtime.sec === mtime.sec &&
      before.mtime.nsec === mtime.nsec &&
      before.ctime.sec === ctime.sec &&
      before.ctime.nsec === ctime.nsec;
    if (!same || this.#young) this.version++;
    this.#young = Date.now() - (ctime.sec * 1000 + ctime.nsec / 1e6) < TICK_MS;
    this.#attributes = attributes;
    this.#untilNs = nowNs + BELIEVED_NS;
    this.#isOpened = false;
  }

  /** The next look asks the host. */
  forget(): void {
    this.#untilNs = 0;
  }
}
