// From a SYSCALL request to its handler: the arguments that the call has are read once, decoded as the table
// says, and handed to the handler that is registered under the call's name. Calls without a handler
// get ENOSYS and a counted log line.

import { ENOSYS } from "../../shared/abi/errno.ts";
import { ARGUMENT_CLASS, CLASS_COUNT_AT, CLASS_STRIDE, compileClasses } from "../../shared/abi/marshal.ts";
import { SYSCALLS, syscallName } from "../../shared/abi/syscalls.ts";
import { KP_MARSHAL_COUNT, ORIG_RAX } from "../../shared/ring/layout.ts";
import type { Frame } from "../../shared/ring/slot.ts";
import { NOT_AT_HAND } from "./asked.ts";
import { BLOCKED } from "./call.ts";
import type { Caller } from "./caller.ts";
import type { CallContext } from "./context.ts";
import type { Latencies } from "./latencies.ts";

/**
 * Serves one system call. Arguments are decoded by their kind in the table; the result is a value, a
 * negative errno, or BLOCKED when it comes later.
 */
export type Handler<C extends Caller> = (
  task: C,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  a4: number,
  a5: number,
) => number;

/** Handlers by the names of their calls. */
export type Handlers<C extends Caller> = Record<string, Handler<C>>;

const { int, fd, ptr, size, off } = ARGUMENT_CLASS;
/** A call has fewer arguments. */
const NONE = 0;
const ARGUMENTS = 6;
/** Unsupported calls that are logged, by number: later ones are only counted. */
const LOGGED_PER_NUMBER = 1;

export class Dispatcher<C extends Caller> {
  readonly #kernel: CallContext;
  readonly #latencies: Latencies;
  readonly #handlers: (Handler<C> | undefined)[] = new Array(KP_MARSHAL_COUNT).fill(undefined);
  readonly #classes = compileClasses(SYSCALLS);
  readonly #unsupported = new Map<number, number>();

  constructor(kernel: CallContext, handlers: ReadonlyMap<string, Handler<C>>) {
    this.#kernel = kernel;
    this.#latencies = kernel.latencies;
    for (const call of SYSCALLS) this.#handlers[call.nr.x86_64] = handlers.get(call.name);
  }

  /** `nr` came with the request, unchecked. */
  serve(task: C, nr: number): void {
    const { call } = task;
    call.frame.set(ORIG_RAX, nr, 0);
    call.begin(nr);
    if (task.isTraced && task.enters(nr)) return;
    if (--this.#latencies.left < 0) this.#serveTimed(task, nr);
    else this.#serve(task, nr, false, false);
  }

  #serveTimed(task: C, nr: number): void {
    const { call } = task;
    this.#latencies.begin(call);
    const result = this.#serve(task, nr, false, false);
    if (result > NOT_AT_HAND) this.#latencies.end(call);
  }

  /**
   * Serves a call that a tracer has stopped: its arguments stand in its frame, and what it brings in its window.
   * `isJudged`: filters have left it to the tracer.
   */
  serveStopped(task: C, nr: number, isJudged: boolean): void {
    task.call.begin(nr);
    this.#serve(task, nr, true, isJudged);
  }

  /** The call's result, or what says that it comes later. */
  #serve(task: C, nr: number, hasArguments: boolean, wasJudged: boolean): number {
    const kernel = this.#kernel;
    const { call } = task;
    const { frame, slot } = call;
    kernel.longTurns.nr = nr;
    const handler = nr >= 0 && nr < KP_MARSHAL_COUNT ? this.#handlers[nr] : undefined;
    const isTraced = kernel.tracer?.wants(nr) === true;
    const isJudged = task.seccomp !== null && !task.seccomp.allows(nr);
    // What was told, and judged, is what is served: the slot may say something else by then.
    const isRead = hasArguments || isTraced || isJudged || kernel.observer !== null;
    if (isRead) {
      if (!hasArguments) kernel.slots.readArguments(slot, frame, ARGUMENTS);
      if (isTraced) kernel.tracer?.enter(call);
      kernel.observer?.enter(call);
    }
    let result: number;
    const verdict = isJudged ? task.judge(nr, wasJudged) : null;
    if (verdict !== null) result = verdict;
    else if (handler === undefined) result = this.#unsupportedCall(task, nr);
    else {
      const at = nr * CLASS_STRIDE;
      const count = this.#classes[at + CLASS_COUNT_AT]!;
      if (count === 0) result = handler(task, 0, 0, 0, 0, 0, 0);
      else {
        if (!isRead) kernel.slots.readArguments(slot, frame, count);
        result = handler(
          task,
          this.#decode(frame, at, 0),
          this.#decode(frame, at, 1),
          this.#decode(frame, at, 2),
          this.#decode(frame, at, 3),
          this.#decode(frame, at, 4),
          this.#decode(frame, at, 5),
        );
      }
    }
    if (result !== BLOCKED) call.complete(result);
    else call.blocked();
    return result;
  }

  /** Serves the call in progress once more: its arguments stand in its frame. */
  serveAgain(task: C): void {
    const { call } = task;
    const { frame, nr } = call;
    const handler = this.#handlers[nr]!;
    const at = nr * CLASS_STRIDE;
    const result = handler(
      task,
      this.#decode(frame, at, 0),
      this.#decode(frame, at, 1),
      this.#decode(frame, at, 2),
      this.#decode(frame, at, 3),
      this.#decode(frame, at, 4),
      this.#decode(frame, at, 5),
    );
    if (call.timed !== null && result > NOT_AT_HAND) this.#latencies.end(call);
    if (result !== BLOCKED) call.complete(result);
    else call.blocked();
  }

  #decode(frame: Frame, at: number, index: number): number {
    switch (this.#classes[at + index]) {
      case NONE:
        return 0;
      case int:
      case fd:
        return frame.argumentLow(index);
      case ptr:
      case size:
        return frame.argumentUnsigned(index);
      case off:
        return frame.argumentSigned(index);
      default:
        return frame.argumentLow(index);
    }
  }

  #unsupportedCall(task: C, nr: number): number {
    this.#kernel.counters.unsupportedCalls++;
    const times = (this.#unsupported.get(nr) ?? 0) + 1;
    // A guest may try every number there is.
    if (this.#unsupported.size < KP_MARSHAL_COUNT || times > 1) this.#unsupported.set(nr, times);
    if (times <= LOGGED_PER_NUMBER)
      this.#kernel.log("warn", "unsupported system call", { pid: task.firstPid, nr, name: syscallName(nr) });
    return -ENOSYS;
  }
}
