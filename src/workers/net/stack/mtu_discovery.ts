// How long a packet may be that goes a flow's way as a whole: what routers told (path_mtu.ts), the route's word for it, and
// the device's; and what of that a sender wants to go by.

import type { StackCore } from "./core.ts";
import { PATH_MTU_MIN4, PATH_MTU_MIN6 } from "./limits.ts";
import type { Packet } from "./packet.ts";
import type { Flow } from "./route/flow.ts";

/** What a sender says of fragments: IP_MTU_DISCOVER. */
export const PMTUDISC_DONT = 0;
export const PMTUDISC_WANT = 1;
export const PMTUDISC_DO = 2;
export const PMTUDISC_PROBE = 3;
export const PMTUDISC_INTERFACE = 4;
export const PMTUDISC_OMIT = 5;

/** The longest packet that goes the flow's way as a whole. */
export function pathMtu(core: StackCore, flow: Flow, discovery: number): number {
  const { mtu, mtu6 } = flow.device!;
  const device = flow.isV6 && mtu6 !== 0 && mtu6 < mtu ? mtu6 : mtu;
  if (discovery === PMTUDISC_PROBE || discovery >= PMTUDISC_INTERFACE) return device;
  const { destination0, destination1, destination2, destination3 } = flow;
  const known = core.pathMtus.get(destination0, destination1, destination2, destination3, core.nowUs);
  if (known !== 0) return Math.min(known, device);
  return flow.route !== null && flow.route.mtu !== 0 ? Math.min(flow.route.mtu, device) : device;
}

/** What a router said of a destination's path, of several the least; less than Linux believes counts as its least. */
export function learnPathMtu(core: StackCore, packet: Packet, mtu: number): void {
  const { destination0, destination1, destination2, destination3 } = packet;
  const believed = Math.max(mtu, packet.isV6 ? PATH_MTU_MIN6 : PATH_MTU_MIN4);
  const known = core.pathMtus.get(destination0, destination1, destination2, destination3, core.nowUs);
  if (known !== 0 && known < believed) return;
  core.pathMtus.set(destination0, destination1, destination2, destination3, believed, core.nowUs);
}
