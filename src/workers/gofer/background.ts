// Host calls that may wait for a disk, on libuv's threads instead of the kernel's. Such a call touches no
// guest memory and no scratch area, and does no harm when its descriptor has meanwhile been closed and its
// number given to another file: warming the page cache, writing it back.

import type { BackgroundArguments, BackgroundEntry } from "../native.ts";
import type { VfsCaller } from "../vfs/caller.ts";

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
