// One control connection: JSON lines in both directions over a stream socket, descriptors attached to
// requests. Everything is bounded; a peer that breaks a rule loses its connection, nothing else.

import { closeSync } from "node:fs";
import { EAGAIN } from "../../shared/abi/errno.ts";
import { PRESERVED_MAX } from "../../shared/process_spec.ts";
import { type Host, type PollHandle, READABLE } from "../host.ts";

const LINE_MAX = 1 << 20;
/** Descriptors that were sent and not yet taken by a request. */
const DESCRIPTORS_MAX = 253 + PRESERVED_MAX;
const READ_MAX = 65_536;
const NEWLINE = 10;

export interface Events {
  line(connection: Connection, value: unknown): void;
  closed(connection: Connection): void;
}

export class Connection {
  readonly #host: Host;
  readonly #fd: number;
  readonly #events: Events;
  readonly #poll: PollHandle;
  #pending: Buffer = Buffer.alloc(0);
  #descriptors: number[] = [];
  #open = true;

  constructor(host: Host, fd: number, events: Events) {
    this.#host = host;
    this.#fd = fd;
    this.#events = events;
    this.#poll = host.pollStart(fd, READABLE, () => this.#read());
  }

  /** Sends a line. A peer that does not read what it asked for is cut off: nothing waits for it. */
  send(value: object): void {
    if (!this.#open) return;
    const line = Buffer.from(`${JSON.stringify(value)}\n`);
    if (this.#host.sendMessage(this.#fd, line, [], true) !== line.length) this.close();
  }

  /** The oldest `count` descriptors that came with requests so far: the taker's to close. */
  takeDescriptors(count: number): number[] | undefined {
    if (this.#descriptors.length < count) return undefined;
    return this.#descriptors.splice(0, count);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#host.pollStop(this.#poll);
    closeSync(this.#fd);
    for (const fd of this.#descriptors) closeSync(fd);
    this.#descriptors = [];
    this.#events.closed(this);
  }

  #read(): void {
    const message = this.#host.recvMessage(this.#fd, READ_MAX);
    if (message === -EAGAIN) return;
    if (typeof message === "number" || message.data.length === 0) {
      this.close();
      return;
    }
    this.#descriptors.push(...message.fds);
    if (this.#descriptors.length > DESCRIPTORS_MAX) {
      this.close();
      return;
    }
    this.#pending = this.#pending.length === 0 ? message.data : Buffer.concat([this.#pending, message.data]);
    for (;;) {
      const end = this.#pending.indexOf(NEWLINE);
      if (end < 0) break;
      const text = this.#pending.toString("utf8", 0, end);
      this.#pending = this.#pending.subarray(end + 1);
      if (!this.#take(text)) return;
    }
    if (this.#pending.length > LINE_MAX) this.close();
  }

  /** False when the connection is closed now. */
  #take(text: string): boolean {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      this.close();
      return false;
    }
    this.#events.line(this, value);
    return this.#open;
  }
}
