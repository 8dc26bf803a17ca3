// A System V message queue (msgop(2)). Messages stand in one line in the order in which they came, and in a line
// for each type, so that one of a type is found without looking at the others. Messages and their bytes are counted
// in the whole kernel.

import { E2BIG, EAGAIN, EIDRM } from "../../shared/abi/errno.ts";
import type { Caller } from "../call/caller.ts";
import type { PidNumbers } from "../call/pid.ts";
import type { IpcNamespace } from "./namespace.ts";
import type { IpcPermissions } from "./permissions.ts";

/** A waiter's result while there is none; no errno. */
export const PENDING = 1;
/** Waiters that are told before others are served. */
const WAITERS_A_PIECE = 200;
/** Messages that are given up before others are served. */
const MESSAGES_A_PIECE = 10_000;

export class Message {
  readonly type: number;
  readonly text: Uint8Array;
  previous: Message | null = null;
  next: Message | null = null;

  constructor(type: number, text: Uint8Array) {
    this.type = type;
    this.text = text;
  }
}

/** Which message a receiver asks for. */
export interface Wanted {
  readonly kind: "first" | "type" | "least" | "except";
  readonly type: number;
}

function matches({ kind, type }: Wanted, message: Message): boolean {
  switch (kind) {
    case "first":
      return true;
    case "type":
      return message.type === type;
    case "least":
      return message.type <= type;
    case "except":
      return message.type !== type;
  }
}

export class Receiver {
  readonly task: Caller;
  readonly wanted: Wanted;
  readonly room: number;
  readonly truncates: boolean;
  /** The message that it got, or why it has none; PENDING before. -EAGAIN: it is to look again. */
  result: Message | number = PENDING;

  constructor(task: Caller, wanted: Wanted, room: number, truncates: boolean) {
    this.task = task;
    this.wanted = wanted;
    this.room = room;
    this.truncates = truncates;
  }
}

export class Sender {
  readonly task: Caller;
  readonly length: number;
  /** PENDING, or a negative errno: -EAGAIN: it is to try again. */
  result = PENDING;

  constructor(task: Caller, length: number) {
    this.task = task;
    this.length = length;
  }
}

export class MessageQueue {
  readonly namespace: IpcNamespace;
  readonly permissions: IpcPermissions;
  /** Bytes that may stand in it. */
  room: number;
  bytes = 0;
  count = 0;
  sendTime = 0;
  receiveTime = 0;
  changeTime: number;
  lastSender: PidNumbers | null = null;
  lastReceiver: PidNumbers | null = null;
  readonly receivers = new Set<Receiver>();
  readonly senders = new Set<Sender>();
  #first: Message | null = null;
  #last: Message | null = null;
  readonly #byType = new Map<number, Set<Message>>();
  /** Types that there are, or were: a heap with the least on top. */
  readonly #types: number[] = [];

  constructor(namespace: IpcNamespace, permissions: IpcPermissions) {
    this.namespace = namespace;
    this.permissions = permissions;
    this.room = namespace.limits.msgmnb;
    this.changeTime = namespace.now();
  }

  fits(length: number): boolean {
    return this.bytes + length <= this.room && this.count + 1 <= this.room;
  }

  // ---- Messages ----

  add(message: Message): void {
    message.previous = this.#last;
    if (this.#last === null) this.#first = message;
    else this.#last.next = message;
    this.#last = message;
    const line = this.#byType.get(message.type);
    if (line !== undefined) line.add(message);
    else {
      this.#byType.set(message.type, new Set([message]));
      pushHeap(this.#types, message.type);
    }
    this.#counted(message, 1);
  }

  take(message: Message): void {
    const { previous, next } = message;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    const line = this.#byType.get(message.type)!;
    line.delete(message);
    if (line.size === 0) this.#byType.delete(message.type);
    this.#counted(message, -1);
  }

  #counted(message: Message, change: number): void {
    this.count += change;
    this.bytes += change * message.text.length;
    this.namespace.messages += change;
    this.namespace.messageBytes += change * message.text.length;
    // Its place in the kernel is set aside by the sender.
    if (change < 0) this.namespace.messageGone(message.text.length);
  }

  find(wanted: Wanted): Message | null {
    switch (wanted.kind) {
      case "first":
        return this.#first;
      case "type":
        return firstOf(this.#byType.get(wanted.type));
      case "least": {
        const type = this.#leastType();
        return type <= wanted.type ? firstOf(this.#byType.get(type)) : null;
      }
      case "except": {
        let message = this.#first;
        while (message !== null && message.type === wanted.type) message = message.next;
        return message;
      }
    }
  }

  /** The message at a place in the line, for MSG_COPY. */
  at(index: number): Message | null {
    if (index < 0 || index >= this.count) return null;
    let message = this.#first;
    for (let i = 0; i < index && message !== null; i++) message = message.next;
    return message;
  }

  // A type stands in the heap once for each time that its line began.
  #leastType(): number {
    while (this.#types.length > 0 && !this.#byType.has(this.#types[0]!)) popHeap(this.#types);
    if (this.#types.length > 2 * this.#byType.size + 64) {
      // In order, which is a heap.
      const types = [...this.#byType.keys()].sort((a, b) => a - b);
      this.#types.length = 0;
      for (const type of types) this.#types.push(type);
    }
    return this.#types[0] ?? Number.POSITIVE_INFINITY;
  }

  // ---- Waiters ----

  /** Hands a message to a receiver who waits for it: whether there was one. */
  handOver(message: Message): boolean {
    for (const receiver of this.receivers) {
      if (!matches(receiver.wanted, message)) continue;
      const isTooLarge = message.text.length > receiver.room && !receiver.truncates;
      this.#tellReceiver(receiver, isTooLarge ? -E2BIG : message);
      if (isTooLarge) continue;
      this.lastReceiver = receiver.task.process;
      this.receiveTime = this.namespace.now();
      return true;
    }
    return false;
  }

  #tellReceiver(receiver: Receiver, result: Message | number): void {
    this.receivers.delete(receiver);
    receiver.result = result;
    receiver.task.call.completeWait(0);
  }

  /** Senders whose messages fit by now try again. */
  wakeSenders(): void {
    let { bytes, count } = this;
    for (const sender of this.senders) {
      if (bytes + sender.length > this.room || count + 1 > this.room) break;
      bytes += sender.length;
      count++;
      this.#tellSender(sender, -EAGAIN);
    }
  }

  #tellSender(sender: Sender, result: number): void {
    this.senders.delete(sender);
    sender.result = result;
    sender.task.call.completeWait(0);
  }

  /** Everybody who waits hears `errno`: those who wait now, not who comes meanwhile. */
  tellAll(errno: number): void {
    const receivers = [...this.receivers];
    const senders = [...this.senders];
    this.namespace.steps.run(() => {
      for (let budget = WAITERS_A_PIECE; budget > 0; budget--) {
        const receiver = receivers.pop();
        if (receiver !== undefined) {
          if (this.receivers.has(receiver)) this.#tellReceiver(receiver, errno);
          continue;
        }
        const sender = senders.pop();
        if (sender === undefined) return true;
        if (this.senders.has(sender)) this.#tellSender(sender, errno);
      }
      return false;
    });
  }

  removed(): void {
    this.tellAll(-EIDRM);
    this.namespace.steps.run(() => {
      for (let budget = MESSAGES_A_PIECE; budget > 0; budget--) {
        if (this.#first === null) return true;
        this.take(this.#first);
      }
      return false;
    });
  }
}

function firstOf(line: Set<Message> | undefined): Message | null {
  if (line === undefined) return null;
  for (const message of line) return message;
  return null;
}

function pushHeap(heap: number[], value: number): void {
  let i = heap.length;
  heap.push(value);
  while (i > 0) {
    const parent = (i - 1) >>> 1;
    if (heap[parent]! <= value) break;
    heap[i] = heap[parent]!;
    i = parent;
  }
  heap[i] = value;
}

function popHeap(heap: number[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
    if (heap[child]! >= last) break;
    heap[i] = heap[child]!;
    i = child;
  }
  heap[i] = last;
}
