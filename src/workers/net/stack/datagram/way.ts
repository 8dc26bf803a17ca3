// The way of a datagram endpoint's messages, and what IP is told of each; as Linux's udp_sendmsg, raw_sendmsg and
// ping_v4_sendmsg have it in common.

import * as E from "../../../../shared/abi/errno.ts";
import { RTN_BROADCAST, RTN_MULTICAST } from "../../../../shared/abi/netlink.ts";
import { ORIGIN_LOCAL } from "../inet/endpoint.ts";
import { connectedFlow, noRoute, routeTo } from "../inet/way.ts";
import { IpAddress } from "../ip_address.ts";
import { pathMtu } from "../mtu_discovery.ts";
import type { Packet } from "../packet.ts";
import { mix, mixAddress } from "../path_mtu.ts";
import type { Flow } from "../route/flow.ts";
import type { DatagramEndpoint } from "./endpoint.ts";
import type { Message } from "./message.ts";

const FLOW_LABEL_MASK = 0xfffff;

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
      data: 0,
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
  if (endpoint.core.hooks !== null) packet.owner = endpoint;
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
