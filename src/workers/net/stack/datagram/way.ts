// The way of a datagram endpoint's messages: whom one is for, by which device and from which address it goes, and what IP
// is told of it; as Linux's udp_sendmsg, raw_sendmsg and ping_v4_sendmsg have it in common.

import * as E from "../../../../shared/abi/errno.ts";
import { RT_SCOPE_LINK, RTN_BROADCAST, RTN_MULTICAST } from "../../../../shared/abi/netlink.ts";
import { IpAddress, isMulticast, MAPPED } from "../ip_address.ts";
import { pathMtu } from "../mtu_discovery.ts";
import type { Packet } from "../packet.ts";
import { mix, mixAddress } from "../path_mtu.ts";
import type { Flow } from "../route/flow.ts";
import { routeOutput4 } from "../route/output4.ts";
import { routeOutput6 } from "../route/output6.ts";
import { type DatagramEndpoint, ORIGIN_LOCAL } from "./endpoint.ts";
import type { Message } from "./message.ts";

const LOOPBACK4 = 0x7f000001;
const FLOW_LABEL_MASK = 0xfffff;

/**
 * The endpoint's way to an address: 0, or a negative errno. The flow's destination is then the one that is meant: nobody
 * is this host itself.
 */
export function routeTo(
  endpoint: DatagramEndpoint,
  flow: Flow,
  address: IpAddress,
  device: number,
  source: IpAddress | null = null,
  staysOnLink = false,
): number {
  const { core } = endpoint.shared;
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
  flow.sourcePort = endpoint.localPort;
  flow.tos = isV6 ? 0 : endpoint.tos & 0x1e;
  flow.outputDevice = endpoint.boundDevice || device;
  if (staysOnLink || endpoint.staysOnLink) flow.scope = RT_SCOPE_LINK;
  if (isMulticast(w0, w1, w2, w3)) {
    flow.outputDevice ||= isV6 ? endpoint.multicastDevice6 : endpoint.multicastDevice4;
    const { multicastSource } = endpoint;
    if (from === null && !isV6 && multicastSource !== null) flow.setSource(0, 0, MAPPED, multicastSource.w3);
  }
  // A group or broadcast address that it is bound to is no source.
  if (source === null && from !== null) {
    const type = core.tables.addressType(from.w0, from.w1, from.w2, from.w3);
    if (type === RTN_BROADCAST || type === RTN_MULTICAST) flow.setSource(0, 0, isV6 ? 0 : MAPPED, 0);
  }
  const route = isV6 ? routeOutput6 : routeOutput4;
  return route(core, flow, endpoint.bindsAnywhere);
}

/** The remembered way of a connected endpoint, found again if routes have changed. */
export function connectedFlow(endpoint: DatagramEndpoint): Flow | number {
  const flow = endpoint.connection;
  const { tables } = endpoint.shared.core;
  if (endpoint.connectionGeneration !== tables.generation) {
    const error = routeTo(endpoint, flow, endpoint.remote!, 0);
    if (error < 0) {
      endpoint.connectionGeneration = 0;
      return error;
    }
    endpoint.connectionGeneration = tables.generation;
  }
  return flow;
}

/** The message's way, which the endpoint may remember; or a negative errno, broadcasts that it may not send among them. */
export function wayOf(endpoint: DatagramEndpoint, message: Message): Flow | number {
  const { destination } = message;
  let flow: Flow | number = endpoint.shared.core.outputFlow;
  if (destination === null && message.source === null && message.device === 0 && !message.staysOnLink) {
    flow = connectedFlow(endpoint);
    if (typeof flow === "number") return noRoute(endpoint, flow);
  } else {
    const to = destination ?? endpoint.remote!;
    const error = routeTo(endpoint, flow, to, message.device, message.source, message.staysOnLink);
    if (error < 0) return noRoute(endpoint, error);
  }
  return flow.type === RTN_BROADCAST && !endpoint.mayBroadcast ? -E.EACCES : flow;
}

/** Why nothing can be sent now, as a negative errno: a pending error, which is no more then, or a shutdown; 0: it can. */
export function sendError(endpoint: DatagramEndpoint): number {
  const pending = endpoint.takeError();
  if (pending !== 0) return -pending;
  return endpoint.hasShutWrite ? -E.EPIPE : 0;
}

/** There is no way: counted, and returned. */
export function noRoute(endpoint: DatagramEndpoint, error: number): number {
  const { counters } = endpoint.shared.core;
  if (error === -E.ENETUNREACH && !endpoint.isV6) counters.ip.OutNoRoutes++;
  else if (error === -E.ENETUNREACH) counters.ip6.OutNoRoutes++;
  return error;
}

function addressOf({ destination0, destination1, destination2, destination3 }: Flow): IpAddress {
  return IpAddress.fromWords(destination0, destination1, destination2, destination3);
}

/** -EMSGSIZE, and a record with the MTU for those who asked for such. */
export function tooLong(
  endpoint: DatagramEndpoint,
  flow: Flow,
  port: number,
  data: Uint8Array,
  mtu: number,
): number {
  const isWanted = flow.isV6 ? endpoint.receivesErrors6 : endpoint.receivesErrors4;
  if (isWanted) {
    const destination = addressOf(flow);
    endpoint.tell({
      errno: E.EMSGSIZE,
      origin: ORIGIN_LOCAL,
      type: 0,
      code: 0,
      info: mtu,
      offender: null,
      destination,
      port,
      payload: data.slice(0, 0),
    });
  }
  return -E.EMSGSIZE;
}

/** Hands a packet to IP, its head at the transport's header: 0, or a negative errno. */
export function output(
  endpoint: DatagramEndpoint,
  packet: Packet,
  flow: Flow,
  message: Message,
  port: number,
  data: Uint8Array,
): number {
  packet.mark = endpoint.mark;
  packet.protocol = endpoint.protocol;
  const error = flow.isV6
    ? output6(endpoint, packet, flow, message)
    : output4(endpoint, packet, flow, message);
  if (error !== -E.EMSGSIZE) return error;
  const { core } = endpoint.shared;
  const discovery = flow.isV6 ? endpoint.discovery6 : endpoint.discovery4;
  const mtu = pathMtu(core, flow, discovery);
  return tooLong(endpoint, flow, port, data, mtu);
}

function hopLimitOf(message: Message, own: number, usual: number): number {
  if (message.hopLimit >= 0) return message.hopLimit;
  return own >= 0 ? own : usual;
}

function output4(endpoint: DatagramEndpoint, packet: Packet, flow: Flow, message: Message): number {
  const { core, ip4Output } = endpoint.shared;
  const own = flow.type === RTN_MULTICAST ? endpoint.multicastHopLimit4 : endpoint.hopLimit4;
  packet.hopLimit = hopLimitOf(message, own, core.settings.hopLimit4);
  packet.trafficClass = message.trafficClass >= 0 ? message.trafficClass : endpoint.tos;
  return ip4Output.send(packet, flow, endpoint.discovery4, endpoint.loopsMulticast4);
}

function output6(endpoint: DatagramEndpoint, packet: Packet, flow: Flow, message: Message): number {
  const { core, ip6Output } = endpoint.shared;
  const own = flow.type === RTN_MULTICAST ? endpoint.multicastHopLimit6 : endpoint.hopLimit6;
  packet.hopLimit = hopLimitOf(message, own, flow.device!.hopLimit6 || core.settings.hopLimit6);
  packet.trafficClass = message.trafficClass >= 0 ? message.trafficClass : endpoint.trafficClass;
  const label =
    message.flowLabel === 0 && endpoint.labelsFlows ? flowLabelOf(endpoint, flow) : message.flowLabel;
  return ip6Output.send(packet, flow, endpoint.discovery6, endpoint.loopsMulticast6, label);
}

/** A label that packets of one flow have in common (RFC 6437, ip6_make_flowlabel). */
function flowLabelOf({ shared: { core }, localPort, protocol }: DatagramEndpoint, flow: Flow): number {
  const { source0, source1, source2, source3, destination0, destination1, destination2, destination3 } = flow;
  const hash = mixAddress(core.hashKey, source0, source1, source2, source3);
  const both = mixAddress(hash, destination0, destination1, destination2, destination3);
  return mix(both, (protocol << 16) | localPort) & FLOW_LABEL_MASK || 1;
}
