// What a kernel thread sleeps on: one epoll set that holds its doorbell, the libuv descriptor of its
// event loop, the seccomp listener, pidfds and host streams. Level-triggered; a cookie finds the
// callback. Besides the kernel thread's wait nothing in the kernel ever blocks.

import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } from "../shared/abi/poll.ts";
import type { Native } from "./native.ts";

const EVENTS_PER_WAIT = 64;
/** Where a wait leaves in the scratch area when and where it ended (rf_epoll_wait). */
const ENDED_AT = EVENTS_PER_WAIT * 8;
const ENDED_ON = ENDED_AT + 8;

export type OnReady = (events: number) => void;

/** Who measures what callbacks take (call/long_turns.ts). */
export interface EventTurns {
  nr: number;
  begin(nowNs: number): void;
  end(what: string, how: OnReady): void;
}

export class SleepSet {
  readonly #native: Native;
  readonly #epoll: number;
  readonly #callbacks: (OnReady | undefined)[] = [];
  readonly #free: number[] = [];
  /** CLOCK_MONOTONIC at the end of the last wait, and the CPU that it ended on. */
  nowNs = 0;
  cpu = 0;
  readonly #events = new Int32Array(EVENTS_PER_WAIT * 2);

  constructor(native: Native) {
    this.#native = native;
    this.#epoll = native.epollCreate();
    if (this.#epoll < 0) throw new Error(`sleep set: epoll_create1 failed with errno ${-this.#epoll}`);
  }

  /** That of the set itself: another thread's, or another set, may be told by it that this one has something. */
  get descriptor(): number {
    return this.#epoll;
  }

  /** Nothing is watched any more. */
  close(): void {
    this.#native.close(this.#epoll);
    this.#callbacks.fill(undefined);
  }

  /** Descriptors that are watched: for counters. */
  get size(): number {
    return this.#callbacks.length - this.#free.length;
  }

  /** Watches a descriptor; returns the cookie that names the watch, or a negative errno (EPERM: a regular file). */
  add(fd: number, events: number, onReady: OnReady): number {
    const cookie = this.#free.pop() ?? this.#callbacks.length;
    const error = this.#native.epollCtl(this.#epoll, EPOLL_CTL_ADD, fd, events, cookie);
    if (error < 0) {
      if (cookie === this.#callbacks.length) this.#callbacks.push(undefined);
      this.#free.push(cookie);
      return error;
    }
    this.#callbacks[cookie] = onReady;
    return cookie;
  }

  /** Has a doorbell end waits; it is silent then. */
  addBell(bell: number): void {
    const error = this.#native.epollAddBell(this.#epoll, bell);
    if (error < 0) throw new Error(`sleep set: epoll_ctl failed with errno ${-error}`);
  }

  /** Changes what a watch waits for. */
  modify(fd: number, events: number, cookie: number): number {
    return this.#native.epollCtl(this.#epoll, EPOLL_CTL_MOD, fd, events, cookie);
  }

  /** Ends a watch; call it before the descriptor is closed. */
  remove(fd: number, cookie: number): void {
    this.#native.epollCtl(this.#epoll, EPOLL_CTL_DEL, fd, 0, 0);
    this.#callbacks[cookie] = undefined;
    this.#free.push(cookie);
  }

  /** Waits up to timeoutNs (0: only looks, negative: for ever) and runs the callbacks of what is ready. */
  wait(timeoutNs: number, turns: EventTurns): number {
    const ready = this.#native.epollWait(this.#epoll, EVENTS_PER_WAIT, timeoutNs);
    this.nowNs = this.#native.scratchView.getFloat64(ENDED_AT, true);
    this.cpu = this.#native.scratchView.getInt32(ENDED_ON, true);
    turns.begin(this.nowNs);
    if (ready <= 0) return 0;
    turns.nr = -1;
    // Callbacks use the scratch area themselves.
    this.#events.set(this.#native.scratchWords.subarray(0, ready * 2));
    for (let i = 0; i < ready; i++) {
      // A callback before this one may have ended the watch.
      const onReady = this.#callbacks[this.#events[2 * i + 1]!];
      if (onReady === undefined) continue;
      onReady(this.#events[2 * i]! >>> 0);
      turns.end("event", onReady);
    }
    return ready;
  }
}
