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

  constructor() {
    const nothing = (): void => {};
    this.#kernel = {
      thread: 0,
      native: { monotonicNs: () => 1e9, getcpu: () => 0 },
      page: { setCpu: nothing },
      active: { limit: () => 0 },
      scanner: { begin: nothing, next: () => -1, anyRequest: () => false },
      passes: { loopTop: nothing, toggleAsleep: nothing },
      nextSteps: { any: false },
      wakes: { next: nothing },
      passEnd: this.passEnd,
      counters: {},
      figures: new ThreadFigures(),
      placement: { pollNs: 1e9, sleepsAtOnce: true, isGathered: false, look: nothing },
      doorbell: FD,
      stubs: { outstanding: false },
      post: null,
      sleep: {
        add: nothing,
        addBell: nothing,
        wait: () => {
          this.look();
          return 1;
        },
      },
      timers: { expire: nothing },
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

test.run();
