// The time of day as inodes keep it, exact to the nanosecond.

import { readI64 } from "../../shared/abi/struct.ts";
import { CLOCK_REALTIME, NSEC_PER_SEC } from "../../shared/abi/time.ts";
import type { Native } from "../native.ts";
import type { Time } from "./inode.ts";

export function now(native: Native): Time {
  native.clockGettime(CLOCK_REALTIME);
  return { sec: readI64(native.scratchView, 0), nsec: native.scratchView.getUint32(8, true) };
}

/** Looks for a moment in which both clocks can be read together: the host may put this thread aside between two reads. */
const TRIES = 4;
const TOGETHER_NS = 5000;

/** CLOCK_REALTIME of a time on the monotonic clock that has passed. */
export function realtimeOf(native: Native, monotonicNs: number): Time {
  let best = bothClocks(native, monotonicNs);
  for (let i = 1; i < TRIES && best.withinNs > TOGETHER_NS; i++) {
    const next = bothClocks(native, monotonicNs);
    if (next.withinNs < best.withinNs) best = next;
  }
  const { time, agoNs } = best;
  const back = Math.ceil(Math.max(0, agoNs - time.nsec) / NSEC_PER_SEC);
  return { sec: time.sec - back, nsec: Math.floor(time.nsec + back * NSEC_PER_SEC - agoNs) };
}

function bothClocks(native: Native, sinceNs: number): { time: Time; agoNs: number; withinNs: number } {
  const beforeNs = native.monotonicNs();
  const time = now(native);
  return { time, agoNs: Math.max(0, beforeNs - sinceNs), withinNs: native.monotonicNs() - beforeNs };
}

export function isBefore(a: Time, b: Time): boolean {
  return a.sec < b.sec || (a.sec === b.sec && a.nsec < b.nsec);
}
