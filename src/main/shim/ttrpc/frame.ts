// ttrpc's frames (containerd/ttrpc, PROTOCOL.md): ten bytes of header, the length of what follows, the stream, a type and
// flags, and at most 4 MiB. A reader takes them out of a stream of bytes and holds no more than has arrived: what a
// header claims costs nothing, and what is too long is counted off and not kept.

export const HEADER = 10;
export const DATA_MAX = 4 << 20;

export const FrameType = { REQUEST: 1, RESPONSE: 2, DATA: 3 } as const;

export const Flag = { REMOTE_CLOSED: 1, REMOTE_OPEN: 2, NO_DATA: 4 } as const;

export interface Frame {
  readonly stream: number;
  readonly type: number;
  readonly flags: number;
  /** As the header says; more than DATA_MAX: there is no data. */
  readonly length: number;
  readonly data: Uint8Array;
}

const NOTHING = new Uint8Array(0);
/** What a frame's data gets room for before it arrives. */
const FIRST_ROOM = 4096;

/** A whole frame; its data is at most DATA_MAX bytes. */
export function encodeFrame(stream: number, type: number, flags: number, data: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER + data.length);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(stream, 4);
  frame[8] = type;
  frame[9] = flags;
  frame.set(data, HEADER);
  return frame;
}

export class FrameReader {
  readonly #header = Buffer.alloc(HEADER);
  #headerLength = 0;
  /** Of the frame whose header is whole. */
  #length = 0;
  /** Bytes of its data that have passed. */
  #passed = 0;
  #data: Uint8Array = NOTHING;

  /** Bytes that are held for the frame under way. */
  get held(): number {
    return this.#data.length;
  }

  /** Takes bytes, and gives the frames that are whole with them. */
  *take(bytes: Uint8Array): Generator<Frame> {
    let at = 0;
    while (true) {
      at += this.#takeHeader(bytes, at);
      if (this.#headerLength < HEADER) return;
      at += this.#takeData(bytes, at);
      if (this.#passed < this.#length) return;
      yield this.#finish();
    }
  }

  #takeHeader(bytes: Uint8Array, at: number): number {
    const missing = HEADER - this.#headerLength;
    if (missing === 0) return 0;
    const taken = Math.min(missing, bytes.length - at);
    this.#header.set(bytes.subarray(at, at + taken), this.#headerLength);
    this.#headerLength += taken;
    if (this.#headerLength === HEADER) {
      this.#length = this.#header.readUInt32BE(0);
      this.#passed = 0;
    }
    return taken;
  }

  #takeData(bytes: Uint8Array, at: number): number {
    const taken = Math.min(this.#length - this.#passed, bytes.length - at);
    const end = this.#passed + taken;
    if (this.#length <= DATA_MAX && taken > 0) {
      if (end > this.#data.length) this.#grow(end);
      this.#data.set(bytes.subarray(at, at + taken), this.#passed);
    }
    this.#passed = end;
    return taken;
  }

  /** Twice the room each time, so that bytes which come one by one are not copied again and again. */
  #grow(needed: number): void {
    const room = Math.min(this.#length, Math.max(needed, 2 * this.#data.length, FIRST_ROOM));
    const data = new Uint8Array(room);
    data.set(this.#data.subarray(0, this.#passed));
    this.#data = data;
  }

  #finish(): Frame {
    const frame = {
      stream: this.#header.readUInt32BE(4),
      type: this.#header[8]!,
      flags: this.#header[9]!,
      length: this.#length,
      data: this.#data,
    };
    this.#headerLength = 0;
    this.#data = NOTHING;
    return frame;
  }
}
