// One control connection: JSON lines in both directions over a stream socket, descriptors attached to
// requests. Everything is bounded; a peer that breaks a rule loses its connection, nothing else.

import { closeSync } from "node:fs";
import { EAGAIN } from "../../shared/abi/errno.ts";
import { PRESERVED_MAX } from "../../shared/process_spec.ts";
import { type Host, type PollHandle, READABLE, WRITABLE } from "../host.ts";

const LINE_MAX = 1 << 20;
/** Descriptors that were sent and not yet taken by a request. */
const DESCRIPTORS_MAX = 253 + PRESERVED_MAX;
const READ_MAX = 65_536;
/** What a peer has yet to read of what it asked for, beside what its socket holds: one answer. */
const UNSENT_MAX = LINE_MAX + 1;
const NEWLINE = 10;

export interface Events {
  line(connection: Connection, value: unknown): void;
  closed(connection: Connection): void;
}

export class Connection {
  readonly #host: Host;
  readonly #fd: number;
  readonly #events: Events;
  #poll: PollHandle;
  /** What the socket has had no room for; meanwhile nothing is read. */
  #unsent: Buffer = Buffer.alloc(0);
  #pending: Buffer = Buffer.alloc(0);
  #descriptors: number[] = [];
  #open = true;

  constructor(host: Host, fd: number, events: Events) {
    this.#host = host;
    this.#fd = fd;
    this.#events = events;
    this.#poll = host.pollStart(fd, READABLE, () => this.#read());
  }

  /** Sends a line. A peer that asks for more and does not read what it asked for is cut off: nothing waits for it. */
  send(value: object): void {
    if (!this.#open) return;
    const line = Buffer.from(`${JSON.stringify(value)}\n`);
    const isBehind = this.#unsent.length > 0;
    const rest = isBehind ? Buffer.concat([this.#unsent, line]) : this.#sent(line);
    if (rest === null || rest.length > UNSENT_MAX) {
      this.close();
      return;
    }
    this.#unsent = rest;
    if (!isBehind && rest.length > 0) this.#watch(WRITABLE, () => this.#sendRest());
  }

  #sendRest(): void {
    const rest = this.#sent(this.#unsent);
    if (rest === null) {
      this.close();
      return;
    }
    this.#unsent = rest;
    if (rest.length === 0) this.#watch(READABLE, () => this.#read());
  }

  /** What there was no room for; null: the peer has gone. */
  #sent(bytes: Buffer): Buffer | null {
    const sent = this.#host.sendMessage(this.#fd, bytes, [], true);
    if (sent === -EAGAIN) return bytes;
    return sent < 0 ? null : bytes.subarray(sent);
  }

  #watch(events: number, ready: () => void): void {
    this.#host.pollStop(this.#poll);
    this.#poll = this.#host.pollStart(this.#fd, events, ready);
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
