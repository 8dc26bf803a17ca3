// The way of an endpoint's packets: whom they are for, by which device and from which address they go.

import * as E from "../../../../shared/abi/errno.ts";
import { RT_SCOPE_LINK, RTN_BROADCAST, RTN_MULTICAST } from "../../../../shared/abi/netlink.ts";
import { type IpAddress, isMulticast, MAPPED } from "../ip_address.ts";
import type { Flow } from "../route/flow.ts";
import { routeOutput4 } from "../route/output4.ts";
import { routeOutput6 } from "../route/output6.ts";
import type { InetEndpoint } from "./endpoint.ts";

const LOOPBACK4 = 0x7f000001;

// What the flow of an endpoint's packets to an address asks for: 0, or a negative errno.
function askFor(
  endpoint: InetEndpoint,
  flow: Flow,
  address: IpAddress,
  device: number,
  source: IpAddress | null,
  staysOnLink: boolean,
): number {
  const { core } = endpoint;
  let { w0, w1, w2, w3 } = address;
  const { local } = endpoint;
  if (endpoint.isV6 && !address.isV4 && address.isAny) {
    // :: is the host itself, in the family that the endpoint is bound to.
    const isBoundTo4 = local.isV4;
    w2 = isBoundTo4 ? MAPPED : 0;
    w3 = isBoundTo4 ? LOOPBACK4 : 1;
    w0 = 0;
    w1 = 0;
  }
  const isV6 = !(w0 === 0 && w1 === 0 && w2 === MAPPED);
  const from = source ?? (local.isAny ? null : local);
  if (isV6 && (!endpoint.isV6 || from?.isV4)) return -E.EAFNOSUPPORT;
  if (!isV6 && endpoint.v6only) return -E.ENETUNREACH;
  if (!isV6 && from !== null && !from.isV4) return -E.ENETUNREACH;
  flow.reset(isV6);
  flow.setDestination(w0, w1, w2, w3);
  if (from === null) flow.setSource(0, 0, isV6 ? 0 : MAPPED, 0);
  else flow.setSource(from.w0, from.w1, from.w2, from.w3);
  flow.mark = endpoint.mark;
  flow.user = endpoint.uid;
  flow.protocol = endpoint.protocol;
  flow.sourcePort = core.tables.asksForPorts ? endpoint.localPort : 0;
  flow.tos = isV6 ? 0 : endpoint.tos & 0x1e;
  flow.outputDevice = endpoint.boundDevice || device;
  if (staysOnLink || endpoint.staysOnLink) flow.scope = RT_SCOPE_LINK;
  if (isMulticast(w0, w1, w2, w3)) endpoint.wayToGroup(flow, from !== null);
  // A group or broadcast address that it is bound to is no source.
  if (source === null && from !== null) {
    const type = core.tables.addressType(from.w0, from.w1, from.w2, from.w3);
    if (type === RTN_BROADCAST || type === RTN_MULTICAST) flow.setSource(0, 0, isV6 ? 0 : MAPPED, 0);
  }
  return 0;
}

function route(endpoint: InetEndpoint, flow: Flow): number {
  return (flow.isV6 ? routeOutput6 : routeOutput4)(endpoint.core, flow, endpoint.bindsAnywhere);
}

/**
 * The endpoint's way to an address: 0, or a negative errno. The flow's destination is then the one that is meant: nobody
 * is this host itself.
 */
export function routeTo(
  endpoint: InetEndpoint,
  flow: Flow,
  address: IpAddress,
  device: number,
  source: IpAddress | null = null,
  staysOnLink = false,
): number {
  const error = askFor(endpoint, flow, address, device, source, staysOnLink);
  return error < 0 ? error : route(endpoint, flow);
}

/** The remembered way of a connected endpoint, found again if routes have changed. */
export function connectedFlow(endpoint: InetEndpoint): Flow | number {
  const { way } = endpoint;
  if (way !== null && way.generation === endpoint.core.tables.generation) return way;
  const found = findWay(endpoint);
  endpoint.way = typeof found === "number" ? null : found;
  return found;
}

function findWay(endpoint: InetEndpoint): Flow | number {
  const { tables, ways } = endpoint.core;
  const { generation } = tables;
  const asked = askFor(endpoint, ways.inHand, endpoint.remote!, 0, null, false);
  if (asked < 0) return asked;
  // What a route fills in, or another endpoint might not have, is its own.
  const isShared = ways.inHand.hasSource && !endpoint.bindsAnywhere;
  const known = isShared ? ways.find(generation) : null;
  if (known !== null) return known;
  const error = route(endpoint, ways.inHand);
  if (error < 0) return error;
  // Who comes when a redirect's time is over goes by the route again.
  return ways.take(generation, isShared && !ways.inHand.isRedirected);
}

/** There is no way: counted, and returned. */
export function noRoute(endpoint: InetEndpoint, error: number): number {
  const { counters } = endpoint.core;
  if (error === -E.ENETUNREACH && !endpoint.isV6) counters.ip.OutNoRoutes++;
  else if (error === -E.ENETUNREACH) counters.ip6.OutNoRoutes++;
  return error;
}
