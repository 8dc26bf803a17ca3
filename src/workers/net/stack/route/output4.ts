// The way out for an IPv4 packet: its device, its next hop and its source, as Linux's ip_route_output_key chooses them.

import { EINVAL, ENETUNREACH, ENODEV } from "../../../../shared/abi/errno.ts";
import {
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
} from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import type { NetDevice } from "../device.ts";
import { MAPPED } from "../ip_address.ts";
import type { Flow } from "./flow.ts";
import { selectSource4 } from "./source_address.ts";

const LOOPBACK = 0x7f000001;
const ALL_ONES = -1;

function isMulticast4(word: number): boolean {
  return word >>> 28 === 0xe;
}

/** 224.0.0.0/24 */
function isLocalMulticast4(word: number): boolean {
  return word >>> 8 === 0xe00000;
}

function setSource4(flow: Flow, word: number): void {
  flow.setSource(0, 0, MAPPED, word);
}

function chooseSource(
  core: StackCore,
  flow: Flow,
  device: NetDevice | null,
  near: number,
  scope: number,
): void {
  const source = selectSource4(core.devices.all, device, near, scope);
  setSource4(flow, source === null ? 0 : source.w3);
}

function outBy(flow: Flow, device: NetDevice, type: number): void {
  flow.route = null;
  flow.device = device;
  flow.type = type;
  flow.nextHopIsDestination();
}

/**
 * Fills in the flow's device, next hop and, where it has none, source: 0, or the negative errno of connect(2) and
 * send(2). `anySource`: its source need not be this host's (IP_FREEBIND, IP_TRANSPARENT, raw headers).
 */
export function routeOutput4(core: StackCore, flow: Flow, anySource: boolean): number {
  let out: NetDevice | null = null;
  if (flow.source3 !== 0) {
    const source = flow.source3;
    if (isMulticast4(source) || source === ALL_ONES || source >>> 24 === 0) return -EINVAL;
    const isOwn = core.tables.addressType(0, 0, MAPPED, source) === RTN_LOCAL;
    if (flow.outputDevice === 0 && (isMulticast4(flow.destination3) || flow.destination3 === ALL_ONES)) {
      out = deviceOf(core, source);
      if (out !== null) {
        outBy(flow, out, RTN_UNICAST);
        return finish(flow);
      }
    }
    if (!isOwn && !anySource) return -ENETUNREACH;
  }
  if (flow.outputDevice !== 0) {
    out = core.devices.byIndex(flow.outputDevice);
    if (out === null) return -ENODEV;
    if (!out.isUp) return -ENETUNREACH;
    if (isLocalMulticast4(flow.destination3) || flow.destination3 === ALL_ONES) {
      if (flow.source3 === 0) chooseSource(core, flow, out, 0, RT_SCOPE_LINK);
      outBy(flow, out, RTN_UNICAST);
      return finish(flow);
    }
    if (flow.source3 === 0) {
      if (isMulticast4(flow.destination3)) chooseSource(core, flow, out, 0, flow.scope);
      else if (flow.destination3 === 0) chooseSource(core, flow, out, 0, RT_SCOPE_HOST);
    }
  }
  if (flow.destination3 === 0) {
    flow.setDestination(0, 0, MAPPED, flow.source3 === 0 ? LOOPBACK : flow.source3);
    if (flow.source3 === 0) setSource4(flow, LOOPBACK);
    outBy(flow, core.devices.loopback, RTN_LOCAL);
    return finish(flow);
  }
  const error = core.tables.lookup(flow);
  if (error !== 0) {
    if (out === null) return error;
    // A device was named: its link is taken for the way.
    if (flow.source3 === 0) chooseSource(core, flow, out, 0, RT_SCOPE_LINK);
    outBy(flow, out, RTN_UNICAST);
    return finish(flow);
  }
  const { route } = flow;
  flow.nextHopIsDestination();
  if (flow.type === RTN_LOCAL) {
    flow.device = core.devices.loopback;
    if (flow.source3 === 0) setSource4(flow, route!.source === null ? flow.destination3 : route!.source.w3);
  } else {
    // The default route leads to groups too, but not by its gateway.
    if (route!.gateway !== null && !isMulticast4(flow.destination3)) {
      flow.nextHop3 = route!.gateway.w3;
      core.redirects.apply(flow, core.nowUs);
    }
    if (flow.source3 === 0) {
      if (route!.source !== null) setSource4(flow, route!.source.w3);
      else chooseSource(core, flow, flow.device, route!.gateway?.w3 ?? 0, route!.scope);
    }
  }
  return finish(flow);
}

function deviceOf(core: StackCore, source: number): NetDevice | null {
  for (const device of core.devices.all)
    for (let i = 0; i < device.addresses.length; i++) {
      const { address } = device.addresses[i]!;
      if (address.isV4 && address.w3 === source) return device;
    }
  return null;
}

// What __mkroute_output adds.
function finish(flow: Flow): number {
  const destination = flow.destination3;
  if (flow.source3 >>> 24 === 127 && !flow.device!.isLoopback) return -EINVAL;
  if (destination === ALL_ONES) flow.type = RTN_BROADCAST;
  else if (isMulticast4(destination)) flow.type = RTN_MULTICAST;
  else if (destination >>> 24 === 0) return -EINVAL;
  return 0;
}
