// What a kernel thread has put off to the end of a pass is done before anything else may hold it: before it sleeps, and before
// the event loop turns, in which its sandbox may end.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { PassEnd } from "../../src/workers/call/pass_end.ts";
import { type Asked, KernelThread, type LoopContext } from "../../src/workers/loop.ts";
import { ThreadFigures } from "../../src/workers/thread_figures.ts";

const FD = 5;

/** A thread whose guests ask nothing, and who hears whether each end of a pass is the last one. */
class Idle {
  readonly ends: boolean[] = [];
  readonly passEnd = new PassEnd();
  /** Descriptors are looked at, and found ready. */
  look: () => void = () => {};
  readonly #kernel: { owesAnswer: boolean };
  readonly #thread: KernelThread;

  /** How often somebody was told that the kernel does something. */
  moved = 0;
  readonly stillness = {
    isWatched: true,
    end: () => {
      this.moved++;
    },
  };
  /** Ready by itself, and the events that come beside it. */
  uvIsReady = false;
  events = 1;
  #onUv: () => void = () => {};
  /** Timers that are due. */
  expired = 0;
  readonly nextSteps = {
    any: false,
    run: () => {
      this.nextSteps.any = false;
    },
  };

  constructor() {
    const nothing = (): void => {};
    this.#kernel = {
      thread: 0,
      native: { monotonicNs: () => 1e9, getcpu: () => 0 },
      page: { setCpu: nothing },
      active: { limit: () => 0 },
      scanner: { begin: nothing, next: () => -1, anyRequest: () => false },
      passes: { loopTop: nothing, toggleAsleep: nothing },
      nextSteps: this.nextSteps,
      wakes: { next: nothing },
      passEnd: this.passEnd,
      counters: {},
      figures: new ThreadFigures(),
      placement: { pollNs: 1e9, sleepsAtOnce: true, isGathered: false, look: nothing },
      doorbell: FD,
      stubs: { outstanding: false },
      post: null,
      stillness: this.stillness,
      sleep: {
        add: (_fd: number, _events: number, onReady: () => void) => {
          this.#onUv = onReady;
        },
        addBell: nothing,
        wait: () => {
          this.look();
          if (this.uvIsReady) this.#onUv();
          return this.events;
        },
      },
      timers: { expire: () => this.expired },
      longTurns: { nr: -1, end: nothing, turned: nothing, settle: nothing },
      nowNs: 0,
      owesAnswer: false,
    } as { owesAnswer: boolean };
    const asked: Asked = { due: () => false, serve: nothing };
    const trim = { worked: nothing };
    const uv = { uvBackendFd: () => FD };
    this.#thread = new KernelThread(this.#kernel as LoopContext, asked, uv, trim as never);
  }

  /** Puts off something that waits as long as it is let. */
  putOff(): void {
    this.passEnd.add({
      passEnds: (isLast) => {
        this.ends.push(isLast);
        return isLast;
      },
    });
  }

  /** The event loop is wanted. */
  owe(): void {
    this.#kernel.owesAnswer = true;
  }

  /** Until the event loop is due. */
  run(): void {
    const { setImmediate } = globalThis;
    globalThis.setImmediate = (() => {}) as unknown as typeof setImmediate;
    try {
      this.#thread.run();
    } finally {
      globalThis.setImmediate = setImmediate;
    }
  }
}

test("what waits for more waits no longer when the event loop turns", () => {
  const idle = new Idle();
  idle.putOff();
  idle.owe();
  idle.run();
  assert.equal([idle.ends, idle.passEnd.any], [[false, true], false]);
});

test("what a descriptor has brought last is done, too", () => {
  const idle = new Idle();
  idle.look = () => {
    idle.putOff();
    idle.owe();
  };
  idle.run();
  assert.equal([idle.ends, idle.passEnd.any], [[true], false]);
});

test("who watches is told of what is not the event loop's alone", () => {
  for (const [uvIsReady, events, moved] of [
    [true, 1, 0],
    [true, 2, 1],
    [false, 1, 1],
    [false, 0, 0],
  ] as const) {
    const idle = new Idle();
    idle.uvIsReady = uvIsReady;
    idle.events = events;
    idle.owe();
    idle.run();
    assert.is(idle.moved, moved, `${uvIsReady} ${events}`);
  }
});

test("who watches is told of timers, and of calls that go on, for which the thread need not have slept", () => {
  for (const [expired, any] of [
    [0, true],
    [1, false],
  ] as const) {
    const idle = new Idle();
    Object.assign(idle, { expired, events: 0 });
    idle.nextSteps.any = any;
    idle.owe();
    idle.run();
    assert.is(idle.moved, 1, `${expired} ${any}`);
  }
});

test.run();
