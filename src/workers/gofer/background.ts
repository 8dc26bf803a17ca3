// Host calls that may wait for a local disk, on other threads than the kernel's: what warms the page cache on libuv's, what
// writes it back on the Gofer's. Such a call touches no guest memory, and does no harm when its descriptor has meanwhile been
// closed and its number given to another file.

import type { BackgroundArguments, BackgroundEntry } from "../native.ts";
import type { VfsCaller } from "../vfs/caller.ts";
import { JobOperation } from "./job_record.ts";

/** Runs a host call in the background while the task waits, as in a disk sleep: no signal ends it. */
export function* inBackground<Entry extends BackgroundEntry>(
  task: VfsCaller,
  entry: Entry,
  ...args: BackgroundArguments<Entry>
): Generator<void, number, void> {
  const { kernel } = task;
  let waits = true;
  let result = 0;
  kernel.counters.backgroundCalls++;
  kernel.native.background(entry, args, (value) => {
    result = value;
    if (waits) task.call.completeWait(0);
  });
  try {
    task.call.replyBlocked();
    yield;
  } finally {
    waits = false;
  }
  return result;
}

/** Writes a file of a local mount back by one of the Gofer's threads while the task waits, as inBackground does. */
export function* writeBack(task: VfsCaller, fd: number, dataOnly: boolean): Generator<void, number, void> {
  const { gofer, counters } = task.kernel;
  let result = 0;
  let waits = true;
  counters.backgroundCalls++;
  task.call.replyBlocked();
  const args = { operation: JobOperation.FSYNC, a: fd, b: dataOnly ? 1 : 0 };
  const job = gofer.submit(gofer.mounts.localLane(), args, (record) => {
    result = record.result;
    if (waits) task.call.completeWait(0);
  });
  try {
    yield;
  } finally {
    waits = false;
    gofer.cancel(job);
  }
  return result;
}
