// The window that is announced to the peer: as large as buffers allow, never taken back, in steps worth announcing (silly
// windows, RFC 9293 3.8.6.2; Linux's __tcp_select_window), and how the buffer grows with what its reader takes.

import type { Connection } from "./connection.ts";
import * as F from "./format.ts";

/** The greatest window: 2^30 - 1. */
const SCALED_MAX = F.WINDOW_MAX << F.WINDOW_SCALE_MAX;

/** Bytes of segments, and what share of a buffer those are, in 256ths. */
const FULL_SEGMENT = 1000;
const LARGE_SEGMENT = 8192;
const SHARE_OF_SMALL = 128;
const SHARE_OF_FULL = 160;
const SHARE_OF_LARGE = 246;

function roundUp(value: number, scale: number): number {
  const step = 1 << scale;
  return (value + step - 1) & -step;
}

/** The window before anything came, and the scale that it is told with: of what buffers may become. */
export function initialWindow(
  space: number,
  greatest: number,
  clamp: number,
  mss: number,
  isScaled: boolean,
): { readonly window: number; readonly scale: number } {
  const bound = clamp === 0 ? SCALED_MAX : clamp;
  let window = Math.min(space, bound);
  if (window > mss) window -= window % mss;
  let scale = 0;
  if (isScaled) {
    const reach = Math.min(Math.max(window, greatest), bound);
    scale = Math.min(Math.max(31 - Math.clz32(reach) - 15, 0), F.WINDOW_SCALE_MAX);
  }
  return { window: Math.min(window, F.WINDOW_MAX), scale };
}

/** What could be announced now. */
export function freeWindow(c: Connection): number {
  const full = Math.min(c.windowClamp, c.fullSpace);
  const mss = Math.min(c.receiveMss, full);
  if (mss <= 0) return 0;
  let free = c.freeSpace;
  if (free < full >> 1) {
    c.quickAcks = 0;
    if (c.tcp.blocks.isUnderPressure) c.rcvThreshold = Math.min(c.rcvThreshold, 4 * c.advertisedMss);
    free &= -(1 << c.rcvWscale);
    if (free < full >> 4 || free < mss) return 0;
  }
  free = Math.min(free, c.rcvThreshold);
  if (c.rcvWscale > 0) return roundUp(free, c.rcvWscale);
  let window = c.rcvWnd;
  if (window <= free - mss || window > free) window = free - (free % mss);
  else if (mss === full && free > window + (full >> 1)) window = free;
  return window;
}

/** The window to announce with a segment, which is announced then. */
export function selectWindow(c: Connection): number {
  const current = c.receiveWindow;
  const old = c.rcvWnd;
  let window = freeWindow(c);
  if (window < current) {
    if (window === 0) c.tcp.extended.TCPWantZeroWindowAdv++;
    window = roundUp(current, c.rcvWscale);
  }
  c.rcvWnd = window;
  c.rcvWup = c.rcvNxt;
  window = Math.min(window, c.wscaleOk ? F.WINDOW_MAX << c.rcvWscale : F.WINDOW_MAX);
  if (window >>> c.rcvWscale === 0 && old !== 0) c.tcp.extended.TCPToZeroWindowAdv++;
  else if (window !== 0 && old === 0) c.tcp.extended.TCPFromZeroWindowAdv++;
  return window;
}

/** It is established: what the window may become at first. */
export function beginWindow(c: Connection): void {
  const { fullSpace } = c;
  if (c.windowClamp === 0 || c.windowClamp > fullSpace) c.windowClamp = fullSpace;
  if (c.endpoint.options.windowClamp > 0)
    c.windowClamp = Math.min(c.windowClamp, c.endpoint.options.windowClamp);
  c.rcvThreshold = Math.min(c.rcvThreshold === 0 ? c.rcvWnd : c.rcvThreshold, c.windowClamp);
  c.spaceBytes = Math.min(c.rcvThreshold, c.rcvWnd, 10 * c.advertisedMss);
  c.spaceSeq = c.copiedSeq;
  c.spaceStampUs = c.nowUs;
}

/** The peer's segments are of that size: what buffers hold of them follows, counted as Linux counts (truesize). */
export function measureShare(c: Connection, length: number): void {
  const share =
    length >= LARGE_SEGMENT ? SHARE_OF_LARGE : length >= FULL_SEGMENT ? SHARE_OF_FULL : SHARE_OF_SMALL;
  if (share === c.windowShare) return;
  c.windowShare = share;
  if (c.endpoint.options.windowClamp === 0) c.windowClamp = c.fullSpace;
}

/** A full segment came: the peer uses what it is given, it may have more (tcp_grow_window). */
export function growWindow(c: Connection): void {
  const room = Math.min(c.windowClamp, c.freeSpace) - c.rcvThreshold;
  if (room <= 0 || c.tcp.blocks.isUnderPressure) return;
  c.rcvThreshold += Math.min(room, 2 * c.advertisedMss);
  c.quickAcks = Math.max(c.quickAcks, 1);
}

/** Bytes were read: when a round trip is over in which more were than in the one before, the buffer grows. */
export function adjustReceiveSpace(c: Connection): void {
  const { nowUs } = c;
  if (c.rttEstimateUs === 0 || nowUs - c.spaceStampUs < c.rttEstimateUs) return;
  const copied = (c.copiedSeq - c.spaceSeq) | 0;
  if (copied > c.spaceBytes) {
    const { settings } = c.tcp;
    if (settings.moderatesReceiveBuffer && c.endpoint.options.receiveBuffer === 0) {
      // As much again as one round trip brought, and room for growth.
      let wanted = 2 * copied + 16 * c.advertisedMss;
      const grown = Math.floor((wanted * (copied - c.spaceBytes)) / c.spaceBytes);
      wanted += grown * 2;
      const size = Math.min(Math.ceil((wanted * 256) / c.windowShare), settings.receiveBuffer.max);
      if (size > c.receiveBufferSize && !c.tcp.blocks.isUnderPressure) {
        c.receiveBufferSize = size;
        if (c.endpoint.options.windowClamp === 0) c.windowClamp = c.fullSpace;
      }
    }
    c.spaceBytes = copied;
  }
  c.spaceSeq = c.copiedSeq;
  c.spaceStampUs = nowUs;
}

/** How long a round trip takes, as a receiver sees it: by what comes back of timestamps, or a window's time. */
export function measureReceiverRtt(c: Connection, echoUs: number, segmentLength: number): void {
  if (echoUs >= 0) {
    if (segmentLength >= c.receiveMss) updateEstimate(c, Math.max(echoUs, 1), false);
    return;
  }
  if (c.tsOk) return;
  if (c.rttStampUs !== 0) {
    if (((c.rcvNxt - c.rttSeq) | 0) < 0) return;
    updateEstimate(c, Math.max(c.nowUs - c.rttStampUs, 1), true);
  }
  c.rttSeq = (c.rcvNxt + c.rcvWnd) | 0;
  c.rttStampUs = c.nowUs;
}

function updateEstimate(c: Connection, sampleUs: number, isWindow: boolean): void {
  const known = c.rttEstimateUs;
  if (known === 0) c.rttEstimateUs = sampleUs;
  else if (isWindow) c.rttEstimateUs = Math.min(known, sampleUs);
  else c.rttEstimateUs = known + (sampleUs - known) / 8;
}
