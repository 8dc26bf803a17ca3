// What stands in a receive queue: bytes of one send, with what goes along. Its sender pays for it by
// Linux's account (truesize) until it is gone.

import { PAGE_SIZE } from "../../mem/vma.ts";
import type { Time } from "../../vfs/inode.ts";
import type { Address } from "../socket.ts";
import type { UnixAncillary } from "./ancillary.ts";
import { NOBODY, type Ucred } from "./peer.ts";
import type { UnixSocket } from "./unix_socket.ts";

/** Messages that may wait at a socket that receives from many (net.unix.max_dgram_qlen). */
export const DATAGRAMS_MAX = 10;
/** sk_buff, and skb_shared_info behind the linear data. */
const HEAD = 256;
const TAIL = 320;
const LINEAR_MAX = PAGE_SIZE - TAIL;

/** Memory that Linux counts for a message of that many bytes. */
export function trueSize(length: number): number {
  const linear = Math.min(length, LINEAR_MAX);
  const rest = Math.ceil((length - linear) / PAGE_SIZE) * PAGE_SIZE;
  return HEAD + (1 << (32 - Math.clz32(linear + TAIL - 1))) + rest;
}

export class Message {
  readonly sender: UnixSocket;
  readonly data: Uint8Array;
  /** Where its receiver asks for that. */
  sentAt: Time | null = null;
  ancillary: UnixAncillary | null;
  readonly size: number;
  /** Bytes of a stream that were read. */
  consumed = 0;

  constructor(sender: UnixSocket, data: Uint8Array, ancillary: UnixAncillary | null) {
    this.sender = sender;
    this.data = data;
    this.ancillary = ancillary;
    this.size = trueSize(data.length);
    sender.charge(this.size);
  }

  /** As it is when the message is received. */
  get address(): Address {
    return this.sender.name();
  }

  get left(): number {
    return this.data.length - this.consumed;
  }

  get credentials(): Ucred {
    return this.ancillary?.credentials ?? NOBODY;
  }

  get hasRights(): boolean {
    return this.ancillary !== null && this.ancillary.rights.length > 0;
  }

  /** The files are the taker's. */
  takeRights(): UnixAncillary | null {
    const { ancillary } = this;
    this.ancillary = ancillary?.withoutRights() ?? null;
    return ancillary;
  }

  /** Nobody will read it (any more). */
  release(): void {
    this.ancillary?.release();
    this.ancillary = null;
    this.sender.uncharge(this.size);
  }
}

/** Messages in order. */
export class MessageQueue {
  #messages: Message[] = [];
  #head = 0;
  /** Bytes that were not read. */
  bytes = 0;
  /** Of a stream, where the next byte stands, modulo 2^32. */
  place = 0;

  get length(): number {
    return this.#messages.length - this.#head;
  }

  get first(): Message | undefined {
    return this.#messages[this.#head];
  }

  at(index: number): Message | undefined {
    return this.#messages[this.#head + index];
  }

  push(message: Message): void {
    this.#messages.push(message);
    this.bytes += message.left;
  }

  unshift(message: Message): void {
    this.bytes += message.left;
    if (this.#head > 0) this.#messages[--this.#head] = message;
    else this.#messages.unshift(message);
  }

  /** The first message leaves the queue; the caller lets go of it. */
  shift(): Message | undefined {
    const message = this.#messages[this.#head];
    if (message === undefined) return undefined;
    this.#head++;
    this.bytes -= message.left;
    if (this.#head === this.#messages.length) {
      this.#messages = [];
      this.#head = 0;
    } else if (this.#head > 64 && this.#head * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
    return message;
  }

  [Symbol.iterator](): Iterator<Message> {
    return this.#messages.slice(this.#head)[Symbol.iterator]();
  }
}
