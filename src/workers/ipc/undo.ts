// What is undone when a task ends (semop(2), SEM_UNDO): an adjustment for each semaphore that it has changed so.
// Tasks that were made with CLONE_SYSVSEM have one list. Only what is not zero is kept, and all of it counts.

import { ENOMEM } from "../../shared/abi/errno.ts";
import type { PidNumbers } from "../call/pid.ts";
import { SEMVMX } from "./limits.ts";
import type { IpcNamespace } from "./namespace.ts";
import type { SemaphoreSet } from "./semaphore_set.ts";

/** Adjustments that are made before others are served. */
const PIECE = 10_000;

/** The adjustments of one list to one set. */
export class Adjustments {
  readonly semaphores: SemaphoreSet;
  readonly #list: UndoList;
  readonly #values = new Map<number, number>();
  /** Where take() is: from the beginning each time, it would pass by all that it has taken. */
  #rest: MapIterator<[number, number]> | null = null;

  constructor(list: UndoList, set: SemaphoreSet) {
    this.#list = list;
    this.semaphores = set;
  }

  get(number: number): number {
    return this.#values.get(number) ?? 0;
  }

  set(number: number, value: number): void {
    const before = this.#values.size;
    if (value === 0) this.#values.delete(number);
    else this.#values.set(number, value);
    this.#list.namespace.kernel.counters.semaphoreUndos += this.#values.size - before;
  }

  /** Whether so many more may be kept. */
  hasRoom(more: number): boolean {
    return this.#list.namespace.kernel.heap.hasRoom("semaphoreUndos", more);
  }

  clear(): void {
    this.#list.namespace.kernel.counters.semaphoreUndos -= this.#values.size;
    this.#values.clear();
  }

  /** The set is gone. */
  forget(): void {
    this.clear();
    this.#list.forget(this.semaphores);
  }

  /** Takes an adjustment out; null: there are no more. None are added by then. */
  take(): [number, number] | null {
    this.#rest ??= this.#values.entries();
    const { value, done } = this.#rest.next();
    if (done) return null;
    this.set(value[0], 0);
    return value;
  }
}

export class UndoList {
  readonly namespace: IpcNamespace;
  readonly #sets = new Map<SemaphoreSet, Adjustments>();
  #tasks = 1;

  constructor(namespace: IpcNamespace) {
    this.namespace = namespace;
  }

  share(): UndoList {
    this.#tasks++;
    return this;
  }

  /** The list's adjustments to a set, or -ENOMEM. They count too. */
  of(set: SemaphoreSet): Adjustments | number {
    const known = this.#sets.get(set);
    if (known !== undefined) return known;
    const adjustments = new Adjustments(this, set);
    if (!adjustments.hasRoom(1)) return -ENOMEM;
    this.namespace.kernel.counters.semaphoreUndos++;
    this.#sets.set(set, adjustments);
    set.adjustments.add(adjustments);
    return adjustments;
  }

  forget(set: SemaphoreSet): void {
    if (this.#sets.delete(set)) this.namespace.kernel.counters.semaphoreUndos--;
  }

  /** A task has no more to do with the list: with the last one it is carried out, on behalf of that process. */
  release(process: PidNumbers): void {
    this.#tasks--;
    if (this.#tasks === 0 && this.#sets.size > 0) this.namespace.steps.run(() => this.#undoPiece(process));
  }

  #undoPiece(process: PidNumbers): boolean {
    let budget = PIECE;
    for (const [set, adjustments] of this.#sets) {
      for (let next = adjustments.take(); next !== null; next = adjustments.take()) {
        const [number, adjustment] = next;
        set.values[number] = Math.max(0, Math.min(SEMVMX, set.values[number]! + adjustment));
        set.pids[number] = process;
        set.operationTime = this.namespace.now();
        set.changed(number);
        if (--budget <= 0) return false;
      }
      set.adjustments.delete(adjustments);
      this.forget(set);
    }
    return true;
  }
}
