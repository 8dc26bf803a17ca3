// A kernel thread: the loop that looks for requests, serves them, and sleeps when there are none. It
// never awaits; between turns of its loop it returns to Node's event loop, so that messages of the
// main thread (comlink), termination and profiling get through.
//
// While it sleeps, its sleep set holds the event loop's own descriptor: whatever concerns libuv wakes
// it like a doorbell. While it is busy it turns the event loop when the main thread asks and at least
// every TURN_INTERVAL_NS.

import { EPOLLIN } from "../shared/abi/poll.ts";
import type { ActiveChunks } from "../shared/ring/active.ts";
import type { KernelPage } from "../shared/ring/kernel_page.ts";
import type { Passes } from "../shared/ring/quiescence.ts";
import type { Scanner } from "../shared/ring/scan.ts";
import type { NextSteps } from "./call/next_steps.ts";
import type { PassEnd } from "./call/pass_end.ts";
import type { Wakes } from "./call/wakes.ts";
import type { Counters } from "./counters.ts";
import type { IdleTrim } from "./idle_trim.ts";
import { type EventsContext, expireTimers, waitForEvents } from "./loop_events.ts";
import type { Native } from "./native.ts";
import type { Stillness } from "./stillness.ts";
import type { ThreadFigures } from "./thread_figures.ts";

/**
 * Between two looks at the clock: so many idle passes over a few chunks, each of which takes tens of nanoseconds. A
 * busy one counts for several, and one over many chunks for as many as CHUNKS_A_PASS goes into them.
 */
const IDLE_PASSES_PER_LOOK = 64;
const BUSY_PASS = 4;
const CHUNKS_A_PASS = 16;
/** While a notification is to come: the look for it takes as long as several idle passes. */
const PASSES_PER_NOTIFICATION = 8;
const LOOK_INTERVAL_NS = 1e6;
const TURN_INTERVAL_NS = 10e6;
const MIN_TURNS = 2;

/** The libuv side of the calling thread (native/host/napi.c). */
export interface UvLoop {
  uvBackendFd(): number;
}

/** Who else wants the event loop to turn: the main thread, where that is another one. */
export interface Asked {
  /** A request is on its way. */
  due(): boolean;
  /** It was served. */
  serve(): void;
}

/** How long a thread polls before it sleeps, and who looks at what it does. */
export interface LoopPlacement {
  readonly pollNs: number;
  readonly sleepsAtOnce: boolean;
  /** All threads are on one CPU. */
  readonly isGathered: boolean;
  /** There is work, and the clock was looked at. */
  look(nowNs: number): void;
  boundSleep(timeoutNs: number): number;
  slept(sleptNs: number, nowNs: number): void;
}

/** What the loop uses of the kernel of its thread. */
export interface LoopContext extends EventsContext {
  readonly thread: number;
  readonly native: Native;
  readonly page: KernelPage;
  readonly active: ActiveChunks;
  readonly scanner: Scanner;
  readonly passes: Passes;
  readonly nextSteps: NextSteps;
  readonly wakes: Wakes;
  readonly passEnd: PassEnd;
  readonly counters: Counters;
  readonly figures: ThreadFigures;
  readonly placement: LoopPlacement;
  readonly doorbell: number;
  /** Outcomes that have woken nobody; null: there are none. */
  readonly quiet: { look(): void } | null;
  /** Who is told when the kernel does anything; null: nobody can be (stillness.ts). */
  readonly stillness: Stillness | null;
  readonly requests: { serve(slot: number, request: number, nr: number): void };
  /** Something is to come that only the sleep set tells. */
  readonly stubs: { readonly outstanding: boolean };
  /** What other kernel threads say; null: there are none. */
  readonly post: LoopPost | null;
  /** What it has drawn of what all have in common; null: there are no others. */
  readonly credits: { settle(isGoingToSleep: boolean): void } | null;
  nowNs: number;
  owesAnswer: boolean;
}

/** Messages of other kernel threads. */
export interface LoopPost {
  /** At the loop top: sends what has found no room, and takes what has come. Whether anything had. */
  exchange(): boolean;
  /** Part of the last look before the thread blocks. */
  readonly isWaiting: boolean;
}

export class KernelThread {
  readonly #kernel: LoopContext;
  readonly #asked: Asked;
  readonly #trim: IdleTrim;
  #turnsLeft = 0;
  #uvReady = false;
  #lastLookNs = 0;
  #lastTurnNs = 0;
  #lastBusyNs = 0;
  /** When time was accounted for last (thread_figures.ts). */
  #lastClockNs = 0;

  constructor(kernel: LoopContext, asked: Asked, uv: UvLoop, trim: IdleTrim) {
    this.#kernel = kernel;
    this.#asked = asked;
    this.#trim = trim;
    kernel.sleep.add(uv.uvBackendFd(), EPOLLIN, () => {
      this.#uvReady = true;
    });
    kernel.sleep.addBell(kernel.doorbell);
  }

  /** Runs until the event loop is due, then comes back after it has turned. */
  run = (): void => {
    const { longTurns, native, figures } = this.#kernel;
    longTurns.nr = -1;
    longTurns.end("event loop", null);
    longTurns.turned();
    this.#lastTurnNs = native.monotonicNs();
    this.#lastClockNs = this.#lastTurnNs;
    if (figures.startedNs < 0) figures.startedNs = this.#lastTurnNs;
    if (this.#turnsLeft > 0) this.#turnsLeft--;
    else {
      this.#loop();
      // The event loop may take long, and may end the sandbox.
      if (this.#kernel.passEnd.any) this.#kernel.passEnd.run(true);
    }
    setImmediate(this.run);
  };

  #loop(): void {
    const kernel = this.#kernel;
    const { post } = kernel;
    let passes = 0;
    let busy = false;
    let stepped = false;
    let passesUnseen = 0;
    for (;;) {
      kernel.passes.loopTop();
      const told = post?.exchange() === true;
      const isGathered = kernel.placement.isGathered;
      if (isGathered) kernel.wakes.hold();
      const served = this.#serveSlots() || told;
      let pass = (kernel.active.limit() / CHUNKS_A_PASS) | 0;
      if (served) {
        busy = true;
        pass += BUSY_PASS;
      } else pass += kernel.placement.sleepsAtOnce ? IDLE_PASSES_PER_LOOK : 1;
      passes += pass;
      if (kernel.nextSteps.any) {
        stepped = true;
        kernel.nextSteps.run();
      }
      if (isGathered) kernel.wakes.letGo();
      if (kernel.passEnd.any) kernel.passEnd.run(false, pass);
      if (kernel.stubs.outstanding && ++passesUnseen === PASSES_PER_NOTIFICATION) {
        passesUnseen = 0;
        this.#look();
        // Whoever asks over the control socket waits for no more passes.
        if (this.#uvReady) passes = IDLE_PASSES_PER_LOOK;
      }
      if (passes < IDLE_PASSES_PER_LOOK) continue;
      passes = 0;
      const now = kernel.native.monotonicNs();
      kernel.nowNs = now;
      if (busy) {
        this.#lastBusyNs = now;
        this.#trim.worked();
      } else kernel.figures.spinNs += now - this.#lastClockNs;
      this.#lastClockNs = now;
      if (expireTimers(kernel, now) > 0) stepped = true;
      if (busy || stepped) this.#moves();
      if (now - this.#lastLookNs > LOOK_INTERVAL_NS) {
        this.#lastLookNs = now;
        this.#look();
        // The host may have moved the thread; stubs on its CPU poll in no case.
        kernel.page.setCpu(kernel.thread, kernel.native.getcpu());
        kernel.credits?.settle(false);
      }
      if (this.#asked.due() || this.#uvReady || kernel.owesAnswer) {
        kernel.owesAnswer = false;
        this.#turnsLeft = MIN_TURNS - 1;
        this.#uvReady = false;
        return;
      }
      if (now - this.#lastTurnNs > TURN_INTERVAL_NS) return;
      kernel.placement.look(now);
      if (!served && !kernel.nextSteps.any && now - this.#lastBusyNs >= kernel.placement.pollNs)
        this.#sleep(now);
      busy = false;
      stepped = false;
    }
  }

  #serveSlots(): boolean {
    const { scanner, wakes } = this.#kernel;
    let busy = false;
    scanner.begin();
    for (let slot = scanner.next(); slot >= 0; slot = scanner.next()) {
      busy = true;
      wakes.next();
      this.#kernel.requests.serve(slot, scanner.request, scanner.nr(slot));
    }
    return busy;
  }

  #look(): void {
    const events = waitForEvents(this.#kernel, 0);
    if (events === 0) return;
    this.#lastBusyNs = this.#kernel.native.monotonicNs();
    if (events > 1 || !this.#uvReady) this.#moves();
  }

  /** What was done is none of the event loop's, which may be the answer to who watches. */
  #moves(): void {
    const { stillness } = this.#kernel;
    if (stillness?.isWatched === true) stillness.end();
  }

  // Sets the flag, looks once more, then blocks; only this thread clears the flag.
  #sleep(nowNs: number): void {
    const kernel = this.#kernel;
    if (kernel.passEnd.any) kernel.passEnd.run(true);
    kernel.credits?.settle(true);
    kernel.page.setSleeping(kernel.thread);
    if (
      !kernel.scanner.anyRequest() &&
      kernel.post?.isWaiting !== true &&
      !this.#asked.due() &&
      !kernel.owesAnswer
    ) {
      kernel.counters.sleeps++;
      kernel.passes.toggleAsleep();
      const timeoutNs = kernel.placement.boundSleep(this.#trim.bound(this.#timeoutNs(nowNs)));
      if (waitForEvents(kernel, timeoutNs) !== 1 || !this.#uvReady) this.#moves();
      kernel.passes.toggleAsleep();
      kernel.page.setCpu(kernel.thread, kernel.sleep.cpu);
      kernel.nowNs = kernel.sleep.nowNs;
      kernel.figures.sleepNs += kernel.nowNs - nowNs;
      kernel.quiet?.look();
      this.#lastClockNs = kernel.nowNs;
    }
    kernel.page.clearSleeping(kernel.thread);
    kernel.placement.slept(kernel.nowNs - nowNs, kernel.nowNs);
    this.#trim.afterSleep(kernel.nowNs - nowNs);
    this.#lastBusyNs = kernel.nowNs;
  }

  #timeoutNs(nowNs: number): number {
    const deadline = this.#kernel.timers.nextDeadlineNs();
    return deadline === Number.POSITIVE_INFINITY ? -1 : Math.max(0, deadline - nowNs);
  }
}
