// Waiting for readiness in a call's coroutine.

import type { WaitEntry, WaitQueue } from "../call/wait_queue.ts";
import type { OpenFile } from "./file.ts";
import type { FileCaller } from "./file_context.ts";

/** Waits until the queue is woken for one of `events`. True: a signal ended the wait. */
export function* waitOn(task: FileCaller, queue: WaitQueue, events: number): Generator<void, boolean, void> {
  const entry: WaitEntry = {
    events,
    wake() {
      queue.remove(entry);
      task.call.completeWait(0);
    },
  };
  queue.add(entry);
  task.call.waiter = { cancel: () => queue.remove(entry) };
  return yield* task.call.wait();
}

/**
 * Waits until one of `events` may hold of a file; the coroutine looks itself. True: a signal ended the
 * wait. Who waits holds the file, for as long as it looks again: else it ends more than once.
 */
export function* waitFor(task: FileCaller, file: OpenFile, events: number): Generator<void, boolean, void> {
  let woken = false;
  let waiting = false;
  const entry: WaitEntry = {
    events,
    wake() {
      file.waiters.remove(entry);
      woken = true;
      if (waiting) task.call.completeWait(0);
    },
  };
  file.waiters.add(entry);
  try {
    file.watch(events, task);
    if (woken) return false;
    waiting = true;
    task.call.waiter = { cancel: () => file.waiters.remove(entry) };
    return yield* task.call.wait();
  } finally {
    file.waiters.remove(entry);
  }
}
