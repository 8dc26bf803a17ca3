// The Internet checksum (RFC 1071) of bytes and of the pseudo headers (RFC 768, RFC 8200 8.1), and its change by a
// change of what it covers (RFC 1624). A sum is partial: of 16-bit numbers in network order, folded to 16 bits, not
// complemented. A sum of 0 says that all bytes are 0.

import { isV4 } from "./ip_address.ts";

/** Bytes whose 16-bit halves an int32 holds the sum of. */
const PIECE = 1 << 16;

export function fold(sum: number): number {
  sum = (sum >>> 16) + (sum & 0xffff);
  return (sum + (sum >>> 16)) & 0xffff;
}

/** Bytes in pairs of the host's order are summed, which is the other order of the sum (RFC 1071 2.B). */
function swap(sum: number): number {
  return ((sum & 0xff) << 8) | (sum >>> 8);
}

/** Of bytes, of which the first is the higher of its pair; begun with the sum of what stands before them. */
export function sumOf(view: DataView, offset: number, length: number, before = 0): number {
  let sum = 0;
  let at = offset;
  const end = offset + length;
  while (end - at >= 16) {
    const stop = Math.min(end, at + PIECE) - 15;
    let low = 0;
    let high = 0;
    for (; at < stop; at += 16) {
      const a = view.getInt32(at, true);
      const b = view.getInt32(at + 4, true);
      const c = view.getInt32(at + 8, true);
      const d = view.getInt32(at + 12, true);
      low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
      high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
    }
    sum += fold(low) + fold(high);
  }
  for (; end - at >= 2; at += 2) sum += view.getUint16(at, true);
  if (at < end) sum += view.getUint8(at);
  return fold(swap(fold(sum)) + before);
}

/** Of an address: of an IPv4 one, of its 4 bytes. */
export function sumOfAddress(w0: number, w1: number, w2: number, w3: number): number {
  const last = (w3 >>> 16) + (w3 & 0xffff);
  if (isV4(w0, w1, w2)) return fold(last);
  return fold((w0 >>> 16) + (w0 & 0xffff) + (w1 >>> 16) + (w1 & 0xffff) + (w2 >>> 16) + (w2 & 0xffff) + last);
}

/** Of a pseudo header, by the sums of its addresses. */
export function sumOfPseudoHeader(
  source: number,
  destination: number,
  protocol: number,
  length: number,
): number {
  return fold(source + destination + protocol + (length >>> 16) + (length & 0xffff));
}

/** Two addresses as words: those of a packet, or of a way. */
interface Addresses {
  readonly source0: number;
  readonly source1: number;
  readonly source2: number;
  readonly source3: number;
  readonly destination0: number;
  readonly destination1: number;
  readonly destination2: number;
  readonly destination3: number;
}

/** Of the pseudo header of so many bytes from one to the other. */
export function pseudoSum(ends: Addresses, protocol: number, length: number): number {
  return sumOfPseudoHeader(
    sumOfAddress(ends.source0, ends.source1, ends.source2, ends.source3),
    sumOfAddress(ends.destination0, ends.destination1, ends.destination2, ends.destination3),
    protocol,
    length,
  );
}

/** A checksum as it stands in a header, after one 16-bit number that it covers was changed (RFC 1624). */
export function updated(checksum: number, before: number, after: number): number {
  return ~fold((~checksum & 0xffff) + (~before & 0xffff) + after) & 0xffff;
}
