// UDP output, as Linux's udp_sendmsg and udpv6_sendmsg: whom a datagram is for, which way it goes, its header.

import * as E from "../../../../shared/abi/errno.ts";
import { RT_SCOPE_LINK, RTN_BROADCAST, RTN_MULTICAST } from "../../../../shared/abi/netlink.ts";
import { IPPROTO_UDP } from "../../../../shared/abi/socket.ts";
import { sumOfAddress, sumOfPseudoHeader } from "../checksum.ts";
import { type IpAddress, isMulticast, MAPPED } from "../ip_address.ts";
import { pathMtu4 } from "../ip4/output.ts";
import { pathMtu6 } from "../ip6/output.ts";
import { CHECKSUM_PARTIAL, CHECKSUM_VALID, type Packet } from "../packet.ts";
import type { Flow } from "../route/flow.ts";
import { routeOutput4 } from "../route/output4.ts";
import { routeOutput6 } from "../route/output6.ts";
import { ORIGIN_LOCAL, type UdpEndpoint } from "./endpoint.ts";
import * as F from "./format.ts";

const LOOPBACK4 = 0x7f000001;

/** What a sendmsg(2) says beside the bytes. One may be used again and again. */
export class UdpMessage {
  /** Null: whom the endpoint is connected to. */
  destination: IpAddress | null = null;
  port = 0;
  /** The device of a link-local destination's scope, or that of IP_PKTINFO; 0: none. */
  device = 0;
  /** IP_PKTINFO's source; null: none. */
  source: IpAddress | null = null;
  /** IP_TTL, IPV6_HOPLIMIT and IP_TOS, IPV6_TCLASS of this one message; -1: the endpoint's. */
  hopLimit = -1;
  trafficClass = -1;
  flowLabel = 0;
  /** MSG_DONTROUTE */
  staysOnLink = false;

  /** As a new one, to somebody. */
  to(destination: IpAddress | null, port: number): this {
    this.destination = destination;
    this.port = port;
    this.device = 0;
    this.source = null;
    this.hopLimit = -1;
    this.trafficClass = -1;
    this.flowLabel = 0;
    this.staysOnLink = false;
    return this;
  }
}

/**
 * The endpoint's way to an address: 0, or a negative errno. The flow's destination is then the one that is meant: nobody
 * is this host itself.
 */
export function routeTo(
  endpoint: UdpEndpoint,
  flow: Flow,
  address: IpAddress,
  device: number,
  source: IpAddress | null = null,
  staysOnLink = false,
): number {
  const { core } = endpoint.udp;
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
  flow.protocol = IPPROTO_UDP;
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
function connectedFlow(endpoint: UdpEndpoint): Flow | number {
  const flow = endpoint.connection;
  const { tables } = endpoint.udp.core;
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

/** See UdpEndpoint.send. */
export function sendDatagram(endpoint: UdpEndpoint, data: Uint8Array, message: UdpMessage): number {
  const { udp } = endpoint;
  const { core } = udp;
  if (data.length > 0xffff) return -E.EMSGSIZE;
  const { destination } = message;
  if (destination === null && endpoint.remote === null) return -E.EDESTADDRREQ;
  const port = destination === null ? endpoint.remotePort : message.port;
  // One may be connected to port 0, and send there.
  if (port === 0 && destination !== null) return -E.EINVAL;
  const bound = endpoint.autobind();
  if (bound < 0) return bound;
  let flow: Flow | number = core.outputFlow;
  if (destination === null && message.source === null && message.device === 0 && !message.staysOnLink) {
    flow = connectedFlow(endpoint);
    if (typeof flow === "number") return noRoute(endpoint, flow);
  } else {
    const error = routeTo(
      endpoint,
      flow,
      destination ?? endpoint.remote!,
      message.device,
      message.source,
      message.staysOnLink,
    );
    if (error < 0) return noRoute(endpoint, error);
  }
  if (flow.type === RTN_BROADCAST && !endpoint.mayBroadcast) return -E.EACCES;
  if (data.length > (flow.isV6 ? F.PAYLOAD_MAX6 : F.PAYLOAD_MAX4))
    return tooLong(endpoint, flow, port, data, flow.isV6 ? F.PAYLOAD_MAX6 : F.PAYLOAD_MAX4);
  const pending = endpoint.takeError();
  if (pending !== 0) return -pending;
  if (endpoint.hasShutWrite) return -E.EPIPE;
  const packet = core.pools.take(data.length + F.HEADER);
  const counters = flow.isV6 ? core.counters.udp6 : core.counters.udp;
  if (packet === null) {
    counters.SndbufErrors++;
    return -E.ENOBUFS;
  }
  packet.bytes.set(data, packet.head);
  packet.end = packet.head + data.length;
  writeHeader(packet, endpoint, flow, port);
  packet.mark = endpoint.mark;
  const error = flow.isV6
    ? output6(endpoint, packet, flow, message)
    : output4(endpoint, packet, flow, message);
  if (error === -E.EMSGSIZE) {
    const discovery = flow.isV6 ? endpoint.discovery6 : endpoint.discovery4;
    const mtu = flow.isV6 ? pathMtu6(core, flow, discovery) : pathMtu4(core, flow, discovery);
    return tooLong(endpoint, flow, port, data, mtu);
  }
  if (error < 0) {
    counters.SndbufErrors++;
    return error;
  }
  counters.OutDatagrams++;
  return data.length;
}

function noRoute(endpoint: UdpEndpoint, error: number): number {
  const { counters } = endpoint.udp.core;
  if (error === -E.ENETUNREACH && !endpoint.isV6) counters.ip.OutNoRoutes++;
  else if (error === -E.ENETUNREACH) counters.ip6.OutNoRoutes++;
  return error;
}

/** -EMSGSIZE, and a record with the MTU for those who asked for such. */
function tooLong(endpoint: UdpEndpoint, flow: Flow, port: number, data: Uint8Array, mtu: number): number {
  const isWanted = flow.isV6 ? endpoint.receivesErrors6 : endpoint.receivesErrors4;
  if (isWanted) {
    const destination = endpoint.udp.addressOfFlow(flow);
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

function writeHeader(packet: Packet, endpoint: UdpEndpoint, flow: Flow, port: number): void {
  const head = packet.push(F.HEADER);
  const { view, length } = packet;
  view.setUint16(head + F.SOURCE_PORT, endpoint.localPort);
  view.setUint16(head + F.DESTINATION_PORT, port);
  view.setUint16(head + F.LENGTH, length);
  packet.protocol = IPPROTO_UDP;
  if (endpoint.sendsNoChecksum && !flow.isV6) {
    view.setUint16(head + F.CHECKSUM, 0);
    packet.checksum = CHECKSUM_VALID;
    return;
  }
  const sum = sumOfPseudoHeader(
    sumOfAddress(flow.source0, flow.source1, flow.source2, flow.source3),
    sumOfAddress(flow.destination0, flow.destination1, flow.destination2, flow.destination3),
    IPPROTO_UDP,
    length,
  );
  view.setUint16(head + F.CHECKSUM, sum);
  packet.checksum = CHECKSUM_PARTIAL;
  packet.checksumStart = head;
  packet.checksumOffset = F.CHECKSUM;
}

function hopLimitOf(message: UdpMessage, own: number, usual: number): number {
  if (message.hopLimit >= 0) return message.hopLimit;
  return own >= 0 ? own : usual;
}

function output4(endpoint: UdpEndpoint, packet: Packet, flow: Flow, message: UdpMessage): number {
  const { core, ip4Output } = endpoint.udp;
  const own = flow.type === RTN_MULTICAST ? endpoint.multicastHopLimit4 : endpoint.hopLimit4;
  packet.hopLimit = hopLimitOf(message, own, core.settings.hopLimit4);
  packet.trafficClass = message.trafficClass >= 0 ? message.trafficClass : endpoint.tos;
  return ip4Output.send(packet, flow, endpoint.discovery4, endpoint.loopsMulticast4);
}

function output6(endpoint: UdpEndpoint, packet: Packet, flow: Flow, message: UdpMessage): number {
  const { core, ip6Output } = endpoint.udp;
  const own = flow.type === RTN_MULTICAST ? endpoint.multicastHopLimit6 : endpoint.hopLimit6;
  packet.hopLimit = hopLimitOf(message, own, core.settings.hopLimit6);
  packet.trafficClass = message.trafficClass >= 0 ? message.trafficClass : endpoint.trafficClass;
  return ip6Output.send(packet, flow, endpoint.discovery6, endpoint.loopsMulticast6, message.flowLabel);
}
