// An IPC namespace (ipc_namespaces(7)): the System V objects of the tasks that are in it, and their limits.
// The last task that leaves takes its objects along.

import { CLOCK_REALTIME, NSEC_PER_SEC } from "../../shared/abi/time.ts";
import type { Kernel } from "../kernel.ts";
import { PAGE_SIZE } from "../mem/vma.ts";
import { Steps } from "../steps.ts";
import { clockNs } from "../supervisor/clocks.ts";
import { Identifiers } from "./identifiers.ts";
import { IpcLimits } from "./limits.ts";
import type { Message, MessageQueue } from "./message_queue.ts";
import type { Segment } from "./segment.ts";
import type { SemaphoreSet } from "./semaphore_set.ts";

export class IpcNamespace {
  readonly kernel: Kernel;
  readonly limits = new IpcLimits();
  readonly steps: Steps;
  readonly segments: Identifiers<Segment>;
  readonly sets: Identifiers<SemaphoreSet>;
  readonly queues: Identifiers<MessageQueue>;
  /** Of all sets. */
  semaphores = 0;
  /** Of all queues. */
  messages = 0;
  messageBytes = 0;
  /** Of all segments. */
  pages = 0;
  #tasks = 0;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.steps = new Steps(kernel);
    this.segments = new Identifiers(kernel);
    this.sets = new Identifiers(kernel);
    this.queues = new Identifiers(kernel);
  }

  /** In seconds, as IPC_STAT tells times. */
  now(): number {
    return Math.floor(clockNs(this.kernel, CLOCK_REALTIME) / NSEC_PER_SEC);
  }

  enter(): void {
    this.#tasks++;
  }

  leave(): void {
    this.#tasks--;
    if (!this.isGone) return;
    for (const segment of [...this.segments.all()]) segment.release();
    for (const set of [...this.sets.all()]) this.removeSet(set);
    for (const queue of [...this.queues.all()]) this.removeQueue(queue);
  }

  /** Nobody is in it: its objects last only while they are in use. */
  get isGone(): boolean {
    return this.#tasks === 0;
  }

  // ---- Segments ----

  addSegment(segment: Segment): void {
    this.pages += segment.length / PAGE_SIZE;
  }

  removeSegment(segment: Segment): void {
    this.segments.remove(segment);
    this.pages -= segment.length / PAGE_SIZE;
  }

  memoryFreed(segment: Segment): void {
    this.kernel.counters.memoryFiles--;
    this.kernel.ipcSpace.take(-segment.length);
  }

  // ---- Semaphores and messages ----

  removeSet(set: SemaphoreSet): void {
    this.sets.remove(set);
    this.semaphores -= set.count;
    this.kernel.counters.semaphores -= set.count;
    set.removed();
  }

  /** Sets room aside for a message; false: there is none. */
  messageComes(message: Message): boolean {
    const { counters, heap, commonMemory } = this.kernel;
    const { length } = message.text;
    if (!heap.hasRoom("messages") || !heap.hasRoom("messageBytes", length) || !commonMemory.hasRoom(length))
      return false;
    counters.messages++;
    counters.messageBytes += length;
    return true;
  }

  messageGone(message: Message): void {
    this.kernel.counters.messages--;
    this.kernel.counters.messageBytes -= message.text.length;
  }

  removeQueue(queue: MessageQueue): void {
    this.queues.remove(queue);
    queue.removed();
  }
}
