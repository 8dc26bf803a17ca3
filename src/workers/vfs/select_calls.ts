// select(2) and pselect6(2).

import { EBADF, EFAULT, EINVAL, ERESTARTNOHAND } from "../../shared/abi/errno.ts";
import { O_PATH } from "../../shared/abi/fcntl.ts";
import * as P from "../../shared/abi/poll.ts";
import { readI64, readU64 } from "../../shared/abi/struct.ts";
import { NSEC_PER_SEC } from "../../shared/abi/time.ts";
import { WINDOW, WINDOW_SECOND } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { NEVER, readTimespec, TIMESPEC_SIZE, writeTimespec, writeTimeval } from "../call/clocks.ts";
import type { Handlers } from "../call/dispatch.ts";
import { readGuest, writeGuest } from "../call/guest_copy.ts";
import { leaveTemporaryMask, setTemporaryMask } from "../call/temporary_mask.ts";
import type { VfsCaller } from "./caller.ts";
import type { OpenFile } from "./file.ts";
import { type Watched, waitForAny } from "./poll.ts";
import { finishTimeout } from "./timeout.ts";

/** The events that put a descriptor into the sets for reading, for writing and for exceptions. */
const SET_EVENTS = [
  P.POLLRDNORM | P.POLLRDBAND | P.POLLIN | P.POLLHUP | P.POLLERR | P.POLLNVAL,
  P.POLLWRBAND | P.POLLWRNORM | P.POLLOUT | P.POLLERR | P.POLLNVAL,
  P.POLLPRI | P.POLLNVAL,
] as const;
const WORD_BITS = 64;
const US_NS = 1000;

interface Selected {
  readonly fd: number;
  /** Null: a descriptor that nothing can be done with. */
  readonly file: OpenFile | null;
  /** In which of the sets it was given, a bit each. */
  readonly sets: number;
}

class Selection {
  readonly watched: Watched[] = [];
  readonly #task: VfsCaller;
  readonly #selected: Selected[] = [];
  /** Where the answer goes; null for a set that was not given. */
  readonly results: readonly (Buffer | null)[];

  constructor(task: VfsCaller, sets: readonly (Buffer | null)[]) {
    this.#task = task;
    this.results = sets.map((set) => (set === null ? null : Buffer.alloc(set.length)));
  }

  /** Takes the descriptors of the sets below `count`: 0 or -EBADF. */
  collect(sets: readonly (Buffer | null)[], count: number): number {
    for (let fd = 0; fd < count; fd++) {
      let given = 0;
      for (const [i, set] of sets.entries())
        if (set !== null && ((set[fd >> 3]! >> (fd & 7)) & 1) !== 0) given |= 1 << i;
      if (given === 0) continue;
      const file = this.#task.files.get(fd);
      if (file === undefined) return -EBADF;
      const usable = (file.flags & O_PATH) === 0 ? file : null;
      this.#selected.push({ fd, file: usable, sets: given });
      if (usable !== null) this.watched.push({ file: usable, events: eventsOf(given) });
    }
    return 0;
  }

  scan(): number {
    let count = 0;
    for (const set of this.results) set?.fill(0);
    for (const { fd, file, sets } of this.#selected) {
      const events = file === null ? P.POLLNVAL : file.poll(this.#task);
      for (let i = 0; i < SET_EVENTS.length; i++) {
        if ((sets & (1 << i)) === 0 || (events & SET_EVENTS[i]!) === 0) continue;
        this.results[i]![fd >> 3]! |= 1 << (fd & 7);
        count++;
      }
    }
    return count;
  }
}

function eventsOf(sets: number): number {
  let events = 0;
  for (const [i, mask] of SET_EVENTS.entries()) if ((sets & (1 << i)) !== 0) events |= mask;
  return events;
}

/** Selects among descriptors below `given`: how many bits are set, a negative errno, or -ERESTARTNOHAND. */
function* select(
  task: VfsCaller,
  given: number,
  addresses: readonly number[],
  deadlineNs: number,
): Generator<void, number, void> {
  if (given < 0) return -EINVAL;
  const count = Math.min(given, task.files.room);
  const length = (Math.ceil(count / WORD_BITS) * WORD_BITS) / 8;
  const sets: (Buffer | null)[] = [];
  for (const address of addresses) {
    const set = address === 0 ? null : yield* readGuest(task, address, length);
    if (typeof set === "number") return set;
    sets.push(set);
  }
  const selection = new Selection(task, sets);
  const error = selection.collect(sets, count);
  if (error < 0) return error;
  const result = yield* waitForAny(task, selection.watched, () => selection.scan(), deadlineNs);
  if (result < 0) return result;
  for (const [i, set] of selection.results.entries()) {
    if (set === null) continue;
    const fault = yield* writeGuest(task, addresses[i]!, set);
    if (fault < 0) return fault;
  }
  return result;
}

type WriteTime = (view: DataView, at: number, ns: number) => void;

/** select with a time-out of `ns` (NEVER: none), which stands at `timeout` in the caller's memory. */
function* selectCall(
  task: VfsCaller,
  count: number,
  sets: readonly number[],
  timeout: number,
  ns: number,
  write: WriteTime,
): Coroutine {
  const deadline = ns === 0 ? 0 : task.kernel.native.monotonicNs() + ns;
  const result = yield* select(task, count, sets, deadline);
  return finishTimeout(task, timeout, deadline, result, write);
}

function* pselect(
  task: VfsCaller,
  count: number,
  sets: readonly number[],
  timeout: number,
  ns: number,
  mask: number,
  maskSize: number,
): Coroutine {
  const error = yield* setTemporaryMask(task, mask, maskSize);
  if (error < 0) return error;
  const deadline = ns === 0 ? 0 : task.kernel.native.monotonicNs() + ns;
  const result = yield* select(task, count, sets, deadline);
  leaveTemporaryMask(task, result === -ERESTARTNOHAND);
  return finishTimeout(task, timeout, deadline, result, writeTimespec);
}

export const SELECT_HANDLERS: Handlers<VfsCaller> = {
  select: (task, count, read, write, except, timeout) => {
    let ns = NEVER;
    if (timeout !== 0) {
      if (!task.call.inComplete(0, TIMESPEC_SIZE)) return -EFAULT;
      // More microseconds than a second has are welcome here.
      const seconds = readI64(task.call.view, task.call.base + WINDOW);
      const us = readI64(task.call.view, task.call.base + WINDOW + 8);
      if (seconds < 0 || us < 0) return -EINVAL;
      ns = seconds * NSEC_PER_SEC + us * US_NS;
      if (ns < 0) return ns;
    }
    return task.call.start(selectCall(task, count, [read, write, except], timeout, ns, writeTimeval));
  },

  pselect6: (task, count, read, write, except, timeout, maskArgument) => {
    let [mask, maskSize, ns] = [0, 0, NEVER];
    if (maskArgument !== 0) {
      if (!task.call.inComplete(1, 16)) return -EFAULT;
      mask = readU64(task.call.view, task.call.base + WINDOW_SECOND);
      maskSize = readU64(task.call.view, task.call.base + WINDOW_SECOND + 8);
    }
    if (timeout !== 0) {
      if (!task.call.inComplete(0, TIMESPEC_SIZE)) return -EFAULT;
      ns = readTimespec(task.call.view, task.call.base + WINDOW);
      if (ns < 0) return ns;
    }
    return task.call.start(pselect(task, count, [read, write, except], timeout, ns, mask, maskSize));
  },
};
