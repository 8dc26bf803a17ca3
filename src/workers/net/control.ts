// Control messages (cmsg(3)): what goes along with a message, of each family's own kind, and how it is written for a
// receiver.

import { MSG_CTRUNC, SO_TIMESTAMPNS_NEW, SO_TIMESTAMPNS_OLD, SOL_SOCKET } from "../../shared/abi/socket.ts";
import { cmsghdr } from "../../shared/abi/structs.ts";
import type { Time } from "../vfs/inode.ts";

/** struct cmsghdr */
const CONTROL_HEADER = cmsghdr.size;
const NONE = Buffer.alloc(0);

/** What goes with a message beside its bytes. Whoever has it last lets it go. */
export interface Ancillary {
  /** It holds nothing, and says something of the last bytes only: a stream's receive goes on, and tells of the last. */
  readonly isOfLast?: boolean;
  release(): void;
}

function controlAlign(length: number): number {
  return (length + 7) & ~7;
}

/** A control message as its sender wrote it. */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly body: Buffer;
  /** With its header, and with what fills it up. */
  readonly whole: Buffer;
}

/** Those in a buffer, one after the other; null, and then the last: there is one that is not as it should be (EINVAL). */
export function* controlMessages(bytes: Buffer): Generator<ControlMessage | null, void, void> {
  for (let at = 0; at + CONTROL_HEADER <= bytes.length; ) {
    const { cmsg_len: length, cmsg_level: level, cmsg_type: type } = cmsghdr.decode(bytes, at);
    if (length < CONTROL_HEADER || length > bytes.length - at) {
      yield null;
      return;
    }
    const whole = bytes.subarray(at, at + controlAlign(length));
    yield { level, type, body: whole.subarray(CONTROL_HEADER, length), whole };
    at += controlAlign(length);
  }
}

/** Control messages for a receiver, in a buffer of its size. */
export class ControlWriter {
  /** As long as there was need for: most messages have nothing with them. */
  #bytes = NONE;
  readonly #size: number;
  length = 0;
  /** MSG_CTRUNC when not all found room. */
  flags = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** The messages; what stands behind `length` is not theirs. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Bytes that the body of one more may have; negative where there is not even room for its header. */
  get room(): number {
    return this.#size - this.length - CONTROL_HEADER;
  }

  add(level: number, type: number, body: Uint8Array): void {
    const room = this.#size - this.length;
    if (room < CONTROL_HEADER) {
      this.flags |= MSG_CTRUNC;
      return;
    }
    const whole = CONTROL_HEADER + body.length;
    const length = Math.min(whole, room);
    if (length < whole) this.flags |= MSG_CTRUNC;
    const header = { cmsg_len: length, cmsg_level: level, cmsg_type: type };
    const end = Math.min(this.#size, this.length + controlAlign(whole));
    this.#growTo(end);
    cmsghdr.encode(header, this.#bytes, this.length);
    this.#bytes.set(body.subarray(0, length - CONTROL_HEADER), this.length + CONTROL_HEADER);
    this.length = end;
  }

  #growTo(length: number): void {
    const before = this.#bytes;
    if (length <= before.length) return;
    this.#bytes = Buffer.alloc(Math.min(this.#size, Math.max(length, 2 * before.length)));
    this.#bytes.set(before);
  }

  /** When it came, in the form of SO_TIMESTAMPING: three times, of which hardware would have made two. */
  stamping(option: number, { sec, nsec }: Time): void {
    const body = Buffer.alloc(48);
    body.writeBigInt64LE(BigInt(sec));
    body.writeUInt32LE(nsec, 8);
    this.add(SOL_SOCKET, option, body);
  }

  /** When the message was sent (SO_TIMESTAMP and its relatives). */
  timestamp(option: number, { sec, nsec }: Time): void {
    const body = Buffer.alloc(16);
    const inNs = option === SO_TIMESTAMPNS_OLD || option === SO_TIMESTAMPNS_NEW;
    body.writeBigInt64LE(BigInt(sec));
    body.writeUInt32LE(inNs ? nsec : Math.floor(nsec / 1000), 8);
    this.add(SOL_SOCKET, option, body);
  }
}
