// Contexts of asynchronous I/O (io_setup(2)): events of requests that are over, until somebody takes them. An address
// space has its own, which end with it, and which no child gets.

import type { Caller } from "../../call/caller.ts";

/** struct io_event, but for what is always 0. */
export interface AioEvent {
  /** As the request has it. */
  readonly data: Uint8Array;
  /** Where the request stands in guest memory. */
  readonly request: number;
  /** Bytes, or a negative errno. */
  readonly result: number;
}

/** What contexts count: room for events, whether or not they are there. */
interface Account {
  aioEvents: number;
}

export class AioContext {
  /** Requests that are under way, and events, at most. */
  readonly capacity: number;
  readonly #events: AioEvent[] = [];
  readonly #sleepers = new Set<Caller>();
  #underWay = 0;
  isGone = false;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get hasRoom(): boolean {
    return this.#underWay + this.#events.length < this.capacity;
  }

  /** The first events, so many at most; they stay until they are dropped. */
  first(most: number): readonly AioEvent[] {
    return this.#events.slice(0, most);
  }

  drop(count: number): void {
    this.#events.splice(0, count);
  }

  /** They could not be delivered. */
  putBack(events: readonly AioEvent[]): void {
    this.#events.unshift(...events);
  }

  begin(): void {
    this.#underWay++;
  }

  /** A request is over; null: with no event, as its task is gone. */
  end(event: AioEvent | null): void {
    this.#underWay--;
    if (event === null || this.isGone) return;
    this.#events.push(event);
    this.wake();
  }

  sleep(task: Caller): void {
    this.#sleepers.add(task);
  }

  awake(task: Caller): void {
    this.#sleepers.delete(task);
  }

  /** Everybody who waits looks again. */
  wake(): void {
    const sleepers = [...this.#sleepers];
    this.#sleepers.clear();
    for (const { call } of sleepers) call.completeWait(0);
  }
}

export class AioContexts {
  readonly #account: Account;
  /** By the address of the page that stands for it. */
  readonly #contexts = new Map<number, AioContext>();

  constructor(account: Account) {
    this.#account = account;
  }

  get(id: number): AioContext | undefined {
    return this.#contexts.get(id);
  }

  /** One is about to be made: it counts from now on, before its maker waits for anything. */
  reserve(context: AioContext): void {
    this.#account.aioEvents += context.capacity;
  }

  /** It was not made. */
  giveUp(context: AioContext): void {
    this.#account.aioEvents -= context.capacity;
  }

  /** One that was reserved. */
  add(id: number, context: AioContext): void {
    // The guest has unmapped the page of another, and mapped this one in its place.
    this.remove(id);
    this.#contexts.set(id, context);
  }

  /** Whether there was one. */
  remove(id: number): boolean {
    const context = this.#contexts.get(id);
    if (context === undefined) return false;
    this.#contexts.delete(id);
    this.giveUp(context);
    context.isGone = true;
    context.wake();
    return true;
  }

  /** The address space is gone. */
  release(): void {
    for (const id of this.#contexts.keys()) this.remove(id);
  }
}
