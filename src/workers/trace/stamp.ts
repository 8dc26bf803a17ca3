// When an event was: CLOCK_REALTIME.

import { readI64 } from "../../shared/abi/struct.ts";
import { CLOCK_REALTIME } from "../../shared/abi/time.ts";
import type { Native } from "../native.ts";

export interface Stamp {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export function stampNow(native: Native): Stamp {
  native.clockGettime(CLOCK_REALTIME);
  const { scratchView } = native;
  return { seconds: readI64(scratchView, 0), nanoseconds: readI64(scratchView, 8) };
}

/** Nanoseconds, as a decimal string. */
export function stampText({ seconds, nanoseconds }: Stamp): string {
  return `${seconds}${String(nanoseconds).padStart(9, "0")}`;
}
