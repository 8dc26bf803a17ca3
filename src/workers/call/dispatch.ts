// From a SYSCALL request to its handler: number and arguments are read once, decoded as the table
// says, and handed to the handler that is registered under the call's name. Calls without a handler
// get ENOSYS and a counted log line.

import { EFAULT, ENOSYS } from "../../shared/abi/errno.ts";
import { ARGUMENT_CLASS, CLASS_STRIDE, compileClasses } from "../../shared/abi/marshal.ts";
import { SYSCALLS, syscallName } from "../../shared/abi/syscalls.ts";
import { KP_MARSHAL_COUNT, ORIG_RAX, REQ_VALUE } from "../../shared/ring/layout.ts";
import { HANDLERS } from "../handlers.ts";
import type { Kernel } from "../kernel.ts";
import { BLOCKED, type Task } from "../process/task.ts";
import { onUnwritableFrame } from "../signals/deliver_signal.ts";

/**
 * Serves one system call. Arguments are decoded by their kind in the table; the result is a value, a
 * negative errno, or BLOCKED when it comes later.
 */
export type Handler = (
  task: Task,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  a4: number,
  a5: number,
) => number;

const { int, fd, ptr, size, off } = ARGUMENT_CLASS;
/** Unsupported calls that are logged, by number: later ones are only counted. */
const LOGGED_PER_NUMBER = 1;

export class Dispatcher {
  readonly #kernel: Kernel;
  readonly #handlers: (Handler | undefined)[] = new Array(KP_MARSHAL_COUNT).fill(undefined);
  readonly #classes = compileClasses(SYSCALLS);
  readonly #unsupported = new Map<number, number>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    for (const call of SYSCALLS) this.#handlers[call.nr.x86_64] = HANDLERS.get(call.name);
  }

  serve(task: Task): void {
    const kernel = this.#kernel;
    const frame = task.frame;
    kernel.slots.readCall(task.slot, frame);
    const nr = frame.high(ORIG_RAX) === 0 ? frame.low(ORIG_RAX) : -1;
    task.nr = nr;
    kernel.longTurns.nr = nr;
    task.outFault = null;
    task.beforeHandler = null;
    const handler = nr >= 0 && nr < KP_MARSHAL_COUNT ? this.#handlers[nr] : undefined;
    let result: number;
    if (handler === undefined) {
      if (kernel.strace !== null) kernel.tracer.enter(task);
      result = this.#unsupportedCall(task, nr);
    } else {
      if (kernel.strace !== null) kernel.tracer.enter(task);
      const at = nr * CLASS_STRIDE;
      result = handler(
        task,
        this.#decode(task, at, 0),
        this.#decode(task, at, 1),
        this.#decode(task, at, 2),
        this.#decode(task, at, 3),
        this.#decode(task, at, 4),
        this.#decode(task, at, 5),
      );
    }
    if (result !== BLOCKED) kernel.complete(task, result);
    else if (task.waiter !== null && task.coroutine === null && task.interruptPending) task.interrupt();
    else task.replyBlocked();
  }

  /** Called once for every call, with its result, before the reply. */
  leave(task: Task, result: number): void {
    if (this.#kernel.strace !== null) this.#kernel.tracer.leave(task, result);
  }

  /** The out pieces of a finished call faulted in guest memory: what the call answers instead. */
  outFault(task: Task): void {
    if (task.beforeHandler !== null) {
      onUnwritableFrame(task, task.beforeHandler);
      return;
    }
    const copied = this.#kernel.slots.unsigned(task.slot, REQ_VALUE);
    const result = task.outFault === null ? -EFAULT : task.outFault(copied);
    task.outFault = null;
    this.#kernel.complete(task, result);
  }

  #decode(task: Task, at: number, index: number): number {
    switch (this.#classes[at + index]) {
      case int:
      case fd:
        return task.frame.argumentLow(index);
      case ptr:
      case size:
        return task.frame.argumentUnsigned(index);
      case off:
        return task.frame.argumentSigned(index);
      default:
        return task.frame.argumentLow(index);
    }
  }

  #unsupportedCall(task: Task, nr: number): number {
    this.#kernel.counters.unsupportedCalls++;
    const times = (this.#unsupported.get(nr) ?? 0) + 1;
    // A guest may try every number there is.
    if (this.#unsupported.size < KP_MARSHAL_COUNT || times > 1) this.#unsupported.set(nr, times);
    if (times <= LOGGED_PER_NUMBER)
      this.#kernel.log("warn", "unsupported system call", { pid: task.group.pid, nr, name: syscallName(nr) });
    return -ENOSYS;
  }
}
