// The time of day as inodes keep it, exact to the nanosecond.

import { readI64 } from "../../shared/abi/struct.ts";
import { CLOCK_REALTIME } from "../../shared/abi/time.ts";
import type { Native } from "../native.ts";
import type { Time } from "./inode.ts";

export function now(native: Native): Time {
  native.clockGettime(CLOCK_REALTIME);
  return { sec: readI64(native.scratchView, 0), nsec: native.scratchView.getUint32(8, true) };
}

export function isBefore(a: Time, b: Time): boolean {
  return a.sec < b.sec || (a.sec === b.sec && a.nsec < b.nsec);
}
