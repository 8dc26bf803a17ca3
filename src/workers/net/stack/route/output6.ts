// The way out for an IPv6 packet: its device, its next hop and its source.

import { EINVAL, ENETUNREACH, ENODEV } from "../../../../shared/abi/errno.ts";
import { RTN_LOCAL, RTN_MULTICAST } from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import { isLinkLocal, isMulticast } from "../ip_address.ts";
import type { Flow } from "./flow.ts";
import { selectSource6 } from "./source_address.ts";

/**
 * Fills in the flow's device, next hop and, where it has none, source: 0, or the negative errno of connect(2) and
 * send(2). `anySource`: its source need not be this host's.
 */
export function routeOutput6(core: StackCore, flow: Flow, anySource: boolean): number {
  const { destination0: w0, destination1: w1, destination2: w2 } = flow;
  // A packet to nobody is one to the host itself.
  if ((w0 | w1 | w2 | flow.destination3) === 0) flow.destination3 = 1;
  const w3 = flow.destination3;
  if (flow.hasSource && !anySource) {
    const type = core.tables.addressType(flow.source0, flow.source1, flow.source2, flow.source3);
    if (type !== RTN_LOCAL) return -EINVAL;
  }
  const isToGroup = isMulticast(w0, w1, w2, w3);
  const named = flow.outputDevice === 0 ? null : core.devices.byIndex(flow.outputDevice);
  if (flow.outputDevice !== 0) {
    if (named === null) return -ENODEV;
    if (!named.isUp) return -ENETUNREACH;
  }
  flow.nextHopIsDestination();
  // Local destinations are reached by any device's name.
  const wanted = flow.outputDevice;
  if (wanted !== 0 && !isToGroup && !isLinkLocal(w0, w1, w2, w3)) {
    if (core.tables.addressType(w0, w1, w2, w3) === RTN_LOCAL) flow.outputDevice = 0;
  }
  const error = core.tables.lookup(flow);
  flow.outputDevice = wanted;
  if (error !== 0) return error;
  if (isToGroup) flow.type = RTN_MULTICAST;
  const { route } = flow;
  if (flow.type === RTN_LOCAL) {
    flow.device = core.devices.loopback;
    if (!flow.hasSource) flow.setSource(w0, w1, w2, w3);
    return 0;
  }
  if (route?.gateway && !isToGroup) {
    flow.nextHop0 = route.gateway.w0;
    flow.nextHop1 = route.gateway.w1;
    flow.nextHop2 = route.gateway.w2;
    flow.nextHop3 = route.gateway.w3;
    core.redirects.apply(flow, core.nowUs);
  }
  if (!flow.hasSource) {
    const source = route?.source ?? selectSource6(core.devices.all, flow.device, w0, w1, w2, w3);
    if (source !== null) flow.setSource(source.w0, source.w1, source.w2, source.w3);
  }
  return 0;
}
