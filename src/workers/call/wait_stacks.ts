// Where in the kernel calls wait, while somebody wants to know (`debug --kernel-stacks`). A coroutine that waits is a generator, of
// which V8 tells no stack; but when it begins to wait, all that it waits in is on V8's. That is taken then: the place alone, of which
// V8 makes text when it is asked for. One for each call, until it goes on.

import type { Call } from "./call.ts";

/** Frames that V8 takes, of which up to a half are told; and characters of each. */
const FRAMES_MAX = 48;
const LINE_MAX = 240;
/** What serves a call, or lets it go on, and all below that are no part of it. */
const BELOW = /^(?:#(?:step|serve)\b|_?Dispatcher\.)/;
/** How V8 calls a generator's way into the one that it waits in, and ours here. */
const BETWEEN = /^(?:\S+\.next \(<anonymous>\)|(?:\w+\.)?set (?:waiter|asked)\b)/;
const FRAME = /^ +at (?:async )?(?:new )?(.*)$/;

interface Begun {
  /** The call's serial then: another call has another. */
  readonly serial: number;
  stack?: string;
}

export class WaitStacks {
  readonly #begun = new WeakMap<Call, Begun>();

  /** A call is about to wait: called from where it does. */
  begin(call: Call): void {
    const begun: Begun = { serial: call.progress.serial };
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = FRAMES_MAX;
    Error.captureStackTrace(begun, this.begin);
    Error.stackTraceLimit = stackTraceLimit;
    this.#begun.set(call, begun);
  }

  /** It goes on: what it waits for next begins anew. */
  end(call: Call): void {
    this.#begun.delete(call);
  }

  /** The functions of the kernel that a call waits in, the innermost first, by their places in the bundle; empty: they are not known. */
  of(call: Call): string[] {
    const begun = this.#begun.get(call);
    if (begun === undefined || begun.serial !== call.progress.serial) return [];
    const frames: string[] = [];
    for (const line of (begun.stack ?? "").split("\n")) {
      const frame = FRAME.exec(line)?.[1];
      if (frame === undefined || BETWEEN.test(frame)) continue;
      if (BELOW.test(frame)) break;
      frames.push(frame.slice(0, LINE_MAX));
    }
    return frames;
  }
}
