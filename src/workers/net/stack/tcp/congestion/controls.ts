// The congestion controls that there are, by name.

import { CONGESTION_CONTROLS, type CongestionControlName } from "../../../../../shared/abi/tcp.ts";
import type { CongestionControl } from "./congestion.ts";
import { Cubic } from "./cubic.ts";
import { Reno } from "./reno.ts";

export const CONTROLS: Readonly<Record<CongestionControlName, () => CongestionControl>> = {
  reno: () => new Reno(),
  cubic: () => new Cubic(),
};

/** Whether there is one of that name. */
export function isControl(name: string): name is CongestionControlName {
  return (CONGESTION_CONTROLS as readonly string[]).includes(name);
}
