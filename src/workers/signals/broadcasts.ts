// Signals to many processes at once: to a process group, or to all (kill(2), 0 and -1). Linux sends them with the list of
// processes locked, so that nobody comes, goes, or is in two minds meanwhile; here that takes many turns (docs/hardening.md,
// F26). What Linux guarantees holds all the same:
// - Who is meant is decided at the beginning: whoever leaves the group later gets the signal.
// - A process that is made by one that has not got it yet gets it too, as if it had been made before; one that is on its way
//   when its maker gets it has it when it appears (Linux's multiprocess_signals).

import type { Call, Coroutine } from "../call/call.ts";
import type { SigInfo } from "../call/siginfo.ts";
import type { Steps } from "../call/steps.ts";
import type { ThreadGroup } from "../process/thread_group.ts";
import { sendToGroup } from "./send_signal.ts";

/** Of signals that kill, so many take half a millisecond. */
const PROCESSES_A_PIECE = 16;

/** Of guests, so many at a time: others wait, since each keeps whom it is meant for (F25). */
const CALLS_AT_ONCE = 4;

/** Whom a call means, and what it answers. */
export interface Meant {
  readonly targets: readonly ThreadGroup[];
  readonly result: number;
}

/** One that is under way. */
class Broadcast {
  readonly #signals: readonly SigInfo[];
  /** Those that have not got it: who is added comes last. */
  readonly #left: Set<ThreadGroup>;
  readonly #next: SetIterator<ThreadGroup>;

  constructor(signals: readonly SigInfo[], targets: readonly ThreadGroup[]) {
    this.#signals = signals;
    this.#left = new Set(targets);
    this.#next = this.#left.values();
  }

  made(child: ThreadGroup, maker: ThreadGroup): void {
    if (this.#left.has(maker)) this.#left.add(child);
  }

  /** Whether all have got it. */
  goOn(): boolean {
    for (let count = PROCESSES_A_PIECE; count > 0; count--) {
      const { value: group, done } = this.#next.next();
      if (done === true) return true;
      this.#left.delete(group);
      sendEach(group, this.#signals);
    }
    return this.#left.size === 0;
  }
}

function sendEach(group: ThreadGroup, signals: readonly SigInfo[]): void {
  for (const info of signals) {
    if (group.births !== null) for (const delayed of group.births) delayed.add(info.signo);
    sendToGroup(group, info);
  }
}

export class Broadcasts {
  readonly #steps: Steps;
  readonly #underWay = new Set<Broadcast>();
  #calls = 0;
  readonly #waiting = new Set<Call>();

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  /** For counters. */
  get size(): number {
    return this.#underWay.size;
  }

  /**
   * Sends these signals to each of the targets, which are different: true if that is done. Else it goes on, whatever becomes of
   * the caller, and `then` is called at its end.
   */
  send(targets: readonly ThreadGroup[], signals: readonly SigInfo[], then?: () => void): boolean {
    if (targets.length <= PROCESSES_A_PIECE) {
      for (const group of targets) sendEach(group, signals);
      return true;
    }
    const broadcast = new Broadcast(signals, targets);
    this.#underWay.add(broadcast);
    this.#steps.later(() => {
      if (!broadcast.goOn()) return false;
      this.#underWay.delete(broadcast);
      then?.();
      return true;
    });
    return false;
  }

  /**
   * As send, in a call, whose caller waits until all have got them; those of a caller who is killed meanwhile get them all the
   * same. `meant` is asked when the call's turn comes.
   */
  *sendFrom(call: Call, signals: readonly SigInfo[], meant: () => Meant): Coroutine {
    if (this.#calls >= CALLS_AT_ONCE) yield* this.#turn(call);
    const { targets, result } = meant();
    let isOver = false;
    let isAwaited = true;
    this.#calls++;
    const isSent = this.send(targets, signals, () => {
      isOver = true;
      this.#calls--;
      this.#wakeNext();
      if (isAwaited) call.completeWait(0);
    });
    if (isSent) this.#calls--;
    this.#wakeNext();
    try {
      while (!isSent && !isOver) {
        call.replyBlocked();
        yield;
      }
    } finally {
      isAwaited = false;
    }
    return result;
  }

  *#turn(call: Call): Generator<void, void, void> {
    let isIts = false;
    this.#waiting.add(call);
    try {
      while (this.#calls >= CALLS_AT_ONCE) {
        call.replyBlocked();
        yield;
      }
      isIts = true;
    } finally {
      this.#waiting.delete(call);
      if (!isIts) this.#wakeNext();
    }
  }

  #wakeNext(): void {
    if (this.#calls >= CALLS_AT_ONCE) return;
    for (const call of this.#waiting) {
      call.completeWait(0);
      return;
    }
  }

  /** A process has made another one. */
  made(child: ThreadGroup, maker: ThreadGroup): void {
    for (const broadcast of this.#underWay) broadcast.made(child, maker);
  }
}
