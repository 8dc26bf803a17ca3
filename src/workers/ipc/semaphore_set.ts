// A set of System V semaphores (semop(2)). The operations of a call happen together or not at all; one that
// cannot go on waits for the semaphore that is in its way, and is tried again when that has a value that lets it
// pass. So a change costs what waits for what has changed, and what is woken by it goes on in pieces (F26).

import { EAGAIN, EIDRM, ENOMEM, ERANGE } from "../../shared/abi/errno.ts";
import { IPC_NOWAIT, SEM_UNDO } from "../../shared/abi/ipc.ts";
import type { Caller } from "../call/caller.ts";
import type { PidNumbers } from "../call/pid.ts";
import { SEMAEM, SEMVMX } from "./limits.ts";
import type { IpcNamespace } from "./namespace.ts";
import type { IpcPermissions } from "./permissions.ts";
import type { Adjustments } from "./undo.ts";

/** perform's answer when an operation is in the way. No errno. */
export const WOULD_BLOCK = 1;
/** A waiter's result while there is none. */
export const PENDING = 1;
/** Operations that are tried, at most, before others are served. */
const PIECE = 20_000;
/** What it costs to let a waiter go on, in operations. */
const WAKE_COST = 100;

/** The operations of one call: number, change and flags of each. */
export class Operations {
  readonly count: number;
  readonly #words: Int16Array;
  readonly highest: number;
  readonly alters: boolean;
  readonly undoes: boolean;

  /** `bytes` holds `count` structures sembuf. */
  constructor(bytes: Uint8Array, count: number) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.count = count;
    this.#words = new Int16Array(3 * count);
    for (let i = 0; i < 3 * count; i++) this.#words[i] = view.getInt16(2 * i, true);
    let highest = 0;
    let alters = false;
    let undoes = false;
    for (let i = 0; i < count; i++) {
      highest = Math.max(highest, this.number(i));
      alters ||= this.change(i) !== 0;
      undoes ||= (this.flags(i) & SEM_UNDO) !== 0;
    }
    this.highest = highest;
    this.alters = alters;
    this.undoes = undoes;
  }

  number(i: number): number {
    return this.#words[3 * i]! & 0xffff;
  }

  change(i: number): number {
    return this.#words[3 * i + 1]!;
  }

  flags(i: number): number {
    return this.#words[3 * i + 2]!;
  }
}

/** A call that waits. */
export class SemaphoreWaiter {
  readonly task: Caller;
  readonly operations: Operations;
  readonly adjustments: Adjustments | null;
  /** PENDING, 0 or a negative errno. */
  result = PENDING;
  /** The semaphore that is in the way, and the value that it must have: exactly 0 changes, or at least that much. */
  number = -1;
  forZero = false;
  need = 0;

  constructor(task: Caller, operations: Operations, adjustments: Adjustments | null) {
    this.task = task;
    this.operations = operations;
    this.adjustments = adjustments;
  }
}

type Queues = Map<number, Set<SemaphoreWaiter>>;

export class SemaphoreSet {
  readonly namespace: IpcNamespace;
  readonly permissions: IpcPermissions;
  readonly values: Uint16Array;
  /** Who operated on each last. */
  readonly pids: (PidNumbers | null)[];
  operationTime = 0;
  changeTime: number;
  /** Of the undo lists that know this set. */
  readonly adjustments = new Set<Adjustments>();
  readonly #waiters = new Set<SemaphoreWaiter>();
  readonly #forIncrease: Queues = new Map();
  readonly #forZero: Queues = new Map();
  /** Semaphores whose waiters are to be tried. */
  readonly #changed = new Set<number>();
  #isTrying = false;
  // What keeps an operation from going on, after perform.
  #blockedAt = 0;
  #blockedForZero = false;
  #blockedNeed = 0;

  constructor(namespace: IpcNamespace, permissions: IpcPermissions, count: number) {
    this.namespace = namespace;
    this.permissions = permissions;
    this.values = new Uint16Array(count);
    this.pids = new Array<null>(count).fill(null);
    this.changeTime = namespace.now();
  }

  get count(): number {
    return this.values.length;
  }

  waitingForIncrease(number: number): number {
    return this.#forIncrease.get(number)?.size ?? 0;
  }

  waitingForZero(number: number): number {
    return this.#forZero.get(number)?.size ?? 0;
  }

  /** Does all of the operations, or none: 0, a negative errno, or WOULD_BLOCK. */
  perform(operations: Operations, adjustments: Adjustments | null, process: PidNumbers | null): number {
    const { values, pids } = this;
    const { count } = operations;
    if (operations.undoes && !adjustments!.hasRoom(count)) return -ENOMEM;
    let result = 0;
    let done = 0;
    for (; done < count; done++) {
      const number = operations.number(done);
      const change = operations.change(done);
      const value = values[number]!;
      if (change === 0 ? value !== 0 : value + change < 0) {
        result = (operations.flags(done) & IPC_NOWAIT) !== 0 ? -EAGAIN : WOULD_BLOCK;
        break;
      }
      if (value + change > SEMVMX) {
        result = -ERANGE;
        break;
      }
      if ((operations.flags(done) & SEM_UNDO) !== 0) {
        const adjusted = adjustments!.get(number) - change;
        if (adjusted < -SEMAEM - 1 || adjusted > SEMAEM) {
          result = -ERANGE;
          break;
        }
        adjustments!.set(number, adjusted);
      }
      values[number] = value + change;
    }
    if (result === 0) {
      for (let i = 0; i < count; i++) pids[operations.number(i)] = process;
      return 0;
    }
    const reached = done < count ? values[operations.number(done)]! : 0;
    this.#takeBack(operations, adjustments, done);
    if (result === WOULD_BLOCK) {
      const number = operations.number(done);
      const change = operations.change(done);
      this.#blockedAt = number;
      this.#blockedForZero = change === 0;
      // What the operations before make of the value is the same at every try.
      this.#blockedNeed = -change - (reached - values[number]!);
    }
    return result;
  }

  #takeBack(operations: Operations, adjustments: Adjustments | null, done: number): void {
    for (let i = done - 1; i >= 0; i--) {
      const number = operations.number(i);
      const change = operations.change(i);
      this.values[number]! -= change;
      if ((operations.flags(i) & SEM_UNDO) !== 0) adjustments!.set(number, adjustments!.get(number) + change);
    }
  }

  // ---- Waiting ----

  /** Puts a call in line that perform has just found to block. */
  enqueue(waiter: SemaphoreWaiter): void {
    this.#waiters.add(waiter);
    this.#block(waiter);
  }

  dequeue(waiter: SemaphoreWaiter): void {
    if (!this.#waiters.delete(waiter)) return;
    this.#unblock(waiter);
  }

  #block(waiter: SemaphoreWaiter): void {
    const isSame = waiter.number === this.#blockedAt && waiter.forZero === this.#blockedForZero;
    waiter.need = this.#blockedNeed;
    if (isSame) return; // it keeps its place
    this.#unblock(waiter);
    waiter.number = this.#blockedAt;
    waiter.forZero = this.#blockedForZero;
    const queues = waiter.forZero ? this.#forZero : this.#forIncrease;
    const queue = queues.get(waiter.number);
    if (queue === undefined) queues.set(waiter.number, new Set([waiter]));
    else queue.add(waiter);
  }

  #unblock(waiter: SemaphoreWaiter): void {
    if (waiter.number < 0) return;
    const queues = waiter.forZero ? this.#forZero : this.#forIncrease;
    const queue = queues.get(waiter.number);
    queue?.delete(waiter);
    if (queue?.size === 0) queues.delete(waiter.number);
    waiter.number = -1;
  }

  #finish(waiter: SemaphoreWaiter, result: number): void {
    this.dequeue(waiter);
    waiter.result = result;
    waiter.task.call.completeWait(0);
  }

  /** The operations' semaphores have new values. */
  operated(operations: Operations): void {
    this.operationTime = this.namespace.now();
    if (!operations.alters || this.#waiters.size === 0) return;
    this.#noteChanges(operations);
    if (this.#changed.size > 0) this.#try();
  }

  /** One semaphore has a new value. */
  changed(number: number): void {
    if (this.#waiters.size === 0) return;
    this.#changed.add(number);
    this.#try();
  }

  /** All may have new values. */
  allChanged(): void {
    for (const number of this.#forIncrease.keys()) this.#changed.add(number);
    for (const number of this.#forZero.keys()) this.#changed.add(number);
    this.#try();
  }

  #try(): void {
    if (this.#isTrying) return;
    this.#isTrying = true;
    this.namespace.steps.run(() => {
      const isDone = this.#tryPiece();
      if (isDone) this.#isTrying = false;
      return isDone;
    });
  }

  #tryPiece(): boolean {
    let budget = PIECE;
    for (const number of this.#changed) {
      // What is added while it is tried is visited once more.
      this.#changed.delete(number);
      // Those who wait for zero first, as Linux does: they change nothing.
      budget = this.#tryQueue(this.#forZero.get(number), number, budget);
      if (budget > 0) budget = this.#tryQueue(this.#forIncrease.get(number), number, budget);
      if (budget > 0) continue;
      this.#changed.add(number);
      return false;
    }
    return true;
  }

  #tryQueue(queue: Set<SemaphoreWaiter> | undefined, number: number, budget: number): number {
    if (queue === undefined) return budget;
    for (const waiter of queue) {
      if (budget <= 0) break;
      budget--;
      const value = this.values[number]!;
      if (waiter.forZero ? value !== waiter.need : value < waiter.need) continue;
      const { operations, adjustments, task } = waiter;
      budget -= operations.count;
      const result = this.perform(operations, adjustments, task.process);
      if (result === WOULD_BLOCK) {
        this.#block(waiter);
        continue;
      }
      budget -= WAKE_COST;
      this.#finish(waiter, result);
      if (result !== 0) continue;
      this.operationTime = this.namespace.now();
      if (operations.alters) this.#noteChanges(operations);
    }
    return budget;
  }

  #noteChanges(operations: Operations): void {
    for (let i = 0; i < operations.count; i++) {
      const number = operations.number(i);
      if (operations.change(i) === 0) continue;
      // Less of it helps those alone who wait for zero.
      if (operations.change(i) > 0 || this.#forZero.has(number)) this.#changed.add(number);
    }
  }

  /** Everybody who waits is told that the set is gone. */
  removed(): void {
    for (const adjustments of this.adjustments) adjustments.forget();
    this.adjustments.clear();
    this.#changed.clear();
    this.namespace.steps.run(() => {
      let budget = PIECE;
      for (const waiter of this.#waiters) {
        if (budget <= 0) return false;
        budget -= WAKE_COST;
        this.#finish(waiter, -EIDRM);
      }
      return true;
    });
  }
}
