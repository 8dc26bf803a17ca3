// An IPC namespace (ipc_namespaces(7)): the System V objects and the message queues of the tasks that are in it, and their
// limits.
// The last task that leaves takes its objects along.

import { IPC_FIRST_INO, IPC_KIND, inodeOf } from "../../shared/abi/nsfs.ts";
import { CLOCK_REALTIME, NSEC_PER_SEC } from "../../shared/abi/time.ts";
import { clockNs } from "../call/clocks.ts";
import type { Steps } from "../call/steps.ts";
import type { Owned, UserNamespace } from "../credentials/user_namespace.ts";
import { PAGE_SIZE } from "../mem/vma.ts";
import type { IpcContext } from "./context.ts";
import { Identifiers } from "./identifiers.ts";
import { IpcLimits } from "./limits.ts";
import type { MessageQueue } from "./message_queue.ts";
import { QueueFs } from "./queue_fs.ts";
import type { Segment } from "./segment.ts";
import type { SemaphoreSet } from "./semaphore_set.ts";

/** Objects that are removed before others are served. */
const OBJECTS_A_PIECE = 200;

export class IpcNamespace {
  readonly kernel: IpcContext;
  readonly inode: number;
  readonly limits = new IpcLimits();
  readonly segments: Identifiers<Segment>;
  readonly sets: Identifiers<SemaphoreSet>;
  readonly queues: Identifiers<MessageQueue>;
  /** Its POSIX message queues; null: nobody has asked for them. */
  #queueFs: QueueFs | null = null;
  /** Null: it belongs to the guests' own user namespace. */
  readonly #owned: Owned | null;
  /** Of all sets. */
  semaphores = 0;
  /** Of all queues. */
  messages = 0;
  messageBytes = 0;
  /** Of all segments. */
  pages = 0;
  #tasks = 0;
  #now = 0;
  #nowAsOf = -1;

  constructor(kernel: IpcContext, owned: Owned | null = null) {
    this.kernel = kernel;
    this.#owned = owned;
    const number = kernel.counters.ipcNamespaces++;
    kernel.counters.smallNamespaces++;
    this.inode = number === 0 ? IPC_FIRST_INO : inodeOf(IPC_KIND, number);
    this.segments = new Identifiers(kernel);
    this.sets = new Identifiers(kernel);
    this.queues = new Identifiers(kernel);
  }

  /** The user namespace that it belongs to. */
  get owner(): UserNamespace {
    return this.#owned?.users ?? this.kernel.users;
  }

  get steps(): Steps {
    return this.kernel.steps;
  }

  /** In seconds, as IPC_STAT tells times; looked up once in a turn of the kernel thread. */
  now(): number {
    const { kernel } = this;
    if (this.#nowAsOf !== kernel.nowNs) {
      this.#nowAsOf = kernel.nowNs;
      this.#now = Math.floor(clockNs(kernel, CLOCK_REALTIME) / NSEC_PER_SEC);
    }
    return this.#now;
  }

  enter(): void {
    this.#tasks++;
  }

  leave(): void {
    this.#tasks--;
    if (!this.isGone) return;
    this.kernel.counters.smallNamespaces--;
    this.#owned?.release();
    this.#remove(this.#removals());
  }

  /** Some at a time. */
  #remove(removals: Generator<void, void, void>): void {
    this.steps.run(() => {
      for (let budget = OBJECTS_A_PIECE; budget > 0; budget--) if (removals.next().done === true) return true;
      return false;
    });
  }

  // Those of a namespace that nobody is in: no new ones come.
  *#removals(): Generator<void, void, void> {
    for (const segment of this.segments.all()) yield segment.release();
    for (const set of this.sets.all()) yield this.removeSet(set);
    for (const queue of this.queues.all()) yield this.removeQueue(queue);
    if (this.#queueFs?.mounts === 0) yield* this.#queueFs.root.emptied();
  }

  /** Nobody is in it: its objects last only while they are in use. */
  get isGone(): boolean {
    return this.#tasks === 0;
  }

  /** Its queues are seen nowhere any more. */
  dropQueues(): void {
    if (this.#queueFs !== null) this.#remove(this.#queueFs.root.emptied());
  }

  get queueFs(): QueueFs {
    this.#queueFs ??= new QueueFs(this);
    return this.#queueFs;
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
  messageComes(length: number): boolean {
    const { counters, heap, commonMemory } = this.kernel;
    if (!heap.hasRoom("messages") || !heap.hasRoom("messageBytes", length) || !commonMemory.hasRoom(length))
      return false;
    counters.messages++;
    counters.messageBytes += length;
    return true;
  }

  messageGone(length: number): void {
    this.kernel.counters.messages--;
    this.kernel.counters.messageBytes -= length;
  }

  removeQueue(queue: MessageQueue): void {
    this.queues.remove(queue);
    queue.removed();
  }
}
