// Netlink messages (netlink(7)): read from what was sent, with every length checked against what is there; and written,
// header, body and attributes, each at a multiple of four bytes.

import { NLMSG_HDRLEN } from "../../../shared/abi/netlink.ts";

const ATTRIBUTE_HEADER = 4;
const TYPE_MASK = 0x3fff; // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
const FIRST_ROOM = 1024;
/** Behind that attributes are not looked at: no request has so many, and to go through them takes its time. */
const ATTRIBUTES_MAX = 1 << 18;

function align(length: number): number {
  return (length + 3) & ~3;
}

/** A message that was sent. */
export interface Request {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Header and all. */
  readonly bytes: Buffer;
  /** What stands behind the header. */
  readonly body: Buffer;
}

/** Without all else that was sent with it. */
export function copyOf(request: Request): Request {
  const bytes = Buffer.from(request.bytes);
  return { ...request, bytes, body: bytes.subarray(NLMSG_HDRLEN) };
}

/** The messages in what was sent, up to the first that is not as long as it says. */
export function* requestsIn(bytes: Buffer): Generator<Request> {
  for (let at = 0; at + NLMSG_HDRLEN <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length < NLMSG_HDRLEN || length > bytes.length - at) return;
    yield {
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      bytes: bytes.subarray(at, at + length),
      body: bytes.subarray(at + NLMSG_HDRLEN, at + length),
    };
    at += align(length);
  }
}

/** The attributes behind a body's fixed part, by type; of several of a type the last one. */
export function attributesOf(body: Buffer, fixed: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = align(fixed); at + ATTRIBUTE_HEADER <= Math.min(body.length, ATTRIBUTES_MAX); ) {
    const length = body.readUInt16LE(at);
    if (length < ATTRIBUTE_HEADER || length > body.length - at) break;
    found.set(body.readUInt16LE(at + 2) & TYPE_MASK, body.subarray(at + ATTRIBUTE_HEADER, at + length));
    at += align(length);
  }
  return found;
}

/** A number of an attribute that is as long as one; null: it is missing or short. */
export function numberOf(bytes: Buffer | undefined): number | null {
  return bytes === undefined || bytes.length < 4 ? null : bytes.readUInt32LE();
}

/** The text of an attribute, up to its NUL. */
export function textOf(bytes: Buffer | undefined): string | null {
  if (bytes === undefined) return null;
  const text = bytes.toString("latin1");
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

/** Writes messages one behind the other. */
export class MessageWriter {
  #bytes: Buffer;
  #length = 0;
  /** Where the message that is being written begins. */
  #start = 0;
  /** What the messages answer: their sequence number, and whom. */
  readonly #sequence: number;
  readonly #port: number;

  /** `room`: as long as they may be without growing. */
  constructor(sequence: number, port: number, room = FIRST_ROOM) {
    this.#bytes = Buffer.alloc(room);
    this.#sequence = sequence;
    this.#port = port;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Takes back what stands behind so many bytes; and puts such messages in. */
  cut(length: number): Buffer {
    const left = Buffer.from(this.#bytes.subarray(length, this.#length));
    this.#bytes.fill(0, length, this.#length); // what is written there is expected to be zeroed
    this.#length = length;
    return left;
  }

  put(messages: Buffer): void {
    const at = this.#room(messages.length);
    this.#bytes.set(messages, at);
  }

  /** Room for so many bytes, zeroed: where they begin. */
  #room(length: number): number {
    const at = this.#length;
    const end = at + align(length);
    if (end > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(end, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    this.#length = end;
    return at;
  }

  begin(type: number, flags: number, body: Uint8Array): this {
    this.#start = this.#room(NLMSG_HDRLEN);
    this.#bytes.writeUInt16LE(type, this.#start + 4);
    this.#bytes.writeUInt16LE(flags, this.#start + 6);
    this.#bytes.writeUInt32LE(this.#sequence, this.#start + 8);
    this.#bytes.writeUInt32LE(this.#port, this.#start + 12);
    const at = this.#room(body.length); // which may make other bytes
    this.#bytes.set(body, at);
    return this;
  }

  attribute(type: number, value: Uint8Array): this {
    const at = this.#room(ATTRIBUTE_HEADER + value.length);
    this.#bytes.writeUInt16LE(ATTRIBUTE_HEADER + value.length, at);
    this.#bytes.writeUInt16LE(type, at + 2);
    this.#bytes.set(value, at + ATTRIBUTE_HEADER);
    return this;
  }

  /** Attributes that were made before, each filled up to four bytes. */
  raw(attributes: Uint8Array): this {
    const at = this.#room(attributes.length);
    this.#bytes.set(attributes, at);
    return this;
  }

  u8(type: number, value: number): this {
    return this.attribute(type, Uint8Array.of(value));
  }

  u16(type: number, value: number): this {
    return this.attribute(type, Uint8Array.of(value & 0xff, value >> 8));
  }

  u32(type: number, value: number): this {
    const at = this.#room(ATTRIBUTE_HEADER + 4);
    this.#bytes.writeUInt16LE(ATTRIBUTE_HEADER + 4, at);
    this.#bytes.writeUInt16LE(type, at + 2);
    this.#bytes.writeInt32LE(value | 0, at + ATTRIBUTE_HEADER);
    return this;
  }

  /** An attribute of attributes, which `write` writes. */
  nested(type: number, write: () => void): this {
    const at = this.#room(ATTRIBUTE_HEADER);
    this.#bytes.writeUInt16LE(type, at + 2);
    write();
    this.#bytes.writeUInt16LE(this.#length - at, at);
    return this;
  }

  text(type: number, value: string): this {
    return this.attribute(type, Buffer.from(`${value}\0`, "latin1"));
  }

  end(): void {
    this.#bytes.writeUInt32LE(this.#length - this.#start, this.#start);
  }
}
