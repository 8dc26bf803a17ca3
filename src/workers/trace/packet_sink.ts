// A sink by packets: a SOCK_SEQPACKET socket, a message an event (shared/trace/wire.ts). The sandbox greets, the reader answers
// with the version that it speaks, and events follow. Of a reader that has gone a connector may find the next one, which begins
// with a greeting as well; what could not be told meanwhile waits as far as there is room.

import { EAGAIN, EINTR, EMSGSIZE, ENOBUFS } from "../../shared/abi/errno.ts";
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP } from "../../shared/abi/poll.ts";
import { HELLO, POINTS } from "../../shared/trace/points.ts";
import type { TraceSink } from "../../shared/trace/session.ts";
import { message, WIRE_OLDEST, WIRE_VERSION } from "../../shared/trace/wire.ts";
import type { Timer } from "../call/timers.ts";
import type { Connector } from "./connector.ts";
import type { QueueRoom } from "./queue_room.ts";
import { BYTES_AT_ONCE, SENT_AT_ONCE, Sink, type SinkContext } from "./sink.ts";
import type { Stamp } from "./stamp.ts";

const NS_PER_MS = 1e6;
/** How long a reader may take to say which version it speaks. */
const GREETING_NS = 10_000 * NS_PER_MS;
const ANSWER_MAX = 4096;
const NOBODY = -1;

export interface Greeting {
  readonly sandbox: string | undefined;
  readonly session: string;
}

export class PacketSink extends Sink {
  readonly #greeting: Greeting;
  readonly #connector: Connector | null;
  readonly #index: number;
  readonly #answer = new Uint8Array(ANSWER_MAX);
  #fd = NOBODY;
  #cookie = NOBODY;
  #waitsForRoom = false;
  #timer: Timer | null = null;
  #backoffMs: number;

  /** `fd`: a connected socket, which is its own; negative: nobody listens yet. `index`: what the connector calls it. */
  constructor(
    kernel: SinkContext,
    config: TraceSink,
    room: QueueRoom,
    greeting: Greeting,
    fd: number,
    connector: Connector | null,
    index: number,
  ) {
    super(kernel, config, room);
    this.#greeting = greeting;
    this.#connector = connector;
    this.#index = index;
    [this.#backoffMs] = config.backoffMs;
    if (fd < 0) this.#away();
    else this.#greet(fd);
  }

  protected override encode(kind: number, text: string, sequence: number, stamp: Stamp): Buffer {
    return message(kind, text, sequence, stamp.seconds, stamp.nanoseconds, this.lost);
  }

  #greet(fd: number): void {
    const { sleep, timers, native } = this.kernel;
    this.#fd = fd;
    this.state = "greeting";
    this.#waitsForRoom = false;
    this.#cookie = sleep.add(fd, EPOLLIN, (events) => this.#ready(events));
    const points = Object.fromEntries(POINTS.map(({ name, number }) => [name, number]));
    const hello = {
      protocol: "ringfence-trace",
      version: WIRE_VERSION,
      oldest: WIRE_OLDEST,
      ...this.#greeting,
      points,
    };
    const bytes = message(HELLO, JSON.stringify(hello), 0, 0, 0, this.lost);
    const sent = this.#cookie < 0 ? this.#cookie : native.socketSend(fd, bytes, bytes.length, 0, 0, 0);
    if (sent < 0) {
      this.#gone();
      return;
    }
    this.#timer = timers.add(native.monotonicNs() + GREETING_NS, () => {
      this.#timer = null;
      this.#gone();
    });
  }

  #stopTimer(): void {
    if (this.#timer !== null) this.kernel.timers.cancel(this.#timer);
    this.#timer = null;
  }

  #ready(events: number): void {
    if ((events & EPOLLIN) !== 0 && !this.#read()) return;
    if ((events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) !== 0) this.#gone();
    else if ((events & EPOLLOUT) !== 0) this.flush();
  }

  /** False: the reader has gone. */
  #read(): boolean {
    const length = this.kernel.native.socketReceive(this.#fd, this.#answer, ANSWER_MAX, 0, 0);
    if (length === -EAGAIN || length === -EINTR) return true;
    if (length <= 0) {
      this.#gone();
      return false;
    }
    this.#stopTimer();
    const version = versionIn(Buffer.from(this.#answer.buffer, 0, length).toString("utf8"));
    if (version < WIRE_OLDEST || version > WIRE_VERSION) {
      const { label } = this.config;
      this.kernel.log("warn", "a reader of traces speaks another version", { sink: label, version });
      this.#close();
      this.finish();
      return false;
    }
    this.state = "open";
    // What it says later has no meaning, and stays where it is: nobody is woken by it.
    this.kernel.sleep.modify(this.#fd, EPOLLRDHUP, this.#cookie);
    [this.#backoffMs] = this.config.backoffMs;
    this.flush();
    return true;
  }

  protected override send(): void {
    if (this.state !== "open") return;
    const { native } = this.kernel;
    for (let sent = 0, length = 0; sent < SENT_AT_ONCE && length < BYTES_AT_ONCE; sent++) {
      const bytes = this.next;
      if (bytes === null) {
        this.#waitForRoom(false);
        return;
      }
      const result = native.socketSend(this.#fd, bytes, bytes.length, 0, 0, 0);
      if (result === -EAGAIN || result === -EINTR || result === -ENOBUFS) break;
      length += bytes.length;
      // It is longer than what the host lets such a socket have at once (net.core.wmem_max): the reader is there all the same.
      if (result === -EMSGSIZE) {
        this.dropped();
        continue;
      }
      if (result < 0) {
        this.#gone();
        return;
      }
      this.took();
    }
    this.#waitForRoom(this.next !== null);
  }

  #waitForRoom(waits: boolean): void {
    if (waits === this.#waitsForRoom) return;
    this.#waitsForRoom = waits;
    this.kernel.sleep.modify(this.#fd, waits ? EPOLLRDHUP | EPOLLOUT : EPOLLRDHUP, this.#cookie);
  }

  #close(): void {
    this.#stopTimer();
    if (this.#fd < 0) return;
    if (this.#cookie >= 0) this.kernel.sleep.remove(this.#fd, this.#cookie);
    this.kernel.native.close(this.#fd);
    this.#fd = NOBODY;
    this.#cookie = NOBODY;
  }

  #gone(): void {
    this.#close();
    if (this.config.onGone === "reconnect" && this.#connector !== null) this.#away();
    else {
      this.kernel.log("info", "a reader of traces has gone", { sink: this.config.label });
      this.finish();
    }
  }

  /** The next try comes later than the last one did. */
  #away(): void {
    const connector = this.#connector;
    if (connector === null) {
      this.finish();
      return;
    }
    const { timers, native } = this.kernel;
    const [, most] = this.config.backoffMs;
    this.state = "away";
    this.tellIdle();
    this.#timer = timers.add(native.monotonicNs() + this.#backoffMs * NS_PER_MS, () => {
      this.#timer = null;
      connector.ask(this.#index, (fd) => this.#found(fd));
    });
    this.#backoffMs = Math.min(this.#backoffMs * 2, most);
  }

  #found(fd: number): void {
    if (this.hasEnded) {
      if (fd >= 0) this.kernel.native.close(fd);
    } else if (fd < 0) this.#away();
    else this.#greet(fd);
  }

  override end(): void {
    this.#close();
    super.end();
  }
}

/** The version in an answer, or -1. */
function versionIn(text: string): number {
  try {
    const { version } = JSON.parse(text) as { version?: unknown };
    return Number.isSafeInteger(version) ? (version as number) : -1;
  } catch {
    return -1;
  }
}
