// The beginning of a connection: what the SYN asks for and what the answer grants, and what an established connection starts
// with (Linux's tcp_connect_init, tcp_init_transfer).

import { initializeReceiveMss } from "./acknowledge.ts";
import { armKeepalive, armRetransmit, cancelRetransmit, keepaliveIdleUs } from "./arm.ts";
import { expandSendBuffer } from "./buffers.ts";
import { INITIAL_WINDOW } from "./congestion/congestion.ts";
import { type Connection, NOTICE_READABLE, NOTICE_WRITABLE } from "./connection.ts";
import * as F from "./format.ts";
import { forgetRetransmissions } from "./retransmit.ts";
import type { Segment } from "./segment.ts";
import { ATO_MIN_US, announcedMss, sendSyn, setPathMtu, wayOf } from "./transmit.ts";
import { beginWindow, initialWindow } from "./window.ts";

const RTO_FALLBACK_US = 3_000_000;

/** Sizes of buffers, as options and sysctls have them. */
function beginBuffers(c: Connection): void {
  const { options } = c.endpoint;
  const { settings } = c.tcp;
  c.sendBufferSize = options.sendBuffer || settings.sendBuffer.initial;
  c.receiveBufferSize = options.receiveBuffer || settings.receiveBuffer.initial;
}

/** Sends the first SYN: 0, or a negative errno. */
export function beginConnect(c: Connection): number {
  const { tcp } = c;
  const { settings } = tcp;
  const flow = wayOf(c);
  if (typeof flow === "number") return flow;
  c.tsOffset = tcp.numbers.timestampOffset(c);
  c.tsOk = settings.timestamps;
  c.sackOk = settings.sack;
  c.wscaleOk = settings.windowScaling;
  c.ecnOk = settings.ecn === 1;
  const { maxSegment } = c.endpoint.options;
  c.advertisedMss = announcedMss(c.isV6, flow.device!.mtu, maxSegment);
  c.mssClamp = maxSegment > 0 ? maxSegment : 0xffff;
  setPathMtu(c, c.pathMtu);
  chooseWindow(c);
  beginSending(c, tcp.numbers.sequence(c, c.nowUs));
  c.synSentUs = c.nowUs;
  c.lastSentUs = c.nowUs;
  sendSyn(c, false);
  armRetransmit(c);
  return 0;
}

/** The number of the own SYN, which goes or has gone. */
export function beginSending(c: Connection, iss: number): void {
  c.iss = iss;
  c.sndUna = iss;
  c.sndNxt = (iss + 1) | 0;
  c.writeSeq = c.sndNxt;
  c.pushedSeq = c.sndNxt;
  c.smallSeq = iss;
  c.sndUp = iss;
  c.sendBuffer.reset(c.writeSeq);
}

/** The number of the peer's SYN, which has come. */
export function beginReceiving(c: Connection, irs: number): void {
  c.irs = irs;
  c.rcvNxt = (irs + 1) | 0;
  c.rcvWup = c.rcvNxt;
  c.copiedSeq = c.rcvNxt;
  c.receiveBuffer.reset(c.rcvNxt);
}

/** The window that the SYN announces, and its scale. */
export function chooseWindow(c: Connection): void {
  const { options } = c.endpoint;
  const { settings } = c.tcp;
  beginBuffers(c);
  const reach = options.receiveBuffer > 0 ? options.receiveBuffer : settings.receiveBuffer.max;
  const chosen = initialWindow(c.fullSpace, reach, options.windowClamp, c.advertisedMss, c.wscaleOk);
  c.rcvWnd = chosen.window;
  c.rcvWscale = chosen.scale;
  c.rcvThreshold = chosen.window;
}

/** What the peer's SYN grants of what was asked for. */
export function negotiate(c: Connection, segment: Segment): void {
  c.sackOk = c.sackOk && segment.sackPermitted;
  c.tsOk = c.tsOk && segment.hasTimestamp;
  c.wscaleOk = c.wscaleOk && segment.windowScale >= 0;
  c.sndWscale = c.wscaleOk ? segment.windowScale : 0;
  if (!c.wscaleOk) c.rcvWscale = 0;
  if (c.tsOk) c.echo(segment.tsValue);
  takeMss(c, segment.mss);
}

/** The peer's MSS, and what follows from it and from the options. */
export function takeMss(c: Connection, announced: number): void {
  const { maxSegment } = c.endpoint.options;
  const mss = announced === 0 ? F.MSS_DEFAULT : announced;
  c.mssClamp = maxSegment > 0 ? Math.min(mss, maxSegment) : mss;
  if (c.tsOk) c.advertisedMss -= F.TIMESTAMP_ALIGNED;
  setPathMtu(c, c.pathMtu);
}

/** It is established. */
export function established(c: Connection): void {
  const { nowUs } = c;
  cancelRetransmit(c);
  c.cwnd = c.totalRetransmits > 1 ? 1 : INITIAL_WINDOW;
  c.cwndStampUs = nowUs;
  c.rtoUs = c.srttUs === 0 && c.totalRetransmits > 0 ? RTO_FALLBACK_US : c.rtt.rtoUs;
  c.retransmits = 0;
  forgetRetransmissions(c);
  c.backoff = 0;
  c.reordering = c.tcp.settings.reordering;
  c.lastReceivedUs = nowUs;
  c.lastAckReceivedUs = nowUs;
  c.cwndUsageSeq = c.sndNxt;
  c.highSeq = c.sndNxt;
  c.atoUs = c.atoUs === 0 ? 0 : ATO_MIN_US;
  c.maxWindow = Math.max(c.maxWindow, c.sndWnd);
  setPathMtu(c, c.pathMtu);
  c.control.init(c);
  expandSendBuffer(c);
  beginWindow(c);
  initializeReceiveMss(c);
  if (c.endpoint.options.keepsAlive) armKeepalive(c, keepaliveIdleUs(c));
  c.notices |= NOTICE_WRITABLE | NOTICE_READABLE;
}
