// A POSIX message queue (mq_overview(7)): messages by priority, those of one priority in the order in which they
// came; who waits for one, or for room; and the process that is told when one comes into an empty queue.

import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../../shared/abi/poll.ts";
import { SI_MESGQ, SIGEV_SIGNAL } from "../../shared/abi/signal.ts";
import type { Word64 } from "../../shared/abi/struct.ts";
import type { PidSpace } from "../call/pid.ts";
import { WaitQueue } from "../call/wait_queue.ts";
import type { Process } from "../vfs/processes.ts";
import type { IpcCaller } from "./caller.ts";
import type { IpcNamespace } from "./namespace.ts";

const COMES = POLLIN | POLLRDNORM;
const GOES = POLLOUT | POLLWRNORM;
/** Messages that are given up before others are served. */
const MESSAGES_A_PIECE = 10_000;

/** Its place in the kernel is set aside by the sender, and given up by whoever has it last. */
export interface QueuedMessage {
  readonly priority: number;
  readonly text: Uint8Array;
}

/** Who waits to receive, or to send what it has. */
export class QueueWaiter {
  readonly task: IpcCaller;
  /** What it sends; of a receiver, what it got. */
  message: QueuedMessage | null;
  isServed = false;

  constructor(task: IpcCaller, message: QueuedMessage | null) {
    this.task = task;
    this.message = message;
  }
}

/** Who is told of a message that comes, once, and how (mq_notify(3)). */
export interface QueueNotification {
  readonly owner: Process;
  /** The PID namespace that it is in. */
  readonly pids: PidSpace;
  /** Its table of descriptors: a descriptor of the queue that is closed there ends it. */
  readonly table: number;
  /** SIGEV_NONE or SIGEV_SIGNAL */
  readonly notify: number;
  readonly signo: number;
  readonly value: Word64;
}

export class PosixQueue {
  readonly namespace: IpcNamespace;
  /** Messages at most, and bytes of each at most. */
  readonly maxMessages: number;
  readonly messageSize: number;
  count = 0;
  bytes = 0;
  notification: QueueNotification | null = null;
  readonly receivers = new Set<QueueWaiter>();
  readonly senders = new Set<QueueWaiter>();
  /** Those who poll. */
  readonly waiters = new WaitQueue();
  readonly #lines = new Map<number, Set<QueuedMessage>>();
  /** Priorities of which there are messages, ascending. */
  readonly #priorities: number[] = [];

  constructor(namespace: IpcNamespace, maxMessages: number, messageSize: number) {
    this.namespace = namespace;
    this.maxMessages = maxMessages;
    this.messageSize = messageSize;
  }

  get isFull(): boolean {
    return this.count >= this.maxMessages;
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  poll(): number {
    return (this.isEmpty ? 0 : COMES) | (this.isFull ? 0 : GOES);
  }

  /** A message for which there is room, sent by that task: whoever waits for one has it at once, and nobody is told. */
  put(message: QueuedMessage, sender: IpcCaller): void {
    for (const receiver of this.receivers) {
      receiver.message = message;
      this.#serve(this.receivers, receiver);
      return;
    }
    this.#insert(message);
    if (this.count === 1) this.#notify(sender);
    this.waiters.wake(COMES);
  }

  /** The first of the highest priority; there must be one. Who waits for room has it. */
  take(): QueuedMessage {
    const priority = this.#priorities.at(-1)!;
    const line = this.#lines.get(priority)!;
    const message: QueuedMessage = line.values().next().value!;
    line.delete(message);
    if (line.size === 0) {
      this.#lines.delete(priority);
      this.#priorities.pop();
    }
    this.count--;
    this.bytes -= message.text.length;
    for (const sender of this.senders) {
      this.#insert(sender.message!);
      this.#serve(this.senders, sender);
      return message;
    }
    this.waiters.wake(GOES);
    return message;
  }

  #insert(message: QueuedMessage): void {
    const { priority, text } = message;
    const line = this.#lines.get(priority);
    if (line !== undefined) line.add(message);
    else {
      this.#lines.set(priority, new Set([message]));
      this.#priorities.splice(firstAbove(this.#priorities, priority), 0, priority);
    }
    this.count++;
    this.bytes += text.length;
  }

  #serve(among: Set<QueueWaiter>, waiter: QueueWaiter): void {
    among.delete(waiter);
    waiter.isServed = true;
    waiter.task.call.completeWait(0);
  }

  #notify(sender: IpcCaller): void {
    const told = this.notification;
    if (told === null) return;
    this.notification = null;
    if (told.notify !== SIGEV_SIGNAL || told.signo === 0 || told.owner.state !== "running") return;
    const { process, credentials } = sender;
    const { owner, pids, signo, value } = told;
    owner.send({ signo, code: SI_MESGQ, pid: process?.in(pids) ?? 0, uid: credentials.uid, value });
  }

  /** Nobody reaches it any more: its messages are given up, some at a time. */
  dissolve(): void {
    this.namespace.steps.run(() => {
      for (let budget = MESSAGES_A_PIECE; budget > 0; budget--) {
        if (this.isEmpty) return true;
        this.namespace.messageGone(this.take().text.length);
      }
      return false;
    });
  }
}

/** Index of the first that is greater. */
function firstAbove(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
