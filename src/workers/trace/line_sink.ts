// A sink by lines of JSON. To a regular file they are written by libuv's threads, one batch after the other, since a disk may take
// its time; to a pipe, a terminal or a stream socket, whose descriptor does not wait, at once as far as there is room.

import { fstatSync, write, writeSync } from "node:fs";
import { EAGAIN } from "../../shared/abi/errno.ts";
import { O_NONBLOCK } from "../../shared/abi/fcntl.ts";
import { EPOLLERR, EPOLLHUP, EPOLLOUT } from "../../shared/abi/poll.ts";
import { LOST } from "../../shared/trace/points.ts";
import type { TraceSink } from "../../shared/trace/session.ts";
import { type Stamp, stampText } from "./session.ts";
import { SENT_AT_ONCE, Sink, type SinkContext } from "./sink.ts";

const BATCH_MAX = 65_536;

/** The descriptor would wait. */
export class WaitingDescriptor extends Error {}

export class LineSink extends Sink {
  readonly #fd: number;
  readonly #isFile: boolean;
  readonly #isSocket: boolean;
  #cookie = -1;
  /** A batch is being written. */
  #isWriting = false;
  #isClosed = false;
  /** The rest of a line that found no room as a whole. */
  #rest: Buffer | null = null;

  /** `fd` is its own. Throws a WaitingDescriptor. */
  constructor(kernel: SinkContext, config: TraceSink, fd: number) {
    super(kernel, config);
    this.#fd = fd;
    const stat = fstatSync(fd);
    this.#isFile = stat.isFile();
    this.#isSocket = stat.isSocket();
    if (!this.#isFile && !this.#isSocket && (kernel.native.fcntlGetFlags(fd) & O_NONBLOCK) === 0)
      throw new WaitingDescriptor(`${config.label}: writing to it may wait`);
    this.state = "open";
  }

  protected override encode(kind: number, text: string, _sequence: number, stamp: Stamp): Buffer {
    const timed = kind === LOST ? `{"time":"${stampText(stamp)}",${text.slice(1)}` : text;
    return Buffer.from(`${timed}\n`);
  }

  override get isIdle(): boolean {
    return this.hasEnded || (super.isIdle && !this.#isWriting && this.#rest === null);
  }

  protected override send(): void {
    if (this.#isFile) this.#writeBatch();
    else this.#writeNow();
  }

  #writeBatch(): void {
    if (this.#isWriting || this.hasEnded) return;
    const batch: Buffer[] = [];
    let length = 0;
    for (let bytes = this.next; bytes !== null && length < BATCH_MAX; bytes = this.next) {
      batch.push(bytes);
      length += bytes.length;
      this.took();
    }
    if (length > 0) this.#write(Buffer.concat(batch, length));
  }

  #write(bytes: Buffer): void {
    this.#isWriting = true;
    write(this.#fd, bytes, 0, bytes.length, null, (error, written) => {
      this.#isWriting = false;
      if (this.#isClosed) this.kernel.native.close(this.#fd);
      else if (error !== null) this.#failed(error);
      else if (written < bytes.length) this.#write(bytes.subarray(written));
      else this.flush();
    });
  }

  #failed(error: NodeJS.ErrnoException): void {
    this.kernel.log("warn", "traces cannot be written", { sink: this.config.label, error: error.code });
    this.finish();
  }

  #writeNow(): void {
    for (let sent = 0; sent < SENT_AT_ONCE && !this.hasEnded; sent++) {
      const bytes = this.#rest ?? this.next;
      if (bytes === null) {
        this.#waitForRoom(false);
        return;
      }
      const written = this.#some(bytes);
      if (written < 0) return;
      // What has begun to leave is out of the queue.
      if (this.#rest === null && written > 0) this.took();
      if (written > 0) this.#rest = written === bytes.length ? null : bytes.subarray(written);
      if (written < bytes.length) break;
    }
    this.#waitForRoom(this.#rest !== null || this.next !== null);
  }

  /** How many bytes have left; -1: nothing will any more. */
  #some(bytes: Buffer): number {
    if (this.#isSocket) {
      const sent = this.kernel.native.socketSend(this.#fd, bytes, bytes.length, 0, 0, 0);
      if (sent >= 0) return sent;
      if (sent === -EAGAIN) return 0;
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
    if (this.#cookie >= 0) this.kernel.sleep.remove(this.#fd, this.#cookie);
    this.#cookie = -1;
    if (!this.#isWriting) this.kernel.native.close(this.#fd);
    super.end();
  }
}
