// One segment of a connection goes out: its header by the connection's state, its bytes from the send buffer, and what is to
// be kept of it having been sent (Linux's tcp_transmit_skb).

import { EHOSTUNREACH, ENOBUFS, EPERM } from "../../../../shared/abi/errno.ts";
import { IPPROTO_TCP } from "../../../../shared/abi/socket.ts";
import { connectedFlow } from "../inet/way.ts";
import { pathMtu } from "../mtu_discovery.ts";
import { GSO_TCPV4, GSO_TCPV6 } from "../offload/segments.ts";
import type { Packet } from "../packet.ts";
import type { Flow } from "../route/flow.ts";
import { BLOCK } from "./blocks.ts";
import type { Connection } from "./connection.ts";
import { leaveEcnOn } from "./ecn.ts";
import * as F from "./format.ts";
import { reportSacks } from "./sacks.ts";
import { selectWindow } from "./window.ts";

/** The longest packets of IPv4; those of IPv6 have a payload as long. */
const PACKET_MAX4 = 65535;
const PACKET_MAX6 = 65535 + 40;
const IP4_HEADER = 20;
const IP6_HEADER = 40;

/** Of so many bytes, some are a whole block. */
const LEND_MIN = 2 * BLOCK;

/** How often a connection's path MTU may fall, if not once a round trip. */
const NARROWING_MIN_US = 20_000;

/** The way of a connection's packets, or a negative errno. */
export function wayOf(c: Connection): Flow | number {
  const flow = connectedFlow(c.endpoint);
  if (typeof flow === "number") return flow;
  const mtu = Math.min(
    pathMtu(c.tcp.core, flow, c.isV6 ? c.endpoint.discovery6 : c.endpoint.discovery4),
    c.isV6 ? PACKET_MAX6 : PACKET_MAX4,
  );
  if (mtu > c.pathMtu) setPathMtu(c, mtu);
  else if (mtu < c.pathMtu && c.nowUs >= c.narrowedUntilUs) {
    // What is under way is cut anew each time: that is not had more often.
    c.narrowedUntilUs = c.nowUs + Math.max(c.srttUs, NARROWING_MIN_US);
    setPathMtu(c, mtu);
  }
  return flow;
}

/** What of an MTU is left for a segment's bytes and its options. */
function mtuToMss(isV6: boolean, mtu: number): number {
  return mtu - (isV6 ? IP6_HEADER : IP4_HEADER) - F.HEADER_MIN;
}

/** What a segment holds by the MTU of its device, or less if the user wants that (0: he does not): what is announced. */
export function announcedMss(isV6: boolean, mtu: number, maxSegment: number, least = 0): number {
  const fits = Math.max(least, mtuToMss(isV6, isV6 ? mtu : Math.min(mtu, PACKET_MAX4)));
  return maxSegment > 0 ? Math.min(fits, maxSegment) : fits;
}

/** The path's MTU is that: what a segment holds follows (tcp_sync_mss). */
export function setPathMtu(c: Connection, mtu: number): void {
  c.pathMtu = mtu;
  const fits = Math.min(mtuToMss(c.isV6, mtu), c.mssClamp);
  const options = c.tsOk ? F.TIMESTAMP_ALIGNED : 0;
  // Whatever is to be sent at least, no packet holds more.
  const least = Math.min(c.tcp.settings.minSendMss, mtuToMss(c.isV6, PACKET_MAX4));
  let mss = Math.max(fits, least) - options;
  // A window of less than two segments is sent in halves.
  if (c.maxWindow > 0) {
    const half = c.maxWindow > F.MSS_DEFAULT ? c.maxWindow >> 1 : c.maxWindow;
    mss = Math.min(mss, Math.max(half, 68 - options));
  }
  c.mss = Math.max(mss, 1);
}

/** The options of a segment of an established connection, but for SACK blocks. */
function fillOptions(c: Connection): void {
  if (c.tsOk) c.tcp.header.timestamp(c.timestamp, c.tsRecent);
}

/**
 * Hands a packet to IP, the connection's header before it: 0, or a negative errno; the packet is gone. That a device or a
 * route has no room or no way is as if the segment were lost.
 */
function handOver(c: Connection, packet: Packet, flow: Flow): number {
  const { tcp, endpoint } = c;
  tcp.header.write(packet, flow);
  packet.protocol = IPPROTO_TCP;
  packet.mark = endpoint.mark;
  if (tcp.core.hooks !== null) packet.owner = endpoint;
  c.segmentsOut++;
  tcp.counters.OutSegs++;
  if (c.isV6) {
    packet.hopLimit = endpoint.hopLimit6 >= 0 ? endpoint.hopLimit6 : tcp.core.settings.hopLimit6;
    packet.trafficClass |= endpoint.trafficClass & ~3;
    return tcp.ip6Output.send(packet, flow, endpoint.discovery6, false);
  }
  packet.hopLimit = endpoint.hopLimit4 >= 0 ? endpoint.hopLimit4 : tcp.core.settings.hopLimit4;
  packet.trafficClass |= endpoint.tos & ~3;
  return tcp.ip4Output.send(packet, flow, endpoint.discovery4, false);
}

/**
 * Sends the bytes from one number to another, as segments of that many; `flags` may have FIN, whose number is the last then,
 * and PSH. 0; -ENOBUFS: there was no packet, nothing was sent; else what went wrong on the way, as if it were lost.
 */
export function sendData(
  c: Connection,
  seq: number,
  end: number,
  flags: number,
  mss: number,
  isAgain: boolean,
): number {
  const flow = wayOf(c);
  if (typeof flow === "number") return flow;
  const { tcp } = c;
  const length = ((end - seq) | 0) - (flags & F.FIN);
  const packet = takePacket(c, flow, length);
  if (packet === null) return -ENOBUFS;
  if (length > 0) {
    if (length >= LEND_MIN && flow.device!.isLoopback && !c.isSendingUrgent)
      c.sendBuffer.lend(seq, packet, length);
    else c.sendBuffer.read(seq, packet.bytes, packet.head, length);
    packet.end = packet.head + length;
  }
  packet.trafficClass = 0;
  const packets = length > mss ? Math.ceil(length / mss) : 1;
  if (packets > 1) {
    packet.gsoSize = mss;
    packet.gsoType = c.isV6 ? GSO_TCPV6 : GSO_TCPV4;
  }
  const { header } = tcp;
  header.reset(c.localPort, c.remotePort, seq, c.rcvNxt, flags | F.ACK);
  fillOptions(c);
  // Of ranges that came out of order, as many are told as there is room for.
  reportSacks(c, header, Math.min(c.mss - Math.min(length, mss), F.HEADER_MAX - header.size));
  header.window = selectWindow(c) >>> c.rcvWscale;
  markUrgent(c, seq, length);
  if (c.ecnOk) leaveEcnOn(c, packet, header, length > 0 && !isAgain);
  ackWasSent(c);
  dataWasSent(c);
  c.segmentsOut += packets - 1;
  c.dataSegmentsOut += packets;
  tcp.counters.OutSegs += packets - 1;
  if (!isAgain) tcp.extended.TCPOrigDataSent += packets;
  c.bytesSent += length;
  if (isAgain) {
    c.ownLosses.bytesRetransmitted += length;
    c.totalRetransmits++;
    tcp.counters.RetransSegs++;
  }
  return lossOf(handOver(c, packet, flow));
}

// A packet; null: there is none, or no room where it would come in again.
function takePacket(c: Connection, flow: Flow, length: number): Packet | null {
  const { core } = c.tcp;
  if ((flow.device!.isLoopback && core.isBacklogFull) || core.isOverworked) return null;
  return core.pools.take(length + F.HEADER_MAX);
}

function lossOf(error: number): number {
  return error === -ENOBUFS || error === -EPERM ? -EHOSTUNREACH : error;
}

function markUrgent(c: Connection, seq: number, length: number): void {
  if (!c.isSendingUrgent) return;
  const ahead = (c.sndUp - seq) | 0;
  const { header } = c.tcp;
  if (ahead <= 0) return;
  if (ahead < 0x10000) {
    header.urgent = ahead;
    header.flags |= F.URG;
  } else if (((seq + 0xffff - c.sndNxt) | 0) > 0 || length === 0) {
    header.urgent = 0xffff;
    header.flags |= F.URG;
  }
}

function dataWasSent(c: Connection): void {
  const { nowUs } = c;
  c.lastSentUs = nowUs;
  // An answer within the time of a delayed acknowledgement: it goes back and forth.
  if (nowUs - c.lastReceivedUs < c.atoUs) c.isPingPong = true;
}

/** Sends a segment without bytes: an acknowledgement, a probe, a reset. False: there was no packet. */
export function sendBare(c: Connection, seq: number, flags: number): boolean {
  const flow = wayOf(c);
  if (typeof flow === "number") return true;
  const { tcp } = c;
  const packet = takePacket(c, flow, 0);
  if (packet === null) return false;
  packet.trafficClass = 0;
  const { header } = tcp;
  const hasAck = (flags & F.ACK) !== 0;
  header.reset(c.localPort, c.remotePort, seq, hasAck ? c.rcvNxt : 0, flags);
  fillOptions(c);
  if ((flags & F.RST) === 0) {
    reportSacks(c, header, F.HEADER_MAX - header.size);
    header.window = selectWindow(c) >>> c.rcvWscale;
    if (c.ecnOk) leaveEcnOn(c, packet, header, false);
  } else {
    tcp.counters.OutRsts++;
  }
  markUrgent(c, seq, 0);
  if (hasAck) ackWasSent(c);
  handOver(c, packet, flow);
  return true;
}

/** Sends the SYN, or, of one that came from the other side at the same time, the SYN-ACK. 0, or a negative errno. */
export function sendSyn(c: Connection, isAnswer: boolean): number {
  const flow = wayOf(c);
  if (typeof flow === "number") return flow;
  const { tcp } = c;
  const packet = tcp.core.isOverworked ? null : tcp.core.pools.take(F.HEADER_MAX);
  if (packet === null) return -ENOBUFS;
  packet.trafficClass = 0;
  const { header } = tcp;
  const ecn = isAnswer ? (c.ecnOk ? F.ECE : 0) : c.ecnOk ? F.ECE | F.CWR : 0;
  header.reset(
    c.localPort,
    c.remotePort,
    c.iss,
    isAnswer ? c.rcvNxt : 0,
    F.SYN | (isAnswer ? F.ACK : 0) | ecn,
  );
  header.mss = c.advertisedMss;
  if (c.tsOk) header.timestamp(c.timestamp, isAnswer ? c.tsRecent : 0);
  if (c.wscaleOk) header.windowScale = c.rcvWscale;
  header.sackPermitted = c.sackOk;
  header.window = Math.min(c.rcvWnd, F.WINDOW_MAX);
  return lossOf(handOver(c, packet, flow));
}

/** A segment went out that acknowledged what came. */
function ackWasSent(c: Connection): void {
  if (c.quickAcks > 0) {
    c.quickAcks--;
    if (c.quickAcks === 0) c.atoUs = ATO_MIN_US;
  }
  c.ackScheduled = false;
  c.ackNow = false;
  c.ackPushed = false;
  c.ackPushed2 = false;
  if (c.ackTimer !== null) c.tcp.core.timers.cancel(c.ackTimer);
}

/** The number of a segment without bytes: what comes next, or what the peer's window still takes. */
export function acceptableSeq(c: Connection): number {
  const beyond = (c.sndNxt - c.windowEnd) | 0;
  return beyond <= 0 || (c.wscaleOk && beyond < 1 << c.sndWscale) ? c.sndNxt : c.windowEnd;
}

/** TCP_ATO_MIN */
export const ATO_MIN_US = 40_000;
