// The congestion controls that there are, by name: net.ipv4.tcp_available_congestion_control.

import type { CongestionControl } from "./congestion.ts";
import { Cubic } from "./cubic.ts";
import { Reno } from "./reno.ts";

export const CONTROLS: ReadonlyMap<string, () => CongestionControl> = new Map<
  string,
  () => CongestionControl
>([
  ["reno", () => new Reno()],
  ["cubic", () => new Cubic()],
]);

/** What a connection has if nobody asks for another: net.ipv4.tcp_congestion_control. */
export const DEFAULT_CONTROL = "cubic";
