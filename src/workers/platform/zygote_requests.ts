// What the zygote is asked, and its answers. Nobody waits for it: requests go out as far as the zygote has answered those
// before, and its answers come by the sleep set. It serves them one after the other, so that the first answer is the oldest
// request's; a number that it gives back proves that. When it has gone, init ends the sandbox; what is asked until then
// fails.

import { EAGAIN, ECONNRESET, EPIPE, ESRCH } from "../../shared/abi/errno.ts";
import { EPOLLIN } from "../../shared/abi/poll.ts";
import { Looks } from "../call/looks.ts";
import type { Timers } from "../call/timers.ts";
import type { Log } from "../log.ts";
import type { Native } from "../native.ts";

/**
 * Requests at once that the zygote has not answered. Their answers fit its socket, and the descriptors that come with them
 * are few: those on their way are bounded for all processes of a host user together (unix(7), ETOOMANYREFS).
 */
const UNDER_WAY_MAX = 16;
/** How soon what the host did not take is sent again, where no answer comes before. */
const AGAIN_NS = 1e6;

export interface RequestsContext {
  readonly native: Native;
  readonly timers: Timers;
  readonly log: Log;
  readonly sleep: {
    add(fd: number, events: number, onReady: () => void): number;
    remove(fd: number, cookie: number): void;
  };
}

interface Request {
  /** Its caller is there still: else it is not sent any more, and fails. */
  readonly isWanted: () => boolean;
  /** 0, or a negative errno: it cannot be sent. -EAGAIN: not now. */
  readonly send: (sequence: number) => number;
  /** The answer stands in the scratch area if the error is 0. */
  readonly answered: (error: number) => void;
}

export class ZygoteRequests {
  readonly #kernel: RequestsContext;
  readonly #socket: number;
  readonly #waiting: Request[] = [];
  /** Those that were sent, in their order: the first has the number `#oldest`. */
  readonly #sent: Request[] = [];
  #oldest = 0;
  #watch = -1;
  #isGone = false;
  readonly #again: Looks;

  constructor(kernel: RequestsContext, socket: number) {
    this.#kernel = kernel;
    this.#socket = socket;
    this.#again = new Looks(kernel, AGAIN_NS, () => {
      this.#feed();
      return this.#waiting.length > 0 && this.#sent.length === 0;
    });
  }

  /** Those without an answer. */
  get count(): number {
    return this.#waiting.length + this.#sent.length;
  }

  /** From now on answers come by the sleep set. Throws: nobody would hear of them. */
  begin(): void {
    this.#watch = this.#kernel.sleep.add(this.#socket, EPOLLIN, () => this.#receive());
    if (this.#watch < 0) throw new Error(`zygote: no watch of its socket (errno ${-this.#watch})`);
  }

  /** Nobody asks any more, and nothing is waited for. */
  close(): void {
    if (this.#watch >= 0 && !this.#isGone) this.#kernel.sleep.remove(this.#socket, this.#watch);
    this.#isGone = true;
  }

  /** `answered` is called later, never from here. */
  ask(request: Request): number {
    if (this.#isGone) return -EPIPE;
    if (this.#waiting.length === 0 && this.#sent.length < UNDER_WAY_MAX) {
      const error = this.#send(request);
      if (error !== -EAGAIN) return error;
    }
    this.#waiting.push(request);
    this.#again.begin();
    return 0;
  }

  #send(request: Request): number {
    const error = request.send((this.#oldest + this.#sent.length) >>> 0);
    if (error === 0) this.#sent.push(request);
    return error;
  }

  #feed(): void {
    while (this.#sent.length < UNDER_WAY_MAX) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      const error = next.isWanted() ? this.#send(next) : -ESRCH;
      if (error === -EAGAIN) {
        if (this.#sent.length === 0) this.#again.begin();
        return;
      }
      this.#waiting.shift();
      if (error < 0) next.answered(error);
    }
  }

  #receive(): void {
    const { native } = this.#kernel;
    // No more than could have been asked before.
    for (let left = UNDER_WAY_MAX; left > 0; left--) {
      const error = native.zygoteReceive(this.#socket);
      if (error === -EAGAIN) break;
      const oldest = error < 0 ? undefined : this.#sent.shift();
      if (oldest === undefined || native.scratchWords[1]! >>> 0 !== this.#oldest) {
        this.#lose(oldest, error);
        return;
      }
      this.#oldest = (this.#oldest + 1) >>> 0;
      oldest.answered(0);
    }
    this.#feed();
  }

  // It has ended, or says what nobody has asked.
  #lose(oldest: Request | undefined, error: number): void {
    const { log, sleep } = this.#kernel;
    this.#isGone = true;
    sleep.remove(this.#socket, this.#watch);
    // Where it has ended, the launcher says so, and how: one line for the user.
    const hasEnded = error === -EPIPE || error === -ECONNRESET;
    log(hasEnded ? "debug" : "error", "the zygote does not answer any more", { errno: -error });
    const unanswered = [
      ...(oldest === undefined ? [] : [oldest]),
      ...this.#sent.splice(0),
      ...this.#waiting.splice(0),
    ];
    for (const request of unanswered) request.answered(-EPIPE);
  }
}
