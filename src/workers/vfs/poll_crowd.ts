// A poll of very many pollfds: each is looked at in its turn, and others are served in between (F26). What it holds is bounded
// as well: the copy of the array is charged, and of the descriptors that it names each is kept once, however often it is named.

import { ENOMEM } from "../../shared/abi/errno.ts";
import { O_PATH } from "../../shared/abi/fcntl.ts";
import { POLLERR, POLLHUP, POLLNVAL } from "../../shared/abi/poll.ts";
import { pollfd } from "../../shared/abi/structs.ts";
import { breatheOn } from "../call/breathe.ts";
import { readGuest } from "../call/guest_copy.ts";
import type { VfsCaller } from "./caller.ts";
import type { OpenFile } from "./file.ts";
import { putFile } from "./file_table.ts";
import type { Watched } from "./poll.ts";

const ALWAYS = POLLERR | POLLHUP;
/** Looked at before it is asked whether the turn is full, and files that are let go before others are served. */
const AT_ONCE = 1024;
const { fd: FD, events: EVENTS, revents: REVENTS } = pollfd.offset;

export class PollCrowd {
  readonly #task: VfsCaller;
  readonly #length: number;
  #bytes: Buffer = Buffer.alloc(0);
  /** What its descriptors named when it began; null: nothing that can be polled. */
  readonly #files = new Map<number, OpenFile | null>();
  readonly #events = new Map<OpenFile, number>();

  private constructor(task: VfsCaller, length: number) {
    this.#task = task;
    this.#length = length;
  }

  /** With room for so many pollfds, which whoever gets it releases, wherever its call ends; -ENOMEM. */
  static withRoom(task: VfsCaller, count: number): PollCrowd | number {
    const { counters, heap } = task.kernel;
    const length = count * pollfd.size;
    if (!heap.hasRoom("listed", length)) return -ENOMEM;
    counters.listed += length;
    return new PollCrowd(task, length);
  }

  /** The pollfds as the guest gave them, with what was found. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Takes them from that address, and holds the files that they name: 0 or -EFAULT. */
  *read(address: number): Generator<void, number, void> {
    const bytes = yield* readGuest(this.#task, address, this.#length);
    if (typeof bytes === "number") return bytes;
    this.#bytes = bytes;
    yield* this.#hold();
    return 0;
  }

  *#hold(): Generator<void, void, void> {
    const task = this.#task;
    for (let at = 0, i = 0; at < this.#bytes.length; at += pollfd.size) {
      if (++i % AT_ONCE === 0 && task.kernel.longTurns.isFull) yield* breatheOn(task);
      const fd = this.#bytes.readInt32LE(at + FD);
      let file = this.#files.get(fd);
      if (file === undefined) {
        const named = task.files.get(fd);
        file = named !== undefined && (named.flags & O_PATH) === 0 ? named : null;
        this.#files.set(fd, file);
        if (file !== null && !this.#events.has(file)) file.references++;
      }
      if (file !== null) this.#events.set(file, (this.#events.get(file) ?? ALWAYS) | this.#eventsAt(at));
    }
  }

  #eventsAt(at: number): number {
    return this.#bytes.readUInt16LE(at + EVENTS) | ALWAYS;
  }

  get watched(): Watched[] {
    return Array.from(this.#events, ([file, events]) => ({ file, events }));
  }

  /** Fills in what holds; the number of entries with something. */
  *scan(): Generator<void, number, void> {
    const task = this.#task;
    const polled = new Map<OpenFile, number>();
    let count = 0;
    for (let at = 0, i = 0; at < this.#bytes.length; at += pollfd.size) {
      if (++i % AT_ONCE === 0 && task.kernel.longTurns.isFull) yield* breatheOn(task);
      const fd = this.#bytes.readInt32LE(at + FD);
      const file = this.#files.get(fd)!;
      let revents = file === null && fd >= 0 ? POLLNVAL : 0;
      if (file !== null) {
        let has = polled.get(file);
        if (has === undefined) {
          has = file.poll(task);
          polled.set(file, has);
        }
        revents = has & this.#eventsAt(at);
      }
      this.#bytes.writeUInt16LE(revents, at + REVENTS);
      if (revents !== 0) count++;
    }
    return count;
  }

  release(): void {
    const { counters, steps } = this.#task.kernel;
    counters.listed -= this.#length;
    const files = [...this.#events.keys()];
    steps.run(() => {
      for (const file of files.splice(-AT_ONCE)) putFile(this.#task.kernel, file);
      return files.length === 0;
    });
  }
}
