// Waiting for several files at once, as poll(2) and select(2) do: look, and if nothing holds, subscribe
// to all of them and look again whenever one of them wakes.

import { ENOMEM, ERESTARTNOHAND } from "../../shared/abi/errno.ts";
import type { Caller } from "../call/caller.ts";
import type { WaitEntry } from "../call/wait_queue.ts";
import type { VfsCaller } from "./caller.ts";
import type { OpenFile } from "./file.ts";
import { putFile } from "./file_table.ts";

/** A file and the events of it that matter; POLLERR and POLLHUP always do. */
export interface Watched {
  readonly file: OpenFile;
  readonly events: number;
}

/** What wakes a task that waits for any of several things. */
export class Sleeper {
  readonly #task: Caller;
  #asleep = false;
  woken = false;
  expired = false;

  constructor(task: Caller) {
    this.#task = task;
  }

  wake(): void {
    this.woken = true;
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#task.call.completeWait(0);
  }

  /** Sleeps unless something woke it since it last looked. True: a signal ended the sleep. */
  *sleep(): Generator<void, boolean, void> {
    if (!this.woken) {
      this.#asleep = true;
      this.#task.call.waiter = {
        cancel: () => {
          this.#asleep = false;
        },
      };
      if (yield* this.#task.call.wait()) return true;
    }
    this.woken = false;
    return false;
  }
}

/** Each file once, with all events of it that matter: a wake-up then costs no more than there are who wait. */
function distinct(all: readonly Watched[]): readonly Watched[] {
  if (all.length < 2) return all;
  const events = new Map<OpenFile, number>();
  for (const one of all) events.set(one.file, (events.get(one.file) ?? 0) | one.events);
  return events.size === all.length ? all : Array.from(events, ([file, mask]) => ({ file, events: mask }));
}

/** Files whose queues a call leaves before others are served. */
const LEFT_AT_ONCE = 1024;

/**
 * Waits until `scan` gives something other than 0, which is the result (in pieces, where it is long); 0 when the deadline has passed
 * (CLOCK_MONOTONIC; 0: do not wait at all), -ERESTARTNOHAND when a signal came first, -ENOMEM.
 */
export function* waitForAny(
  task: VfsCaller,
  named: readonly Watched[],
  scan: () => number | Generator<void, number, void>,
  deadlineNs: number,
): Generator<void, number, void> {
  const first = scan();
  const found = typeof first === "number" ? first : yield* first;
  if (found !== 0) return found;
  if (task.interruptPending) return -ERESTARTNOHAND;
  const { timers, native, heap, counters, steps } = task.kernel;
  if (deadlineNs <= 0 || deadlineNs <= native.monotonicNs()) return 0;
  const watched = distinct(named);
  if (!heap.hasRoom("waitEntries", watched.length)) return -ENOMEM;
  counters.waitEntries += watched.length;
  const sleeper = new Sleeper(task);
  const entries: WaitEntry[] = watched.map(({ events }) => ({ events, wake: () => sleeper.wake() }));
  for (const [i, { file }] of watched.entries()) {
    file.references++;
    file.waiters.add(entries[i]!);
  }
  const timer = Number.isFinite(deadlineNs)
    ? timers.add(deadlineNs, () => {
        sleeper.expired = true;
        sleeper.wake();
      })
    : null;
  try {
    for (;;) {
      for (const { file, events } of watched) file.watch(events, task);
      const interrupted = yield* sleeper.sleep();
      const again = scan();
      const count = typeof again === "number" ? again : yield* again;
      if (count !== 0) return count;
      if (interrupted) return -ERESTARTNOHAND;
      if (sleeper.expired) return 0;
    }
  } finally {
    if (timer !== null) timers.cancel(timer);
    // Nobody sleeps any more: what is woken meanwhile does nothing.
    let at = 0;
    steps.run(() => {
      const end = Math.min(watched.length, at + LEFT_AT_ONCE);
      counters.waitEntries -= end - at;
      for (; at < end; at++) {
        const { file } = watched[at]!;
        file.waiters.remove(entries[at]!);
        putFile(task.kernel, file);
      }
      return at === watched.length;
    });
  }
}
