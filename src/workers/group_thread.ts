// A kernel thread that several kernels share (architecture.md, "Several kernels in a process"): each has a pass in turn, and
// what it has put off is done before the next one's. So however much one has to do, the others wait for a pass of it, which is
// bounded. The thread sleeps when none has anything to do, until the earliest deadline of all.
//
// Nothing is common to the kernels but the thread: each has a sleep set, and a doorbell in it, of its own. The thread's set has
// those sets and the event loop in it, and says which of them has something. A kernel alone has no use for that, and for the
// one more look that it costs: loop.ts is its loop.

import { EPOLLIN } from "../shared/abi/poll.ts";
import type { IdleTrim } from "./idle_trim.ts";
import type { Asked, LoopContext, UvLoop } from "./loop.ts";
import { expireTimers, waitForEvents } from "./loop_events.ts";
import type { Native } from "./native.ts";
import { type EventTurns, SleepSet } from "./sleep_set.ts";

/**
 * Requests of one kernel before the next one has its turn: each takes microseconds. Where they take longer the pass ends by the
 * clock, which is asked every few of them.
 */
const REQUESTS_A_PASS = 64;
const REQUESTS_A_LOOK = 8;
const PASS_NS = 1e6;
/** Between two looks at the clock: passes, of which a busy one counts for several. */
const PASSES_PER_LOOK = 64;
const BUSY_PASS = 4;
/** While a notification is to come: passes of that kernel between two looks for it. */
const PASSES_PER_NOTIFICATION = 8;
const LOOK_INTERVAL_NS = 1e6;
const TURN_INTERVAL_NS = 10e6;
const MIN_TURNS = 2;

/** Callbacks of the thread's own set take no time. */
const NO_TURNS: EventTurns = { nr: -1, begin: () => {}, end: () => {} };

/** A kernel that shares its thread. */
export interface GroupKernel extends LoopContext {
  readonly sleep: SleepSet;
}

/** Throws of a kernel that nobody catches, while it is being ended; and how long it has no pass behind each. */
const THROWS_MAX = 100;
const REST_NS = 10e6;

/** A kernel threw where nobody catches. */
type OnThrow = (error: unknown) => void;

class Member {
  readonly kernel: GroupKernel;
  readonly asked: Asked;
  readonly onThrow: OnThrow;
  /** How often it has thrown where nobody catches. */
  throws = 0;
  /** It has no pass before that time, unless it is 0. */
  restsUntilNs = 0;
  /** Its sleep set has something. */
  isReady = false;
  /** Its scanner is in the midst of a pass. */
  isScanning = false;
  passesUnseen = 0;
  /** It had something to do since the last look at the clock. */
  wasBusy = false;
  cookie = -1;

  constructor(kernel: GroupKernel, asked: Asked, onThrow: OnThrow) {
    this.kernel = kernel;
    this.asked = asked;
    this.onThrow = onThrow;
  }

  /** One pass: whether there was anything to do. */
  pass(): boolean {
    const { kernel } = this;
    kernel.longTurns.resume();
    kernel.passes.loopTop();
    kernel.quiet?.look();
    const told = kernel.post?.exchange() === true;
    const isBusy = this.#serveSlots() || told;
    if (kernel.nextSteps.any) kernel.nextSteps.run();
    if (kernel.passEnd.any) kernel.passEnd.run(false, isBusy ? BUSY_PASS : 1);
    if (kernel.stubs.outstanding && ++this.passesUnseen >= PASSES_PER_NOTIFICATION) {
      this.passesUnseen = 0;
      this.isReady = true;
    }
    if (this.isReady) this.look();
    kernel.longTurns.settle();
    this.wasBusy ||= isBusy;
    return isBusy;
  }

  // At most one request a chunk, as a kernel alone does it; but of many chunks a part at a time.
  #serveSlots(): boolean {
    const { scanner, requests, native } = this.kernel;
    if (!this.isScanning) scanner.begin();
    this.isScanning = true;
    let firstLookNs = 0;
    for (let left = REQUESTS_A_PASS; left > 0; left--) {
      const slot = scanner.next();
      if (slot < 0) {
        this.isScanning = false;
        return left < REQUESTS_A_PASS;
      }
      requests.serve(slot, scanner.request, scanner.nr(slot));
      if (left % REQUESTS_A_LOOK !== 1) continue;
      const nowNs = native.monotonicNs();
      if (firstLookNs === 0) firstLookNs = nowNs;
      else if (nowNs - firstLookNs > PASS_NS) break;
    }
    return true;
  }

  /** Looks at its sleep set; whether there was anything. */
  look(): boolean {
    this.isReady = false;
    return waitForEvents(this.kernel, 0) > 0;
  }

  /** What is due by the clock. `elapsedNs`: since the last time, in which others may have worked. */
  tend(nowNs: number, elapsedNs: number): void {
    const { kernel } = this;
    kernel.nowNs = nowNs;
    if (!this.wasBusy) kernel.figures.spinNs += elapsedNs;
    this.wasBusy = false;
    if (kernel.timers.nextDeadlineNs() > nowNs) return;
    kernel.longTurns.resume();
    expireTimers(kernel, nowNs);
    kernel.longTurns.settle();
  }

  get owes(): boolean {
    return this.kernel.owesAnswer || this.asked.due();
  }

  /** The last look before the thread blocks, behind the sleeping flag. */
  get isQuiet(): boolean {
    const { kernel } = this;
    return (
      this.restsUntilNs === 0 &&
      !this.isReady &&
      !this.isScanning &&
      !this.owes &&
      !kernel.nextSteps.any &&
      kernel.post?.isWaiting !== true &&
      !kernel.scanner.anyRequest()
    );
  }

  setSleeping(): void {
    const { kernel } = this;
    kernel.credits?.settle(true);
    kernel.page.setSleeping(kernel.thread);
  }
}

export class GroupThread {
  readonly #native: Native;
  readonly #trim: IdleTrim;
  readonly #sleep: SleepSet;
  readonly #members: Member[] = [];
  /** Whose turn it is. */
  #next = 0;
  #runs = false;
  #turnsLeft = 0;
  #uvReady = false;
  #lastLookNs = 0;
  #lastTurnNs = 0;
  #lastBusyNs = 0;
  #lastClockNs = 0;

  constructor(native: Native, uv: UvLoop, trim: IdleTrim) {
    this.#native = native;
    this.#trim = trim;
    this.#sleep = new SleepSet(native);
    this.#sleep.add(uv.uvBackendFd(), EPOLLIN, () => {
      this.#uvReady = true;
    });
  }

  /** Kernels that it has. */
  get size(): number {
    return this.#members.length;
  }

  /**
   * A kernel that has turns from now on. `onThrow`: it has thrown where nobody catches, and is to be ended; one that goes on
   * throwing takes the thread along. Throws: the host has nothing to watch it by. Not from a kernel's turn.
   */
  add(kernel: GroupKernel, asked: Asked, onThrow: OnThrow): void {
    const member = new Member(kernel, asked, onThrow);
    kernel.sleep.addBell(kernel.doorbell);
    member.cookie = this.#sleep.add(kernel.sleep.descriptor, EPOLLIN, () => {
      member.isReady = true;
    });
    if (member.cookie < 0) throw new Error(`a kernel's sleep set: errno ${-member.cookie}`);
    this.#members.push(member);
    if (this.#runs) return;
    this.#runs = true;
    setImmediate(this.run);
  }

  /** A kernel has no turn any more: call it before its sleep set is closed, and not from a kernel's turn. */
  remove(kernel: GroupKernel): void {
    const at = this.#members.findIndex((member) => member.kernel === kernel);
    if (at < 0) return;
    const [member] = this.#members.splice(at, 1);
    this.#sleep.remove(kernel.sleep.descriptor, member!.cookie);
  }

  /** Runs until the event loop is due, then comes back after it has turned. */
  run = (): void => {
    const members = this.#members;
    this.#lastTurnNs = this.#native.monotonicNs();
    this.#lastClockNs = this.#lastTurnNs;
    for (const { kernel } of members) {
      kernel.longTurns.turned();
      if (kernel.figures.startedNs < 0) kernel.figures.startedNs = this.#lastTurnNs;
    }
    if (this.#turnsLeft > 0) this.#turnsLeft--;
    else if (members.length > 0) {
      this.#loop();
      for (const member of members) this.#turnEnds(member);
    }
    this.#runs = members.length > 0;
    if (this.#runs) setImmediate(this.run);
  };

  #loop(): void {
    const members = this.#members;
    const idlePass = Math.max(1, (PASSES_PER_LOOK / members.length) | 0);
    let passes = 0;
    let busy = false;
    /** Kernels in a row that had nothing to do. */
    let idle = 0;
    for (;;) {
      if (this.#next >= members.length) this.#next = 0;
      if (this.#pass(members[this.#next++]!)) {
        busy = true;
        idle = 0;
        passes += BUSY_PASS;
      } else {
        idle++;
        passes += idlePass;
      }
      if (passes < PASSES_PER_LOOK) continue;
      passes = 0;
      const now = this.#native.monotonicNs();
      if (busy) {
        this.#lastBusyNs = now;
        this.#trim.worked();
      }
      for (const member of members) this.#tend(member, now);
      this.#lastClockNs = now;
      if (now - this.#lastLookNs > LOOK_INTERVAL_NS) {
        this.#lastLookNs = now;
        this.#look(0);
        for (const { kernel } of members) kernel.credits?.settle(false);
      }
      if (this.#uvReady || this.#owes()) {
        this.#turnsLeft = MIN_TURNS - 1;
        this.#uvReady = false;
        return;
      }
      if (now - this.#lastTurnNs > TURN_INTERVAL_NS) return;
      if (idle >= members.length) {
        idle = 0;
        this.#rest(now);
      }
      busy = false;
    }
  }

  #pass(member: Member): boolean {
    if (member.restsUntilNs > 0 && this.#isResting(member)) return false;
    try {
      return member.pass();
    } catch (error) {
      this.#threw(member, error);
      return true;
    }
  }

  // The thread does not sleep meanwhile: that ends soon.
  #isResting(member: Member): boolean {
    if (this.#native.monotonicNs() < member.restsUntilNs) return true;
    member.restsUntilNs = 0;
    return false;
  }

  #tend(member: Member, nowNs: number): void {
    if (member.restsUntilNs > 0) return;
    try {
      member.tend(nowNs, nowNs - this.#lastClockNs);
    } catch (error) {
      this.#threw(member, error);
    }
  }

  #turnEnds(member: Member): void {
    try {
      if (member.restsUntilNs === 0 && member.kernel.passEnd.any) member.kernel.passEnd.run(true);
    } catch (error) {
      this.#threw(member, error);
    }
  }

  #setSleeping(member: Member): void {
    this.#turnEnds(member);
    member.setSleeping();
  }

  #threw(member: Member, error: unknown): void {
    if (++member.throws > THROWS_MAX) throw error;
    member.restsUntilNs = this.#native.monotonicNs() + REST_NS;
    setImmediate(() => member.onThrow(error));
    // The event loop turns, and tells who is to end it.
    member.kernel.owesAnswer = true;
  }

  /** An answer is owed, or asked for. Those that owe are served when the event loop has turned. */
  #owes(): boolean {
    let owes = false;
    for (const member of this.#members) {
      if (!member.owes) continue;
      member.kernel.owesAnswer = false;
      owes = true;
    }
    return owes;
  }

  /** Waits for the sets of all; who has something looks at it in its next pass. */
  #look(timeoutNs: number): void {
    this.#sleep.wait(timeoutNs, NO_TURNS);
  }

  // Sets the flags, looks once more, then blocks; only this thread clears the flags.
  #rest(nowNs: number): void {
    const members = this.#members;
    let pollNs = 0;
    for (const { kernel } of members) pollNs = Math.max(pollNs, kernel.placement.pollNs);
    if (nowNs - this.#lastBusyNs < pollNs) return;
    for (const member of members) this.#setSleeping(member);
    let isQuiet = true;
    for (const member of members) isQuiet &&= member.isQuiet;
    if (isQuiet) {
      for (const { kernel } of members) {
        kernel.counters.sleeps++;
        kernel.passes.toggleAsleep();
      }
      this.#look(this.#trim.bound(this.#timeoutNs(nowNs)));
      for (const { kernel } of members) {
        kernel.passes.toggleAsleep();
        kernel.page.setCpu(kernel.thread, this.#sleep.cpu);
        kernel.nowNs = this.#sleep.nowNs;
        kernel.figures.sleepNs += this.#sleep.nowNs - nowNs;
      }
      this.#lastClockNs = this.#sleep.nowNs;
      this.#trim.afterSleep(this.#sleep.nowNs - nowNs);
      this.#lastBusyNs = this.#sleep.nowNs;
    }
    for (const { kernel } of members) kernel.page.clearSleeping(kernel.thread);
  }

  #timeoutNs(nowNs: number): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { kernel } of this.#members) earliest = Math.min(earliest, kernel.timers.nextDeadlineNs());
    return earliest === Number.POSITIVE_INFINITY ? -1 : Math.max(0, earliest - nowNs);
  }
}
