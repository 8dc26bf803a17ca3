// Rings that a packet socket's frames go to (packet_mmap): of frames, each of which is given to the guest with its status and
// comes back so (TPACKET_V1, TPACKET_V2), or of blocks that are filled with frames and given as a whole (ring_of_blocks.ts).

import {
  TP_STATUS_KERNEL,
  TP_STATUS_LOSING,
  TP_STATUS_USER,
  TPACKET_V1,
} from "../../../shared/abi/packet.ts";
import type { KeptFrame } from "./frame.ts";
import { NAME_SIZE } from "./names.ts";
import type { RingMemory } from "./ring_memory.ts";
import { FRAME_HEADERS, frameAlign, type RingRequest } from "./ring_request.ts";

const NS_PER_US = 1000;
/** Room for a link header before the network's. */
const LINK_ROOM = 16;

/** One frame more, as its socket gives it. */
export interface RingFrame {
  readonly frame: KeptFrame;
  /** Its struct sockaddr_ll. */
  readonly name: Uint8Array;
  /** What there is of it to give: from the link header on, or from the network's. */
  readonly bytes: Uint8Array;
  /** How long its link header is, of those bytes. */
  readonly linkLength: number;
  readonly whole: number;
  /** TP_STATUS_* */
  readonly status: number;
}

export interface ReceiveRing {
  readonly memory: RingMemory;
  readonly request: RingRequest;
  /** False: there is no room for it. */
  put(one: RingFrame, hasLost: boolean): boolean;
  readonly isReadable: boolean;
  close(): void;
}

/** Where in a frame of a ring its network header stands. */
export function networkOffset(version: number, reserve: number, { linkLength }: RingFrame): number {
  const size = FRAME_HEADERS[version]! + NAME_SIZE;
  if (linkLength === 0) return frameAlign(size) + LINK_ROOM + reserve;
  return frameAlign(size + Math.max(LINK_ROOM, linkLength)) + reserve;
}

export class RingOfFrames implements ReceiveRing {
  readonly memory: RingMemory;
  readonly request: RingRequest;
  readonly #version: number;
  readonly #reserve: number;
  #head = 0;

  constructor(memory: RingMemory, request: RingRequest, version: number, reserve: number) {
    this.memory = memory;
    this.request = request;
    this.#version = version;
    this.#reserve = reserve;
    memory.tellStatusAt(this.#placeOf(this.#previous));
  }

  get #previous(): number {
    return this.#head === 0 ? this.request.frames - 1 : this.#head - 1;
  }

  #placeOf(index: number): number {
    const { blockSize, frameSize } = this.request;
    const perBlock = Math.floor(blockSize / frameSize);
    return Math.floor(index / perBlock) * blockSize + (index % perBlock) * frameSize;
  }

  get isReadable(): boolean {
    return this.memory.readWord(this.#placeOf(this.#previous)) !== TP_STATUS_KERNEL;
  }

  put(one: RingFrame, hasLost: boolean): boolean {
    const { memory, request } = this;
    const at = this.#placeOf(this.#head);
    if (memory.readWord(at) !== TP_STATUS_KERNEL) return false;
    const net = networkOffset(this.#version, this.#reserve, one);
    const mac = net - one.linkLength;
    const length = Math.max(0, Math.min(one.bytes.length, request.frameSize - mac));
    const isV1 = this.#version === TPACKET_V1;
    const header = Buffer.alloc(FRAME_HEADERS[this.#version]! + NAME_SIZE);
    const first = isV1 ? 8 : 4;
    const { sec, nsec } = one.frame.at;
    header.writeUInt32LE(one.whole, first);
    header.writeUInt32LE(length, first + 4);
    header.writeUInt16LE(mac & 0xffff, first + 8);
    header.writeUInt16LE(net & 0xffff, first + 10);
    header.writeUInt32LE(sec >>> 0, first + 12);
    header.writeUInt32LE(isV1 ? Math.floor(nsec / NS_PER_US) : nsec, first + 16);
    header.set(one.name, FRAME_HEADERS[this.#version]!);
    memory.write(at + 4, header.subarray(4));
    if (length > 0) memory.write(at + mac, one.bytes.subarray(0, length));
    memory.writeWord(at, TP_STATUS_USER | one.status | (hasLost ? TP_STATUS_LOSING : 0));
    memory.tellStatusAt(at);
    this.#head = this.#head + 1 === request.frames ? 0 : this.#head + 1;
    return true;
  }

  close(): void {
    this.memory.close();
  }
}
