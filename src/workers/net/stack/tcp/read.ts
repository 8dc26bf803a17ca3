// Reading from a connection's stream, and its urgent byte (tcp(7), RFC 6093): as Linux has it, the byte is no part of the
// stream unless SO_OOBINLINE says so, and a read stops at its place.

import * as E from "../../../../shared/abi/errno.ts";
import { MSG_PEEK, MSG_TRUNC } from "../../../../shared/abi/socket.ts";
import type { Pieces } from "../pieces.ts";
import { bytesWereRead } from "./acknowledge.ts";
import { type Connection, URGENT_NONE, URGENT_NOT_YET, URGENT_READ, URGENT_VALID } from "./connection.ts";
import type { Segment } from "./segment.ts";
import { after, before } from "./sequence.ts";
import * as S from "./states.ts";
import { adjustReceiveSpace } from "./window.ts";

/** Bytes from the stream, from `offset` on if it is a peek; 0: there are none now. */
export function readStream(c: Connection, target: Uint8Array, flags: number, offset: number): number {
  const isPeek = (flags & MSG_PEEK) !== 0;
  const end = c.readableEnd;
  const isInline = c.endpoint.options.urgentInline;
  let seq = isPeek ? (c.copiedSeq + Math.min(offset, c.available)) | 0 : c.copiedSeq;
  let copied = 0;
  while (before(seq, end) && copied < target.length) {
    let piece = Math.min((end - seq) | 0, target.length - copied);
    if (c.urgentState !== URGENT_NONE) {
      const ahead = (c.urgentSeq - seq) | 0;
      if (ahead === 0) {
        if (copied > 0) break;
        if (!isInline) {
          seq = (seq + 1) | 0;
          continue;
        }
      } else if (ahead > 0) piece = Math.min(piece, ahead);
    }
    if ((flags & MSG_TRUNC) === 0) c.receiveBuffer.read(seq, target, copied, piece);
    seq = (seq + piece) | 0;
    copied += piece;
  }
  if (isPeek) return copied;
  const consumed = (seq - c.copiedSeq) | 0;
  if (consumed > 0) consume(c, consumed);
  return copied;
}

/** Where the bytes that are read next stand, up to urgent data: how many, at most `most`. */
export function lookAtStream(c: Connection, most: number, pieces: Pieces): number {
  const length = c.urgentState === URGENT_NONE ? Math.min(most, c.available) : 0;
  if (length > 0) c.receiveBuffer.look(c.copiedSeq, length, pieces);
  return length;
}

/** So many bytes are read. */
export function consume(c: Connection, count: number): void {
  c.copiedSeq = (c.copiedSeq + count) | 0;
  const ranges = c.disorder.ranges;
  const end = ranges !== null && ranges.count > 0 ? ranges.endOf(ranges.count - 1) : c.readableEnd;
  c.receiveBuffer.trim(c.copiedSeq, end);
  if (c.urgentState !== URGENT_NONE && after(c.copiedSeq, c.urgentSeq)) c.urgentState = URGENT_NONE;
  adjustReceiveSpace(c);
  bytesWereRead(c, count);
}

/** MSG_OOB: the urgent byte. */
export function readUrgent(c: Connection, target: Uint8Array, flags: number): number {
  if (c.endpoint.options.urgentInline || c.urgentState === URGENT_NONE || c.urgentState === URGENT_READ)
    return -E.EINVAL;
  if (c.state === S.TCP_CLOSE && !c.finReceived) return -E.ENOTCONN;
  if (c.urgentState === URGENT_VALID) {
    if ((flags & MSG_PEEK) === 0) c.urgentState = URGENT_READ;
    if (target.length === 0) return 0;
    if ((flags & MSG_TRUNC) === 0) target[0] = c.urgentByte;
    return 1;
  }
  if (c.state === S.TCP_CLOSE || c.endpoint.hasShutRead || c.finReceived) return 0;
  return -E.EAGAIN;
}

/** A segment announces urgent data (tcp_check_urg); true: somebody is to be told. */
export function urgentCame(c: Connection, segment: Segment): boolean {
  let pointer = segment.urgent;
  if (pointer > 0 && !c.tcp.settings.stdUrgent) pointer--;
  const place = (segment.seq + pointer) | 0;
  if (after(c.copiedSeq, place) || before(place, c.rcvNxt)) return false;
  if (c.urgentState !== URGENT_NONE && !after(place, c.urgentSeq)) return false;
  // An urgent byte that nobody read becomes one of the stream.
  const isPassed = c.urgentSeq === c.copiedSeq && c.urgentState !== URGENT_NONE;
  // Its place may be the FIN's, which is none.
  if (isPassed && !c.endpoint.options.urgentInline && c.available > 0) consume(c, 1);
  c.urgentState = URGENT_NOT_YET;
  c.urgentSeq = place;
  return true;
}

/** The urgent byte itself, if the segment has it; true: it has. */
export function takeUrgentByte(c: Connection, segment: Segment): boolean {
  if (c.urgentState !== URGENT_NOT_YET) return false;
  const place = (c.urgentSeq - segment.seq - (segment.isSyn ? 1 : 0)) | 0;
  if (place < 0 || place >= segment.length) return false;
  segment.packet!.own();
  c.urgentByte = segment.packet!.bytes[segment.at + place]!;
  c.urgentState = URGENT_VALID;
  return true;
}
