// What comes in order and out of order, and what is told of it: bytes are written to their place in the receive buffer as
// they come, ranges out of order are kept beside it, as many as the bound says, and selective acknowledgements tell the
// ranges that changed last (RFC 2018), duplicates first (RFC 2883).

import type { Packet } from "../packet.ts";
import { enterQuickAck } from "./acknowledge.ts";
import { finCame } from "./close.ts";
import { type Connection, NOTICE_READABLE } from "./connection.ts";
import { SequenceRanges } from "./ranges.ts";
import { noteRecent, setDsack } from "./sacks.ts";
import type { Segment } from "./segment.ts";
import { after, before, later } from "./sequence.ts";

/** Ranges out of order of one connection (Linux: by memory). */
const RANGES_MAX = 512;

/** A segment's bytes and FIN, which is in the window or overlaps it (tcp_data_queue). */
export function takeData(c: Connection, segment: Segment): void {
  const { extended } = c.tcp;
  let { seq, at, length } = segment;
  let isFin = segment.isFin;
  if (segment.isSyn) seq = (seq + 1) | 0;
  const end = segment.end;
  if (seq === end) return;
  const windowEnd = (c.rcvNxt + c.receiveWindow) | 0;
  if (!after(end, c.rcvNxt)) {
    // All of it had come.
    extended.DelayedACKLost++;
    setDsack(c, seq, end, true);
    outOfWindow(c);
    return;
  }
  // A lone FIN is taken by any window.
  if (!before(seq, windowEnd) && !(length === 0 && seq === c.rcvNxt)) {
    if (c.receiveWindow === 0) extended.TCPZeroWindowDrop++;
    outOfWindow(c);
    return;
  }
  if (before(seq, c.rcvNxt)) {
    const known = (c.rcvNxt - seq) | 0;
    setDsack(c, seq, c.rcvNxt, true);
    seq = c.rcvNxt;
    at += known;
    length = Math.max(0, length - known);
  }
  // What lies beyond the window is not taken.
  const room = (windowEnd - seq) | 0;
  if (length > room) {
    length = Math.max(0, room);
    isFin = false;
  }
  if (seq === c.rcvNxt) takeInOrder(c, segment, seq, at, length, isFin);
  else takeOutOfOrder(c, segment, seq, at, length, isFin);
}

function outOfWindow(c: Connection): void {
  enterQuickAck(c);
  c.ackScheduled = true;
}

function takeInOrder(
  c: Connection,
  { packet }: Segment,
  seq: number,
  at: number,
  length: number,
  isFin: boolean,
): void {
  const taken = length === 0 ? 0 : writeInOrder(c, seq, packet!, at, length);
  if (taken < length) {
    // Memory has ended: what was taken is acknowledged, the rest comes again.
    c.tcp.extended.TCPRcvQDrop++;
    c.ackNow = true;
    isFin = false;
    if (taken === 0) return;
  }
  advance(c, (seq + taken) | 0);
  const { ranges: outOfOrder } = c.disorder;
  if (outOfOrder !== null && outOfOrder.count > 0) {
    takeFromRanges(c, outOfOrder);
    // What fills a hole is acknowledged at once (RFC 5681 4.2).
    if (outOfOrder.count === 0) c.ackNow = true;
  }
  if (isFin || (c.disorder.hasEarlyFin && c.disorder.earlyFinSeq === c.rcvNxt)) finCame(c);
  c.notices |= NOTICE_READABLE;
}

// Who has nothing to read gets something in any case, so that all go on; what came out of order makes room first.
function writeInOrder(c: Connection, seq: number, packet: Packet, at: number, length: number): number {
  const { bytes, lent } = packet;
  const taken = c.receiveBuffer.write(seq, bytes, at, length, false, lent);
  if (taken > 0) return taken;
  const { ranges: outOfOrder } = c.disorder;
  if (outOfOrder !== null && outOfOrder.count > 0) {
    c.tcp.extended.OfoPruned++;
    outOfOrder.clear();
    c.ownDisorder.bytes = 0;
    c.ownDisorder.hasEarlyFin = false;
    c.receiveBuffer.cut(c.rcvNxt);
  }
  return c.receiveBuffer.write(seq, bytes, at, length, c.available === 0, lent);
}

// The stream is whole up to there.
function advance(c: Connection, seq: number): void {
  c.bytesReceived += (seq - c.rcvNxt) | 0;
  c.rcvNxt = seq;
}

function takeFromRanges(c: Connection, ranges: SequenceRanges): void {
  const index = ranges.find((c.rcvNxt - 1) | 0);
  if (index < ranges.count && !after(ranges.startOf(index), c.rcvNxt)) {
    const end = ranges.endOf(index);
    if (after(end, c.rcvNxt)) advance(c, end);
  }
  ranges.trim(c.rcvNxt);
  c.ownDisorder.bytes = sizeOf(ranges);
}

function sizeOf(ranges: SequenceRanges): number {
  let size = 0;
  for (let i = 0; i < ranges.count; i++) size += (ranges.endOf(i) - ranges.startOf(i)) | 0;
  return size;
}

function takeOutOfOrder(
  c: Connection,
  { packet }: Segment,
  seq: number,
  at: number,
  length: number,
  isFin: boolean,
): void {
  const { extended } = c.tcp;
  c.ackScheduled = true;
  c.ackNow = true;
  c.ownDisorder.packets++;
  const disorder = c.ownDisorder;
  disorder.ranges ??= new SequenceRanges(RANGES_MAX);
  const { ranges } = disorder;
  const end = (seq + length) | 0;
  if (isFin) {
    c.ownDisorder.hasEarlyFin = true;
    c.ownDisorder.earlyFinSeq = end;
  }
  if (length === 0) return;
  if (ranges.covers(seq, end)) {
    extended.TCPOFOMerge++;
    setDsack(c, seq, end, false);
    return;
  }
  if (!ranges.hasRoomFor(seq, end)) {
    extended.TCPOFODrop++;
    return;
  }
  const taken = c.receiveBuffer.write(seq, packet!.bytes, at, length, false, packet!.lent);
  if (taken === 0) {
    extended.TCPOFODrop++;
    return;
  }
  extended.TCPOFOQueue++;
  noteOverlap(c, ranges, seq, (seq + taken) | 0);
  ranges.add(seq, (seq + taken) | 0);
  c.ownDisorder.bytes = sizeOf(ranges);
  noteRecent(c, seq);
}

// A part had come already.
function noteOverlap(c: Connection, ranges: SequenceRanges, start: number, end: number): void {
  const index = ranges.find(start);
  if (index >= ranges.count || !before(ranges.startOf(index), end)) return;
  const from = later(start, ranges.startOf(index));
  const to = ranges.endOf(index);
  setDsack(c, from, before(to, end) ? to : end, false);
}

/** A segment outside of the window: it is acknowledged, and what of it had come before told (tcp_send_dupack). */
export function noteDuplicate(c: Connection, segment: Segment): void {
  if (segment.end === segment.seq || !before(segment.seq, c.rcvNxt)) return;
  c.tcp.extended.DelayedACKLost++;
  enterQuickAck(c);
  setDsack(c, segment.seq, before(segment.end, c.rcvNxt) ? segment.end : c.rcvNxt, true);
}
