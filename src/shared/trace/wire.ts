// A message of a packet sink (docs/traces.md, "The wire"): a header of 32 bytes, little-endian, and JSON in UTF-8 behind it.
//
//    0  u16  bytes of the header: what a later version adds stands behind these
//    2  u16  what it is: the number of a point, or HELLO, LOST (points.ts)
//    4  u32  bytes of JSON
//    8  u64  sequence: events of the session, one after the other, whether they came through or not
//   16  u64  CLOCK_REALTIME in nanoseconds
//   24  u64  events that this sink has lost so far

export const HEADER_SIZE = 32;
/** The version that is spoken, and the oldest that would be. */
export const WIRE_VERSION = 1;
export const WIRE_OLDEST = 1;

const TWO_32 = 2 ** 32;

export interface Header {
  kind: number;
  length: number;
  sequence: number;
  time: bigint;
  lost: number;
}

/** One message; `seconds` and `nanoseconds`: when it was. */
export function message(
  kind: number,
  text: string,
  sequence: number,
  seconds: number,
  nanoseconds: number,
  lost: number,
): Buffer {
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(HEADER_SIZE + length);
  bytes.writeUInt16LE(HEADER_SIZE, 0);
  bytes.writeUInt16LE(kind, 2);
  bytes.writeUInt32LE(length, 4);
  putNumber(bytes, 8, sequence);
  bytes.writeBigUInt64LE(BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds), 16);
  putNumber(bytes, 24, lost);
  bytes.write(text, HEADER_SIZE);
  return bytes;
}

function putNumber(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value % TWO_32, at);
  bytes.writeUInt32LE(Math.floor(value / TWO_32), at + 4);
}

/** Null: that is no whole message. */
export function readHeader(bytes: Buffer): (Header & { text: string }) | null {
  if (bytes.length < HEADER_SIZE) return null;
  const size = bytes.readUInt16LE(0);
  const length = bytes.readUInt32LE(4);
  if (size < HEADER_SIZE || bytes.length < size + length) return null;
  return {
    kind: bytes.readUInt16LE(2),
    length,
    sequence: Number(bytes.readBigUInt64LE(8)),
    time: bytes.readBigUInt64LE(16),
    lost: Number(bytes.readBigUInt64LE(24)),
    text: bytes.toString("utf8", size, size + length),
  };
}
