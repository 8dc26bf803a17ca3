// A sink by lines of JSON. To a regular file they are written by libuv's threads, one batch after the other, since a disk may take
// its time; to a pipe, a terminal or a stream socket, whose descriptor does not wait, at once as far as there is room.

import { fstatSync, write, writeSync } from "node:fs";
import { EAGAIN, EMSGSIZE } from "../../shared/abi/errno.ts";
import { O_NONBLOCK } from "../../shared/abi/fcntl.ts";
import { EPOLLERR, EPOLLHUP, EPOLLOUT } from "../../shared/abi/poll.ts";
import { LOST } from "../../shared/trace/points.ts";
import type { TraceSink } from "../../shared/trace/session.ts";
import type { Timer } from "../call/timers.ts";
import type { QueueRoom } from "./queue_room.ts";
import { BYTES_AT_ONCE, SENT_AT_ONCE, Sink, type SinkContext } from "./sink.ts";
import { type Stamp, stampText } from "./stamp.ts";

const BATCH_MAX = 65_536;
/**
 * What a file system says that may be well again later: a sandbox whose writable layers stand in the same one is not to end its
 * trace by filling it.
 */
const PASSING: ReadonlySet<string | undefined> = new Set(["ENOSPC", "EDQUOT", "EIO"]);
/** Until the next try then. */
const AGAIN_NS = 1e9;

export class LineSink extends Sink {
  readonly #fd: number;
  readonly #isFile: boolean;
  readonly #isSocket: boolean;
  #cookie = -1;
  /** A batch is being written: lines leave the queue when it has been. */
  #isWriting = false;
  #isClosed = false;
  /** The next try after an error that may pass. */
  #again: Timer | null = null;
  /** Such an error has been logged, and nothing written since. */
  #isStuck = false;
  /** Bytes of the first line that have left already. */
  #written = 0;

  /** `fd` is its own, unless this throws: of a descriptor that is none, or would wait. */
  constructor(kernel: SinkContext, config: TraceSink, room: QueueRoom, fd: number) {
    super(kernel, config, room);
    this.#fd = fd;
    if (fd < 0) throw new Error(`${config.label}: there is no descriptor of it`);
    const stat = fstatSync(fd);
    this.#isFile = stat.isFile();
    this.#isSocket = stat.isSocket();
    if (!this.#isFile && !this.#isSocket && (kernel.native.fcntlGetFlags(fd) & O_NONBLOCK) === 0)
      throw new Error(`${config.label}: writing to it may wait`);
    this.state = "open";
  }

  protected override encode(kind: number, text: string, _sequence: number, stamp: Stamp): Buffer {
    const timed = kind === LOST ? `{"time":"${stampText(stamp)}",${text.slice(1)}` : text;
    return Buffer.from(`${timed}\n`);
  }

  protected override send(): void {
    if (this.#isFile) this.#writeBatch();
    else this.#writeNow();
  }

  #writeBatch(): void {
    if (this.#isWriting || this.#again !== null || this.hasEnded) return;
    const batch: Buffer[] = [];
    let length = 0;
    for (let bytes = this.#rest; bytes !== null && length < BATCH_MAX; bytes = this.waiting(batch.length)) {
      batch.push(bytes);
      length += bytes.length;
    }
    if (length === 0) return;
    this.#isWriting = true;
    write(this.#fd, Buffer.concat(batch, length), 0, length, null, (error, written) => {
      this.#isWriting = false;
      if (error === null) this.#left(written);
      if (this.#isClosed) this.#close();
      else if (error === null) this.flush();
      else if (PASSING.has(error.code)) this.#tryLater(error);
      else this.#failed(error);
    });
  }

  /** What there still is of the first line. */
  get #rest(): Buffer | null {
    const bytes = this.next;
    return bytes === null || this.#written === 0 ? bytes : bytes.subarray(this.#written);
  }

  /** So many bytes have left. */
  #left(bytes: number): void {
    this.#written += bytes;
    if (bytes > 0) this.#isStuck = false;
    for (let next = this.next; next !== null && this.#written >= next.length; next = this.next) {
      this.#written -= next.length;
      this.took();
    }
  }

  #tryLater(error: NodeJS.ErrnoException): void {
    if (!this.#isStuck) this.#log("traces cannot be written for now", error);
    this.#isStuck = true;
    const { timers, native } = this.kernel;
    this.#again = timers.add(native.monotonicNs() + AGAIN_NS, () => {
      this.#again = null;
      this.flush();
    });
  }

  #failed(error: NodeJS.ErrnoException): void {
    this.#log("traces cannot be written", error);
    this.finish();
  }

  #log(what: string, { code }: NodeJS.ErrnoException): void {
    this.kernel.log("warn", what, { sink: this.config.label, error: code });
  }

  #writeNow(): void {
    for (let sent = 0, length = 0; sent < SENT_AT_ONCE && length < BYTES_AT_ONCE; sent++) {
      const bytes = this.#rest;
      if (bytes === null) break;
      const written = this.#some(bytes);
      if (this.hasEnded) return;
      if (written < 0) {
        this.dropped();
        continue;
      }
      this.#left(written);
      length += written;
      if (written < bytes.length) break;
    }
    this.#waitForRoom(this.next !== null);
  }

  /** How many bytes have left; -1: the line never will. It may have ended by that. */
  #some(bytes: Buffer): number {
    if (this.#isSocket) {
      const sent = this.kernel.native.socketSend(this.#fd, bytes, bytes.length, 0, 0, 0);
      if (sent >= 0) return sent;
      if (sent === -EAGAIN) return 0;
      // Longer than what a socket of messages takes.
      if (sent === -EMSGSIZE) return -1;
      this.#failed(Object.assign(new Error(), { code: `errno ${-sent}` }));
      return -1;
    }
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
      this.#failed(error as NodeJS.ErrnoException);
      return -1;
    }
  }

  #waitForRoom(waits: boolean): void {
    const { sleep } = this.kernel;
    if (this.hasEnded || waits === this.#cookie >= 0) return;
    if (waits) {
      this.#cookie = sleep.add(this.#fd, EPOLLOUT, (events) => {
        if ((events & (EPOLLERR | EPOLLHUP | EPOLLOUT)) !== 0) this.flush();
      });
      return;
    }
    sleep.remove(this.#fd, this.#cookie);
    this.#cookie = -1;
  }

  override end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.state = "ended";
    if (this.#cookie >= 0) this.kernel.sleep.remove(this.#fd, this.#cookie);
    this.#cookie = -1;
    if (this.#again !== null) this.kernel.timers.cancel(this.#again);
    this.#again = null;
    // Of a batch that is being written it is known later what has left.
    if (!this.#isWriting) this.#close();
  }

  #close(): void {
    this.kernel.native.close(this.#fd);
    super.end();
  }
}
