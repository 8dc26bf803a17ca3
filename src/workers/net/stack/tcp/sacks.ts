// What is told of what came out of order and twice: selective acknowledgements (RFC 2018), duplicates first (RFC 2883),
// then the ranges that changed last.

import type { Connection } from "./connection.ts";
import * as F from "./format.ts";
import type { Header } from "./header.ts";
import { before } from "./sequence.ts";

/** What is told in a segment of what came out of order and twice, as far as there is room. */
export function reportSacks(c: Connection, header: Header, room: number): void {
  if (!c.sackOk) return;
  const ranges = c.disorder.ranges;
  const hasRanges = ranges !== null && ranges.count > 0;
  if (!hasRanges && !c.disorder.hasDsack) return;
  const most = Math.min(
    F.SACK_BLOCKS_MAX - (c.tsOk ? 1 : 0),
    Math.floor((room - F.SACK_BASE_ALIGNED) / F.SACK_BLOCK),
  );
  if (most <= 0) return;
  if (c.disorder.hasDsack) {
    addBlock(header, c.disorder.dsackStart, c.disorder.dsackEnd);
    c.ownDisorder.hasDsack = false;
  }
  if (!hasRanges) return;
  const first = header.sackCount;
  for (let i = 0; i < c.disorder.recentSackCount && header.sackCount < most; i++) {
    const index = ranges.find(c.disorder.recentSacks![i]!);
    if (index >= ranges.count || before(c.disorder.recentSacks![i]!, ranges.startOf(index))) continue;
    const start = ranges.startOf(index);
    let isKnown = false;
    for (let j = first; j < header.sackCount; j++) if (header.sackStart[j] === start) isKnown = true;
    if (!isKnown) addBlock(header, start, ranges.endOf(index));
  }
}

function addBlock(header: Header, start: number, end: number): void {
  const at = header.sackCount++;
  header.sackStart[at] = start;
  header.sackEnd[at] = end;
}

export function setDsack(c: Connection, start: number, end: number, isOld: boolean): void {
  if (!c.sackOk || !c.tcp.settings.dsack) return;
  if (isOld) c.tcp.extended.TCPDSACKOldSent++;
  else c.tcp.extended.TCPDSACKOfoSent++;
  const disorder = c.ownDisorder;
  disorder.hasDsack = true;
  disorder.dsackStart = start;
  disorder.dsackEnd = end;
}

export function noteRecent(c: Connection, seq: number): void {
  const disorder = c.ownDisorder;
  disorder.recentSacks ??= new Int32Array(F.SACK_BLOCKS_MAX);
  const recent = disorder.recentSacks;
  recent.copyWithin(1, 0, F.SACK_BLOCKS_MAX - 1);
  recent[0] = seq;
  disorder.recentSackCount = Math.min(disorder.recentSackCount + 1, F.SACK_BLOCKS_MAX);
}

/** Whether something is missing before what came. */
export function hasHoles(c: Connection): boolean {
  return c.disorder.ranges !== null && c.disorder.ranges.count > 0;
}

/** The number behind the highest byte that came; the window's left edge if nothing is out of order. */
export function highestReceived(c: Connection): number {
  const ranges = c.disorder.ranges;
  return ranges === null || ranges.count === 0 ? c.rcvNxt : ranges.endOf(ranges.count - 1);
}

/** What came out of order is forgotten. */
export function forgetRanges(c: Connection): void {
  if (c.disorder.ranges === null) return;
  c.disorder.ranges.clear();
  c.ownDisorder.bytes = 0;
}

/** What was not read is of no use to anybody any more. */
export function dropReceived(c: Connection): void {
  forgetRanges(c);
  c.receiveBuffer.releaseAll();
}
