// The ring of a packet socket, if it has one: made as it is asked for, filled, mapped, and given up.

import { EBUSY, EINVAL, ENOMEM } from "../../../shared/abi/errno.ts";
import { O_RDWR } from "../../../shared/abi/fcntl.ts";
import { TPACKET_V3 } from "../../../shared/abi/packet.ts";
import type { NetContext } from "../context.ts";
import type { KeptFrame } from "./frame.ts";
import { nameOf } from "./names.ts";
import { type ReceiveRing, RingOfFrames } from "./ring.ts";
import { RingMemory } from "./ring_memory.ts";
import { RingOfBlocks } from "./ring_of_blocks.ts";
import { type RingRequest, readRequest } from "./ring_request.ts";

/** What its socket hears of it. */
export interface RingUser {
  /** There is something to read. */
  filled(): void;
  /** There is no block for what comes next. */
  frozen(): void;
}

export class SocketRing {
  readonly #kernel: NetContext;
  readonly #user: RingUser;
  #ring: ReceiveRing | null = null;
  /** Of blocks, which are told of when they are given. */
  #isOfBlocks = false;

  constructor(kernel: NetContext, user: RingUser) {
    this.#kernel = kernel;
    this.#user = user;
  }

  get isThere(): boolean {
    return this.#ring !== null;
  }

  get isReadable(): boolean {
    return this.#ring?.isReadable === true;
  }

  /** Null: there is none. */
  get request(): RingRequest | null {
    return this.#ring?.request ?? null;
  }

  get size(): number {
    return this.#ring?.memory.size ?? 0;
  }

  /** PACKET_RX_RING; there are none for what is sent. */
  set(value: Buffer, isForSending: boolean, version: number, reserve: number): number {
    const request = readRequest(value, version, reserve);
    if (typeof request === "number") return request;
    if (isForSending) return -EINVAL;
    if (request === null) {
      this.drop();
      return 0;
    }
    return this.#ring === null ? this.#make(request, version, reserve) : -EBUSY;
  }

  #make(request: RingRequest, version: number, reserve: number): number {
    const { counters, heap, commonMemory, native } = this.#kernel;
    const size = request.blockSize * request.blocks;
    if (!heap.hasRoom("packetRings") || !commonMemory.hasRoom(size)) return -ENOMEM;
    const memory = RingMemory.make(native, size);
    if (typeof memory === "number") return -ENOMEM;
    counters.packetRings++;
    counters.packetRingBytes += size;
    this.#isOfBlocks = version === TPACKET_V3;
    this.#ring = this.#isOfBlocks
      ? new RingOfBlocks(this.#kernel, memory, request, reserve, this.#user)
      : new RingOfFrames(memory, request, version, reserve);
    return 0;
  }

  drop(): void {
    if (this.#ring === null) return;
    const { counters } = this.#kernel;
    counters.packetRings--;
    counters.packetRingBytes -= this.#ring.memory.size;
    this.#ring.close();
    this.#ring = null;
  }

  /** A frame for it, from its byte `start` on; false: there is no room. */
  put(frame: KeptFrame, start: number, length: number, whole: number, hasLost: boolean): boolean {
    const { type, index, hardwareType, delivery, sender } = frame;
    const isPut = this.#ring!.put(
      {
        frame,
        name: Buffer.from(nameOf(type, index, hardwareType, delivery, sender, true), "latin1"),
        bytes: frame.bytes.subarray(start, start + length),
        linkLength: frame.network - start,
        whole,
        status: frame.status,
      },
      hasLost,
    );
    if (isPut && !this.#isOfBlocks) this.#user.filled();
    return isPut;
  }

  /** A descriptor of its memory for whoever maps it, and its size; or a negative errno. */
  toMap(): { readonly fd: number; readonly size: number } | number {
    if (this.#ring === null) return -EINVAL;
    const { native, descriptors } = this.#kernel;
    const { fd, size } = this.#ring.memory;
    const reopened = native.reopen(descriptors.proc, fd, O_RDWR);
    return reopened < 0 ? reopened : { fd: reopened, size };
  }
}
