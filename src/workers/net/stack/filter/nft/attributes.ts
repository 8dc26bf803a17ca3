// Attributes of netlink as nf_tables has them: nested, numbers big-endian. What a guest gave is read with every length
// checked before a field is; what is given back is made here.

import { ERANGE } from "../../../../../shared/abi/errno.ts";

const HEADER = 4;
const TYPE_MASK = 0x3fff; // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
/** Behind that attributes are not looked at: no message has so many, and to go through them takes its time. */
const LOOKED_AT_MAX = 1 << 17;
const EMPTY = Buffer.alloc(0);

function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** Attributes one behind the other, up to the first that is not as long as it says. */
export function* attributesIn(bytes: Buffer): Generator<readonly [type: number, value: Buffer]> {
  for (let at = 0; at + HEADER <= Math.min(bytes.length, LOOKED_AT_MAX); ) {
    const length = bytes.readUInt16LE(at);
    if (length < HEADER || length > bytes.length - at) return;
    yield [bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + HEADER, at + length)];
    at += aligned(length);
  }
}

/** Some by type; of several of a type the last one. */
export class Attributes {
  readonly #found = new Map<number, Buffer>();
  /** -ERANGE: one that was asked for is too short, or a text too long. */
  error = 0;

  constructor(bytes: Buffer) {
    for (const [type, value] of attributesIn(bytes)) this.#found.set(type, value);
  }

  has(type: number): boolean {
    return this.#found.has(type);
  }

  bytes(type: number): Buffer | undefined {
    return this.#found.get(type);
  }

  #short(): undefined {
    this.error = -ERANGE;
  }

  u32(type: number): number | undefined {
    const value = this.#found.get(type);
    if (value === undefined) return undefined;
    return value.length < 4 ? this.#short() : value.readUInt32BE();
  }

  /** As far as a double is exact. */
  u64(type: number): number | undefined {
    const value = this.#found.get(type);
    if (value === undefined) return undefined;
    return value.length < 8 ? this.#short() : value.readUInt32BE(0) * 2 ** 32 + value.readUInt32BE(4);
  }

  /** Up to its NUL; it has at most so many bytes. */
  text(type: number, max: number): string | undefined {
    const value = this.#found.get(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    const length = end < 0 ? value.length : end;
    return length > max ? this.#short() : value.toString("latin1", 0, length);
  }

  nested(type: number): Attributes | undefined {
    const value = this.#found.get(type);
    return value === undefined ? undefined : new Attributes(value);
  }
}

// ---- What is given back ----

export function attribute(type: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = HEADER;
  for (const part of parts) length += part.length;
  const bytes = Buffer.alloc(aligned(length));
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(type, 2);
  let at = HEADER;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function number32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(HEADER + 4);
  bytes.writeUInt16LE(HEADER + 4, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.writeInt32BE(value | 0, HEADER);
  return bytes;
}

export function number64(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(HEADER + 8);
  bytes.writeUInt16LE(HEADER + 8, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32) >>> 0, HEADER);
  bytes.writeUInt32BE((value % 2 ** 32) >>> 0, HEADER + 4);
  return bytes;
}

export function text(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`, "latin1"));
}

/** One, if there is something to say. */
export function optional(type: number, value: Uint8Array | null): Buffer {
  return value === null ? EMPTY : attribute(type, value);
}
