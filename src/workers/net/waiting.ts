// Waiting for a socket, with its time-outs (SO_RCVTIMEO, SO_SNDTIMEO).

import { EAGAIN, EINTR, ERESTARTSYS } from "../../shared/abi/errno.ts";
import { NEVER } from "../call/clocks.ts";
import type { OpenFile } from "../vfs/file.ts";
import { putFile } from "../vfs/file_table.ts";
import { Sleeper } from "../vfs/poll.ts";
import type { NetCaller } from "./caller.ts";

/** A time-out becomes a deadline when the call begins; 0: the call does not wait. */
export function deadlineAfter(task: NetCaller, timeoutNs: number): number {
  if (timeoutNs === NEVER || timeoutNs === 0) return timeoutNs;
  return task.kernel.native.monotonicNs() + timeoutNs;
}

/** Waits for one of `events`: 0, -EAGAIN when the time has run out, or what an interruption answers. */
export function* waitForSocket(
  task: NetCaller,
  socket: OpenFile,
  events: number,
  deadlineNs: number,
): Generator<void, number, void> {
  const { timers, native } = task.kernel;
  if (deadlineNs === 0 || deadlineNs <= native.monotonicNs()) return -EAGAIN;
  const sleeper = new Sleeper(task);
  const entry = { events, wake: () => sleeper.wake() };
  const timer =
    deadlineNs === NEVER
      ? null
      : timers.add(deadlineNs, () => {
          sleeper.expired = true;
          sleeper.wake();
        });
  socket.references++;
  socket.waiters.add(entry);
  try {
    // A call with a time-out is not restarted: it would begin anew.
    if (yield* sleeper.sleep()) return deadlineNs === NEVER ? -ERESTARTSYS : -EINTR;
    return sleeper.expired ? -EAGAIN : 0;
  } finally {
    socket.waiters.remove(entry);
    if (timer !== null) timers.cancel(timer);
    putFile(task.kernel, socket);
  }
}
